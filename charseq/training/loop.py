"""The training loop: it yields events, writes the model, and never prints."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from charseq.arrays import SeededDraw
from charseq.corpus import AnyCorpus, Corpus
from charseq.events import End, EndStatus, Epoch, Event, Progress, Start, record
from charseq.model_file import Model, write
from charseq.runs import Run
from charseq.settings import TrainSettings
from charseq.training.clock import Clock
from charseq.training.device import device_named
from charseq.training.fused import path_for
from charseq.training.learner import Learner, Measure, States
from charseq.training.material import Material
from charseq.training.optimizer import scheduled
from charseq.vocabulary import Vocabulary

RIGHT_EPOCHS_TO_BE_LEARNED = 10
SECONDS_BETWEEN_PROGRESS = 0.1
SECONDS_BETWEEN_SAVES = 30.0
UPDATES_BETWEEN_CHECKS = 50
"""On a GPU, where looking at a loss means waiting for it."""
WORK_FOR_TWO_THREADS = 1_000_000
"""Multiplications in a step of one gate, from which a second thread helps (1.1 times and more, measured)."""
UPDATES_BETWEEN_COPIES = 200
"""Of weights to go back to where the loss runs away."""
RUNAWAY = 3.0
"""Times the loss of a network that knows nothing: so much worse than nothing, the weights have run away."""
DIVERGED_LOSS = 1e6
"""Nats per character that no network has by chance: the weights have run away."""


def train(
    corpus: AnyCorpus,
    vocabulary: Vocabulary,
    settings: TrainSettings,
    open_run: Callable[[], Run],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Learn a corpus, yielding every event; the model and the log are written on the way.

    `open_run` is called once everything else is known to be possible.  `stop` is asked after every update;
    once it is true the run ends as interrupted, its model saved.  Raises UsageError for a device that is
    not there, CharseqError where the run cannot be written.
    """
    session = _Session(corpus, vocabulary, settings, stop)
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
        self, corpus: AnyCorpus, vocabulary: Vocabulary, settings: TrainSettings, stop: Callable[[], bool]
    ) -> None:
        self.corpus, self.vocabulary, self.settings, self.stop = corpus, vocabulary, settings, stop
        if settings.whole or settings.batch_size * settings.hidden_size**2 < WORK_FOR_TWO_THREADS:
            torch.set_num_threads(1)  # products this small gain nothing from a second, and wait for it
        self.network = settings.network(len(vocabulary))
        self.device = device_named(settings.device, short_text=settings.whole)
        self.material = Material(corpus, vocabulary, settings)
        self.path, unroll = path_for(self.network.cell)
        arrays = self._first_weights()
        self.learner = Learner(self.network, arrays, settings, unroll, self.device)
        self.kept = self.sound = self.learner.parameters.copy()
        self.best: Epoch | None = None
        self.epochs = self.updates = self.epochs_right = self.recoveries = 0
        self.clock = Clock(settings, self.material)
        self.saved = self.progressed = time.monotonic()

    def events(self, run: Run) -> Iterator[Event]:
        yield self._start(run)
        status: EndStatus | None = None
        while status is None:
            status = yield from self._epoch(run)
        self._save(run)
        yield self._end(run, status)

    def _epoch(self, run: Run) -> Generator[Progress | Epoch, None, EndStatus | None]:
        """One pass over the text.  Returns how the run ended, or None where it goes on."""
        began = time.monotonic()
        rate = 0.0
        states: States | None = None
        cost = right = torch.zeros((), device=self.device)
        places = 0
        for batch in self.material.windows:
            rate = self._learning_rate()
            loss, correct, states = self.learner.update(batch, states, rate)
            self.updates += 1
            cost = cost + loss * batch.places
            right = right + correct
            places += batch.places
            if not self.epochs:
                self.clock.guess(places, time.monotonic() - began)
            if self._worth_a_look() and not self._is_sound(loss):
                if self.recoveries == self.settings.recoveries:
                    return "diverged"
                self._recover()
                states = None
                cost = right = torch.zeros((), device=self.device)
                places, began = 0, time.monotonic()
                continue
            if self.stop() or self.clock.is_over:
                break
            if time.monotonic() - self.progressed > SECONDS_BETWEEN_PROGRESS and not self.settings.whole:
                self.progressed = time.monotonic()
                seconds = self.progressed - began
                yield Progress(
                    self.epochs + 1,
                    self.clock.done(self.updates),
                    float(cost) / places,
                    places / seconds,
                    self.clock.seconds,
                )
        learned = time.monotonic()
        places = max(places, 1)
        pace = places / (learned - began)
        with self.learner.settled():
            if self.stop() and not self.settings.whole:
                if self.best is None:
                    self.kept = self.learner.parameters.copy()
                return "interrupted"
            event = self._report(Measure(float(cost) / places, float(right) / places, []), rate, pace)
            self.clock.measuring = time.monotonic() - learned
            if _diverged(event.loss) or _diverged(event.validation_loss or 0.0):
                return "diverged"
            self.epochs = event.epoch
            self.epochs_right = self.epochs_right + 1 if event.accuracy == 1 else 0
            self._keep_if_best(event, run)
        yield event
        return "interrupted" if self.stop() else "completed" if self._over() else None

    def _report(self, measure: Measure, rate: float, pace: float) -> Epoch:
        """Measure the network as it now is."""
        material, learner = self.material, self.learner
        if self.settings.whole:
            whole = learner.measure_whole(material.sequences)
            predictions = material.of_strings(whole.predictions)
            measure = Measure(whole.loss, material.accuracy(predictions), predictions)
        else:
            predictions = learner.measure_whole(material.shown).predictions
        validation = learner.measure(material.held_out) if material.held_out else None
        targets = [ids[1:].tolist() for ids in material.shown]
        return Epoch(
            epoch=self.epochs + 1,
            loss=measure.loss,
            accuracy=measure.accuracy,
            prediction=self._texts(predictions),
            target=self._texts(targets),
            predicted_ids=predictions,
            target_ids=targets,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            learning_rate=rate,
            characters_per_second=pace,
            recoveries=self.recoveries,
            seconds=self.clock.seconds,
            done=self.clock.done(self.updates),
        )

    def _keep_if_best(self, event: Epoch, run: Run) -> None:
        if self.best is None or self._rank(event) < self._rank(self.best):
            self.best, self.kept = event, self.learner.parameters.copy()
            if time.monotonic() - self.saved > SECONDS_BETWEEN_SAVES:
                self._save(run)

    def _rank(self, event: Epoch) -> tuple[float, ...]:
        """Lower is better: of a whole text what is most nearly learned, of others the validation loss."""
        if self.settings.whole:
            return (-event.accuracy, event.loss)
        return (event.validation_loss,) if event.validation_loss is not None else (-event.epoch,)

    def _over(self) -> bool:
        settings = self.settings
        impatient = settings.patience and self.best and self.epochs - self.best.epoch >= settings.patience
        learned = settings.until_learned and self.epochs_right >= RIGHT_EPOCHS_TO_BE_LEARNED
        return bool(self.epochs >= settings.epochs or impatient or learned or self.clock.is_over)

    def _learning_rate(self) -> float:
        settings = self.settings
        rate = settings.learning_rate / 2**self.recoveries
        return scheduled(rate, settings.schedule, self.clock.done(self.updates), settings.warm_up)

    def _is_sound(self, loss: Tensor) -> bool:
        """Whether the loss means something; now and then the weights that gave it are set aside."""
        if not self.settings.recoveries:
            return not _diverged(float(loss))
        if not float(loss) < RUNAWAY * math.log(len(self.vocabulary) + 1):
            return False
        if self.updates % UPDATES_BETWEEN_COPIES == 0:
            self.sound = self.learner.parameters.copy()
        return True

    def _recover(self) -> None:
        """Go back to sound weights, and on with half the learning rate."""
        self.recoveries += 1
        self.learner.recover(self.sound)

    def _worth_a_look(self) -> bool:
        return self.device.type == "cpu" or self.updates % UPDATES_BETWEEN_CHECKS == 0

    def _texts(self, sequences: Sequence[Sequence[int]]) -> str | list[str]:
        texts = [self.vocabulary.decode(ids) for ids in sequences]
        return texts[0] if len(texts) == 1 else texts

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

    def _save(self, run: Run) -> None:
        self.saved = time.monotonic()
        best = self.best
        measures = {
            "epoch": best.epoch if best else 0,
            "loss": best.loss if best else None,
            "accuracy": best.accuracy if best else None,
            "validation_loss": best.validation_loss if best else None,
        }
        model = Model(
            self.network,
            self.vocabulary,
            self.learner.parameters.arrays(self.kept),
            learned=self._learned_whole(),
            opening=self.vocabulary.decode(self.material.strings[0][:1]),
            training={"settings": asdict(self.settings), **measures},
        )
        run.restore()
        write(run.model, model)

    def _learned_whole(self) -> tuple[str, ...]:
        known = self.settings.whole and not self.settings.stride
        return self.corpus.sequences if known and isinstance(self.corpus, Corpus) else ()

    def _start(self, run: Run) -> Start:
        return Start(
            settings=self.settings,
            vocabulary_size=len(self.vocabulary),
            parameters=self.network.parameters(),
            device=str(self.device),
            path=self.path,
            run=str(run.folder),
            characters=self.corpus.characters,
            sequences=self.corpus.strings,
            unit=self.vocabulary.unit,
            normalization=self.vocabulary.normalization,
            symbols=self.vocabulary.symbols,
        )

    def _end(self, run: Run, status: EndStatus) -> End:
        best = self.best
        return End(
            status=status,
            model=str(run.model),
            epoch=best.epoch if best else 0,
            epochs=self.epochs,
            loss=best.loss if best else None,
            accuracy=best.accuracy if best else None,
            validation_loss=best.validation_loss if best else None,
            recoveries=self.recoveries,
            seconds=self.clock.seconds,
        )


def _diverged(loss: float) -> bool:
    return not loss < DIVERGED_LOSS
