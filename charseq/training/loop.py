"""The training loop: it yields events, writes the model, and never prints."""

import time
from collections.abc import Callable, Generator, Iterator

import numpy as np
import numpy.typing as npt
import torch

from charseq.arrays import SeededDraw
from charseq.corpus import AnyCorpus
from charseq.errors import TextError, UsageError
from charseq.events import End, EndStatus, Epoch, Event, Progress, Report, Start, record
from charseq.gather import Given
from charseq.resumption import Resumption, text_of
from charseq.runs import Run
from charseq.settings import TrainSettings
from charseq.training.clock import Clock
from charseq.training.device import device_named
from charseq.training.fused import way_for
from charseq.training.keeper import Keeper
from charseq.training.learner import Learner
from charseq.training.material import Material
from charseq.training.optimizer import scheduled
from charseq.training.place import Counts, Place
from charseq.training.reporter import Position, Reporter, has_diverged
from charseq.training.sampler import Sampler
from charseq.training.snapshot import Parts
from charseq.training.tally import Tally
from charseq.training.watch import Watch
from charseq.vocabulary import Vocabulary

RIGHT_EPOCHS_TO_BE_LEARNED = 10
SECONDS_BETWEEN_PROGRESS = 0.1
SECONDS_BETWEEN_SAVES = 60.0
MORE = "give more --epochs, --time-limit or --patience, or train anew"
PLACES_BETWEEN_REPORTS = 1 << 20
"""Within an epoch; eight times what is measured for one, so that measuring takes little of the time."""
WORK_FOR_TWO_THREADS = 1_000_000
"""Multiplications in a step of one gate, from which a second thread helps torch (1.1 times, measured) ..."""
WORK_FOR_TWO_NATIVE_THREADS = 250_000
"""... and charseq's own C, whose threads wait for each other once a sequence (1.1 to 1.9 times)."""


def train(
    corpus: AnyCorpus,
    vocabulary: Vocabulary,
    settings: TrainSettings,
    open_run: Callable[[], Run],
    *,
    given: Given | None = None,
    resumed: Resumption | None = None,
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
    save_every: float = SECONDS_BETWEEN_SAVES,
) -> Iterator[Event]:
    """Learn a corpus, yielding every event; the model and the log are written on the way.

    `open_run` is called once everything else is known to be possible.  Where the text was `given` is kept
    with the model, so that the run can go on; one that is `resumed` goes on as if it had never stopped.
    `stop` is asked after every update; once it is true the run ends as interrupted, its model saved.  Where
    someone looks on (`live`), progress within an epoch tells now and then what the network writes.  The
    model is saved every so many seconds, less often where that would take more than 2 % of the time.
    Raises UsageError for a device that is not there, TextError for another text than that of the run that is
    resumed, CharseqError where the run cannot be written.
    """
    session = _Session(corpus, vocabulary, settings, given, resumed, stop, live, save_every)
    run = open_run()
    try:
        for event in session.events(run):
            if not isinstance(event, Progress):
                run.log(record(event, timed=False))
            yield event
    finally:
        run.close()


class _Session:
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
    ) -> None:
        self.corpus, self.vocabulary, self.settings, self.stop = corpus, vocabulary, settings, stop
        self.network = settings.network(len(vocabulary))
        self.device = device_named(settings.device, short_text=settings.whole)
        self.way = way_for(self.network.cell, self.device, settings.kernel)
        enough = WORK_FOR_TWO_NATIVE_THREADS if self.way.kernel == "native" else WORK_FOR_TWO_THREADS
        if settings.whole or settings.batch_size * settings.hidden_size**2 < enough:
            torch.set_num_threads(1)  # products this small gain nothing from a second, and wait for it
        self.material = Material(corpus, vocabulary, settings)
        self.text = text_of(given, self.material.digest)
        self.learner = Learner(self.network, self._first_weights(), settings, self.way, self.device)
        opening = vocabulary.decode(self.material.strings[0][:1])
        self.keeper = Keeper(corpus, vocabulary, settings, self.learner, opening, save_every)
        self.watch = Watch(self.learner, len(vocabulary), self.device, settings.recoveries)
        self.place = Place(Counts(), Tally(self.device), None, self.device)
        sampler = Sampler(self.learner, self.keeper.present, settings.seed, live=live)
        self.parts = Parts(self.place, self.learner, self.watch, self.keeper, sampler)
        self.resumed = resumed
        self.epochs_told = 0
        elapsed = self._go_on(resumed) if resumed else 0.0
        self.clock = Clock(settings, self.material, elapsed)
        self.reporter = Reporter(self.material, self.learner, vocabulary, settings, self.clock, sampler)
        self.progressed = time.monotonic()
        if resumed:
            self._require_more_to_do(resumed)

    def events(self, run: Run) -> Iterator[Event]:
        yield self._start(run)
        status: EndStatus | None = "completed" if self.resumed and self._over() else None
        while status is None:
            status = yield from self._epoch(run)
        self._save(run, status)
        yield self._end(run, status)

    def _epoch(self, run: Run) -> Generator[Progress | Epoch, None, EndStatus | None]:
        """What is left of a pass over the text.  Returns how the run ended, or None where it goes on."""
        place, counts, windows = self.place, self.place.counts, self.material.windows
        for batch in windows.batches(counts.epochs, counts.batches):
            if self._report_is_due():
                report = self._told(Report)
                if not has_diverged(report):
                    yield report
                elif not self.watch.recover():
                    return "diverged"
                place.begin(forget=has_diverged(report))
            counts.rate = self._learning_rate()
            loss, right, place.states = self.learner.update(batch, place.states, counts.rate)
            counts.updates += 1
            counts.batches += 1
            counts.read += batch.places
            place.tally.add(loss, right, batch.places)
            if not self.keeper.best.epoch:
                self.clock.guess(place.tally.places, place.tally.seconds)
            if not self.watch.is_sound(loss, counts.updates):
                if not self.watch.recover():
                    return "diverged"
                place.begin()
                continue
            if self.stop() or self.clock.is_over:
                break
            if self.keeper.is_due:
                self._save(run)
            if time.monotonic() - self.progressed > SECONDS_BETWEEN_PROGRESS and not self.settings.whole:
                self.progressed = time.monotonic()
                yield self.reporter.progress(place.tally, self._position())
        all_read = counts.batches == len(windows)
        if self.stop() and not (all_read and self.settings.whole):
            return "interrupted"
        event = self._told(Epoch)
        if has_diverged(event):  # in its last updates; what was sound before them is read again
            if not self.watch.recover() or self.clock.is_over:
                return "diverged"
            place.begin_epoch_again()
            return None
        self.epochs_told = event.epoch
        if all_read:
            place.begin_epoch(right=event.accuracy == 1)
        yield event
        if self.stop():
            return "interrupted"
        return "completed" if not all_read or self._over() else None

    def _report_is_due(self) -> bool:
        """Whether much was learned since the last one, and much is left of the epoch."""
        left = self.material.windows.places - self.place.counts.read
        return self.place.tally.places >= PLACES_BETWEEN_REPORTS and 2 * left >= PLACES_BETWEEN_REPORTS

    def _told(self, kind: type[Epoch]) -> Epoch:
        """Measure the network as it now is, and keep it if it is the best so far."""
        with self.learner.settled():
            event = self.reporter.event(kind, self.place.tally, self._position())
            if not has_diverged(event):
                self.place.counts.last_passes = event.passes
                self.keeper.take(event)
        return event

    def _save(self, run: Run, status: EndStatus | None = None) -> None:
        """Write the model, and with it where the run is; one that has diverged cannot go on.

        How long it has taken is kept only where that matters, so that the same command gives the same file.
        """
        state = None
        if status != "diverged":
            more = {"text": self.text, "logged": run.lines, "finished": status == "completed"}
            if status != "completed" or self.settings.time_limit:
                more["seconds"] = self.clock.seconds
            state = self.parts.taken(**more)
        self.keeper.save(run, state)

    def _go_on(self, resumed: Resumption) -> float:
        """Go on from where a run was stopped.  Returns the seconds that it had taken."""
        place = resumed.state.place
        if place["text"].get("sha256") != self.material.digest or resumed.model.vocabulary != self.vocabulary:
            raise TextError(
                f"the text is not the one that {str(resumed.folder)!r} was trained on: its hash is another",
                hint="give the text as it was, or train anew, without --resume",
            )
        self.parts.restore(resumed.model, resumed.state)
        seconds = place.get("seconds", 0.0)
        return seconds if isinstance(seconds, float) and seconds >= 0 else 0.0

    def _require_more_to_do(self, resumed: Resumption) -> None:
        """Refuse to go on with a run that is over; one that was stopped in its last moment may end."""
        why = self._over() if resumed.changed or resumed.finished else ""
        if resumed.finished and not resumed.changed:
            why = why or "it came to its end"
        if why:
            raise UsageError(f"there is nothing left to do in {str(resumed.folder)!r}: {why}", hint=MORE)

    def _position(self) -> Position:
        """Where the run is."""
        counts = self.place.counts
        return Position(
            epoch=counts.epochs + 1,
            passes=counts.epochs + counts.read / self.material.windows.places,
            done=self.clock.done(counts.updates),
            learning_rate=counts.rate,
            recoveries=self.watch.recoveries,
        )

    def _over(self) -> str:
        """Why the run is at its end; empty where it goes on."""
        settings, counts, best = self.settings, self.place.counts, self.keeper.best
        if counts.epochs >= settings.epochs:
            return f"it has done {counts.epochs} epochs of {settings.epochs}"
        if settings.patience and best.epoch and counts.epochs - best.epoch >= settings.patience:
            return f"for {settings.patience} epochs it got no better"
        if settings.until_learned and counts.epochs_right >= RIGHT_EPOCHS_TO_BE_LEARNED:
            return "it has learned its text"
        return "its time is over" if self.clock.is_over else ""

    def _learning_rate(self) -> float:
        settings = self.settings
        rate = settings.learning_rate / 2**self.watch.recoveries
        done = self.clock.done(self.place.counts.updates)
        return scheduled(rate, settings.schedule, done, settings.warm_up)

    def _first_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Weights drawn from the seed, and a head that already knows how frequent each symbol is.

        Without that, the first updates drive every unit towards the commonest symbol and saturate it: a
        plain RNN then never learns to count thirty equal letters.
        """
        settings = self.settings
        draw = SeededDraw(settings.seed, steps=settings.sequence_length)
        arrays = self.network.draw(draw, to_count=settings.whole)
        if "head.b" in arrays:
            arrays["head.b"] = self.material.log_frequencies(len(self.vocabulary))
        return arrays

    def _start(self, run: Run) -> Start:
        return Start(
            settings=self.settings,
            vocabulary_size=len(self.vocabulary),
            parameters=self.network.parameters(),
            device=str(self.device),
            path=self.way.path,
            kernel=self.way.kernel,
            run=str(run.folder),
            characters=self.corpus.characters,
            sequences=self.corpus.strings,
            unit=self.vocabulary.unit,
            normalization=self.vocabulary.normalization,
            symbols=self.vocabulary.symbols,
            resumed=self._position().passes if self.resumed else None,
        )

    def _end(self, run: Run, status: EndStatus) -> End:
        best, counts = self.keeper.best, self.place.counts
        return End(
            status=status,
            model=str(run.model),
            epoch=best.epoch,
            epochs=max(counts.epochs, self.epochs_told),
            loss=best.loss,
            accuracy=best.accuracy,
            validation_loss=best.validation_loss,
            recoveries=self.watch.recoveries,
            seconds=self.clock.seconds,
            passes=best.passes,
            last_passes=counts.last_passes,
        )
