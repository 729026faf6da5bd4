"""A run under way: everything that it consists of, built in one place."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from charseq.errors import TextError, UsageError
from charseq.events import End, EndStatus, Epoch, Start
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.runs.folder import Run
from charseq.runs.resume import Resumption, text_of
from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import Given
from charseq.text.vocabulary import Vocabulary
from charseq.training.best_model import Keeper, Measures
from charseq.training.checkpoint import Parts, require_batch
from charseq.training.data import Material
from charseq.training.device import device_named
from charseq.training.divergence import Watch
from charseq.training.evaluation import Outlier
from charseq.training.kernels.select import way_for
from charseq.training.learner import Learner
from charseq.training.metrics import Tally
from charseq.training.optimizer import scheduled
from charseq.training.position import Counts, Place
from charseq.training.progress import Clock
from charseq.training.reports import Position, Reporter, has_diverged
from charseq.training.samples import Sampler, estimated_seconds

CORRECT_EPOCHS_TO_BE_LEARNED = 10
UPDATES_TO_ESTIMATE = 3
"""Updates after which their pace settles how much held-out text a run with a time limit evaluates."""
CLEARLY_BETTER = 0.9
"""Times the loss before the first update: a run that has not ended replaces an earlier model below that."""
MORE = "give more --epochs, --time-limit or --patience, or train anew"
WORK_FOR_TWO_THREADS = 1_000_000
"""Multiplications in a step of one gate from which a second thread helps torch (1.1 times, measured)."""
WORK_FOR_TWO_NATIVE_THREADS = 250_000
"""The same for the native kernels, whose threads wait for each other once a sequence (1.1 to 1.9 times)."""
MOST_OUTLIERS, SHOWN_OUTLIER = 3, 40
"""Outliers that are named, and how many of their symbols."""


class Session:
    """A run under way: the learner, what it reads, and the best of it so far."""

    def __init__(
        self,
        corpus: AnyCorpus,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        given: Given | None,
        resumed: Resumption | None,
        stop: Callable[[], bool],
        live: bool,
        save_every: float,
        began: float | None = None,
    ) -> None:
        began = running_time() if began is None else began
        self.corpus, self.vocabulary, self.settings, self.stop = corpus, vocabulary, settings, stop
        self.network = Network.of(settings, len(vocabulary))
        self.device = device_named(settings.device, short_text=settings.whole)
        self.way = way_for(self.network.cell, self.device, settings.kernel)
        enough = WORK_FOR_TWO_NATIVE_THREADS if self.way.kernel == "native" else WORK_FOR_TWO_THREADS
        if settings.whole or settings.batch_size * settings.hidden_size**2 < enough:
            torch.set_num_threads(1)  # products this small gain nothing from a second, and wait for it
        self.material = Material(corpus, vocabulary, settings)
        self.text = text_of(given, self.material.digest)
        self.learner = Learner(self.network, self._first_weights(), settings, self.way, self.device)
        self.predictability = self.material.predictability(memory=self.network.cell.memory)
        """How well a memorized text can be predicted; None for longer text."""
        held_out = self.material.held_out
        self.keeper = Keeper(
            corpus,
            vocabulary,
            settings,
            self.learner,
            self.material.opening,
            save_every,
            chooses=held_out is not None and held_out.chooses,
        )
        self.watch = Watch(self.learner, len(vocabulary), self.device, settings.recoveries)
        self.place = Place(Counts(), Tally(self.device), None, self.device)
        sampler = Sampler(self.learner, self.keeper.present, settings.seed, live=live)
        self.parts = Parts(self.place, self.learner, self.watch, self.keeper, sampler)
        self.resumed = resumed
        elapsed = self._go_on(resumed) if resumed else 0.0
        self.clock = Clock(
            settings,
            settings.epochs * len(self.material.windows),
            began=began - elapsed,
            sampling=0.0 if settings.whole else estimated_seconds(self.network.parameters(), len(vocabulary)),
            saving=self.keeper.seconds,
        )
        self.reporter = Reporter(self.material, self.learner, vocabulary, settings, self.clock, sampler)
        self.progressed = running_time()
        if resumed:
            self._require_more_to_do(resumed)

    def take_times(self, untrained: float | None, positions: int, began: float) -> None:
        """Take in how long an update took, and after the first one the loss before it."""
        counts = self.place.counts
        if untrained is not None:
            counts.untrained = untrained
        self.clock.add_update(positions, running_time() - began)
        if not counts.evaluated:
            self._settle_evaluation(final=counts.updates >= UPDATES_TO_ESTIMATE)

    def _settle_evaluation(self, *, final: bool) -> None:
        """Estimate by the pace so far how much of the held-out text can be evaluated in time."""
        held_out = self.material.held_out
        if held_out is None:
            return
        affordable = self.clock.affordable(held_out.positions)
        if final:
            held_out.limit(affordable)
            self.place.counts.evaluated = affordable
            if self.frequencies is not None:
                self.keeper.begin_with(held_out.by_frequencies(self.frequencies))

    def measured(self, kind: type[Epoch]) -> Epoch | None:
        """Measure the network as it now is, and keep it if it is the best so far; None where it diverged."""
        if not self.place.tally.places:  # it has just been restored to sound weights
            self.place.tally = Tally(self.device, **self.watch.sound_tally)
            if not self.place.tally.places:
                return None
        if not self.place.counts.evaluated:
            self._settle_evaluation(final=True)
        with self.learner.settled():
            event = self.reporter.event(kind, self.place.tally, self.position())
            if has_diverged(event.loss) or not self.learner.is_finite:
                return None
            self.place.counts.last_passes = event.passes
            self.keeper.take(event)
        return event

    def save(self, run: Run, status: EndStatus | None = None) -> None:
        """Write the model, and with it where the run is; one that has diverged cannot be resumed.

        A model that an earlier run has left in the folder is replaced once this run is complete, or has one
        that is clearly better than its initial weights; a diverged run never replaces it.  How long the run
        has taken is kept only where that matters, so that the same command gives the same file.
        """
        present = self.place.tally.loss if self.place.tally.places else math.inf
        best = self.keeper.best
        loss = best.loss if best.measured else present
        better = loss is not None and loss < CLEARLY_BETTER * self.place.counts.untrained
        if run.replaces and (status == "diverged" or not (better or status == "completed")):
            self.keeper.postpone()
            return
        state = None
        if status != "diverged":
            more = {"text": self.text, "logged": run.lines, "finished": status == "completed"}
            if status != "completed" or self.settings.time_limit:
                more["seconds"] = self.clock.seconds
            state = self.parts.taken(**more)
        self.keeper.save(run, state, diverged=status == "diverged")
        self.clock.saving = self.keeper.seconds

    def _go_on(self, resumed: Resumption) -> float:
        """Go on from where a run was stopped.  Returns the seconds that it had taken."""
        place = resumed.state.place
        if place["text"].get("sha256") != self.material.digest or resumed.model.vocabulary != self.vocabulary:
            raise TextError(
                f"the text is not the one that {str(resumed.folder)!r} was trained on: its hash is another",
                hint="give the text as it was, or train anew, without --resume",
            )
        self.parts.restore(resumed.model, resumed.state)
        require_batch(self.place, self.material.windows)
        if self.material.held_out and self.place.counts.evaluated:
            self.material.held_out.limit(self.place.counts.evaluated)
        seconds = place.get("seconds", 0.0)
        return seconds if isinstance(seconds, float) and seconds >= 0 else 0.0

    def _require_more_to_do(self, resumed: Resumption) -> None:
        """Refuse to go on with a run that is over; one that was stopped in its last moment may end."""
        why = self.over() if resumed.changed or resumed.finished else ""
        if resumed.finished and not resumed.changed:
            why = why or "it came to its end"
        if why:
            raise UsageError(f"there is nothing left to do in {str(resumed.folder)!r}: {why}", hint=MORE)

    def position(self) -> Position:
        """Where the run is."""
        counts = self.place.counts
        return Position(
            epoch=counts.epochs + 1,
            passes=counts.epochs + counts.read / self.material.windows.places,
            done=self.clock.done(counts.updates),
            learning_rate=counts.rate,
            recoveries=self.watch.recoveries,
        )

    def over(self) -> str:
        """Why the run is at its end; empty where it goes on."""
        settings, counts, best = self.settings, self.place.counts, self.keeper.best
        if counts.epochs >= settings.epochs:
            return f"it has done {counts.epochs} epochs of {settings.epochs}"
        if settings.patience and best.measured and counts.epochs - best.epoch >= settings.patience:
            return f"for {settings.patience} epochs it got no better"
        if settings.until_learned and counts.epochs_right >= CORRECT_EPOCHS_TO_BE_LEARNED:
            return "it has learned its text"
        return "its time is over" if self.clock.is_over else ""

    @property
    def highest_accuracy(self) -> float:
        """The highest accuracy that is possible for a memorized text, and 1 for any other."""
        return self.predictability.accuracy if self.predictability else 1.0

    def learning_rate(self) -> float:
        settings = self.settings
        rate = settings.learning_rate / 2**self.watch.recoveries
        done = self.clock.done(self.place.counts.updates)
        return scheduled(rate, settings.schedule, done, settings.warm_up)

    def _first_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Draw weights from the seed, with a head that already knows how frequent each symbol is.

        Without that, the first updates drive every unit towards the commonest symbol and saturate it: a
        plain RNN then never learns to count thirty equal letters.  For longer text the head's matrix is zero,
        so that the initial network predicts exactly these frequencies: any epoch that is worse is not kept.
        """
        settings = self.settings
        draw = SeededDraw(settings.seed, steps=settings.sequence_length)
        arrays = self.network.draw(draw, to_count=settings.whole)
        self.frequencies: npt.NDArray[np.float32] | None = None
        if "head.b" in arrays:
            arrays["head.b"] = self.material.log_frequencies(len(self.vocabulary))
        if "head.W" in arrays and not settings.whole:
            arrays["head.W"] = np.zeros_like(arrays["head.W"])
            self.frequencies = arrays["head.b"]
        return arrays

    def start(self, run: Run) -> Start:
        return Start(
            settings=self.settings,
            vocabulary_size=len(self.vocabulary),
            parameters=self.network.parameters(),
            device=str(self.device),
            path=self.way.path,
            kernel=self.way.kernel,
            run=str(run.folder),
            characters=self.material.characters,
            sequences=self.corpus.strings,
            unit=self.vocabulary.unit,
            normalization=self.vocabulary.normalization,
            symbols=self.vocabulary.symbols,
            lines=self.corpus.lines,
            **self.material.validation_facts(),
            highest_accuracy=self.predictability and self.predictability.accuracy,
            conflict=self._conflict(),
            resumed=self.position().passes if self.resumed else None,
        )

    def _conflict(self) -> dict[str, Any] | None:
        if self.predictability is None or self.predictability.shortest is None:
            return None
        context, following = self.predictability.shortest
        decode = self.vocabulary.decode
        return {
            "context": decode(context),
            "following": [decode([symbol]) for symbol in following],
            "count": self.predictability.conflicts,
        }

    def _described(self, outlier: Outlier) -> dict[str, Any]:
        ids = self.reporter.evaluated[outlier.sequence][: SHOWN_OUTLIER + 1]
        return {
            "text": self.vocabulary.decode(ids),
            "characters": outlier.positions,
            "loss": outlier.loss,
            "share": outlier.share,
        }

    def end(self, run: Run, status: EndStatus) -> End:
        counts = self.place.counts
        best = self.keeper.best if self.keeper.best.measured else Measures()
        return End(
            status=status,
            model=str(run.model) if self.keeper.saved else None,
            epoch=best.epoch,
            epochs=counts.epochs,
            loss=best.loss,
            accuracy=best.accuracy,
            validation_loss=best.validation_loss,
            recoveries=self.watch.recoveries,
            seconds=self.clock.seconds,
            passes=best.passes,
            last_passes=counts.last_passes,
            total_passes=self.position().passes,
            highest_accuracy=self.predictability and self.predictability.accuracy,
            outliers=[self._described(outlier) for outlier in self.reporter.outliers[:MOST_OUTLIERS]],
        )
