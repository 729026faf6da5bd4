"""The training loop: it yields events, writes the model, and never prints."""

import time
from collections.abc import Callable, Generator, Iterator

import numpy as np
import numpy.typing as npt
import torch

from charseq.arrays import SeededDraw
from charseq.corpus import AnyCorpus
from charseq.events import End, EndStatus, Epoch, Event, Progress, Report, Start, record
from charseq.runs import Run
from charseq.settings import TrainSettings
from charseq.training.clock import Clock
from charseq.training.device import device_named
from charseq.training.fused import way_for
from charseq.training.keeper import Keeper
from charseq.training.learner import Learner, States
from charseq.training.material import Material
from charseq.training.optimizer import scheduled
from charseq.training.reporter import Position, Reporter, has_diverged
from charseq.training.sampler import Sampler
from charseq.training.tally import Tally
from charseq.training.watch import Watch
from charseq.vocabulary import Vocabulary

RIGHT_EPOCHS_TO_BE_LEARNED = 10
SECONDS_BETWEEN_PROGRESS = 0.1
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
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
) -> Iterator[Event]:
    """Learn a corpus, yielding every event; the model and the log are written on the way.

    `open_run` is called once everything else is known to be possible.  `stop` is asked after every update;
    once it is true the run ends as interrupted, its model saved.  Where someone looks on (`live`), progress
    within an epoch tells now and then what the network writes.  Raises UsageError for a device that is
    not there, CharseqError where the run cannot be written.
    """
    session = _Session(corpus, vocabulary, settings, stop, live)
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
        stop: Callable[[], bool],
        live: bool,
    ) -> None:
        self.corpus, self.vocabulary, self.settings, self.stop = corpus, vocabulary, settings, stop
        self.network = settings.network(len(vocabulary))
        self.device = device_named(settings.device, short_text=settings.whole)
        self.way = way_for(self.network.cell, self.device, settings.kernel)
        enough = WORK_FOR_TWO_NATIVE_THREADS if self.way.kernel == "native" else WORK_FOR_TWO_THREADS
        if settings.whole or settings.batch_size * settings.hidden_size**2 < enough:
            torch.set_num_threads(1)  # products this small gain nothing from a second, and wait for it
        self.material = Material(corpus, vocabulary, settings)
        self.learner = Learner(self.network, self._first_weights(), settings, self.way, self.device)
        opening = vocabulary.decode(self.material.strings[0][:1])
        self.keeper = Keeper(corpus, vocabulary, settings, self.learner, opening)
        self.watch = Watch(self.learner, len(vocabulary), self.device, settings.recoveries)
        self.epochs = self.updates = self.epochs_right = 0
        self.rate = 0.0
        self.clock = Clock(settings, self.material)
        sampler = Sampler(self.learner, self.keeper.present, settings.seed, live=live)
        self.reporter = Reporter(self.material, self.learner, vocabulary, settings, self.clock, sampler)
        self.progressed = time.monotonic()

    def events(self, run: Run) -> Iterator[Event]:
        yield self._start(run)
        status: EndStatus | None = None
        while status is None:
            status = yield from self._epoch(run)
        self.keeper.save(run)
        yield self._end(run, status)

    def _epoch(self, run: Run) -> Generator[Progress | Epoch, None, EndStatus | None]:
        """One pass over the text.  Returns how the run ended, or None where it goes on."""
        states: States | None = None
        tally = Tally(self.device)
        total, read = self.material.windows.places, 0
        for batch in self.material.windows:
            self.rate = self._learning_rate()
            loss, right, states = self.learner.update(batch, states, self.rate)
            self.updates += 1
            read += batch.places
            tally.add(loss, right, batch.places)
            if not self.keeper.best:
                self.clock.guess(tally.places, tally.seconds)
            if not self.watch.is_sound(loss, self.updates):
                if not self.watch.recover():
                    return "diverged"
                states, tally = None, Tally(self.device)
                continue
            if self.stop() or self.clock.is_over:
                break
            if tally.places >= PLACES_BETWEEN_REPORTS and 2 * (total - read) >= PLACES_BETWEEN_REPORTS:
                report = self._told(Report, tally, read / total, run)
                if not has_diverged(report):
                    yield report
                elif self.watch.recover():
                    states = None
                else:
                    return "diverged"
                tally = Tally(self.device)
            elif time.monotonic() - self.progressed > SECONDS_BETWEEN_PROGRESS and not self.settings.whole:
                self.progressed = time.monotonic()
                yield self.reporter.progress(tally, self._position(read / total))
        if self.stop() and not self.settings.whole:
            self.keeper.take_unmeasured()
            return "interrupted"
        event = self._told(Epoch, tally, read / total, run)
        if has_diverged(event):  # in its last updates; what was sound before them is read again
            return None if self.watch.recover() and not self.clock.is_over else "diverged"
        self.epochs = event.epoch
        self.epochs_right = self.epochs_right + 1 if event.accuracy == 1 else 0
        yield event
        return "interrupted" if self.stop() else "completed" if self._over() else None

    def _told(self, kind: type[Epoch], tally: Tally, read: float, run: Run) -> Epoch:
        """Measure the network as it now is, and keep it if it is the best so far."""
        with self.learner.settled():
            event = self.reporter.event(kind, tally, self._position(read))
            if not has_diverged(event):
                self.keeper.take(event, run)
        return event

    def _position(self, read: float) -> Position:
        """Where the run is, with so much of the epoch read."""
        return Position(
            epoch=self.epochs + 1,
            passes=self.epochs + read,
            done=self.clock.done(self.updates),
            learning_rate=self.rate,
            recoveries=self.watch.recoveries,
        )

    def _over(self) -> bool:
        settings = self.settings
        best = self.keeper.best
        impatient = settings.patience and best and self.epochs - best.epoch >= settings.patience
        learned = settings.until_learned and self.epochs_right >= RIGHT_EPOCHS_TO_BE_LEARNED
        return bool(self.epochs >= settings.epochs or impatient or learned or self.clock.is_over)

    def _learning_rate(self) -> float:
        settings = self.settings
        rate = settings.learning_rate / 2**self.watch.recoveries
        return scheduled(rate, settings.schedule, self.clock.done(self.updates), settings.warm_up)

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
        )

    def _end(self, run: Run, status: EndStatus) -> End:
        best = self.keeper.best
        return End(
            status=status,
            model=str(run.model),
            epoch=best.epoch if best else 0,
            epochs=self.epochs,
            loss=best.loss if best else None,
            accuracy=best.accuracy if best else None,
            validation_loss=best.validation_loss if best else None,
            recoveries=self.watch.recoveries,
            seconds=self.clock.seconds,
            passes=best.passes if best else 0.0,
            last_passes=self.keeper.last_passes,
        )
