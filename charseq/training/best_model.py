"""The best of a run so far, and the model file that holds it."""

import math
import time
from dataclasses import asdict, dataclass, replace

from torch import Tensor

from charseq.events import Epoch
from charseq.model.line_digests import digests
from charseq.model.model_file import Model, State, write
from charseq.runs.folder import Run
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus, Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.evaluation import Evaluation
from charseq.training.learner import Learner

LARGEST_PART = 0.02
"""Of the time of a run, that saving may take."""
LARGEST_LOSS = 1e300
"""The rank of a loss that is NaN or infinite: worse than any other, and better than none."""
SLOW = 7e7
"""Bytes a second that the first save of what is learned from is taken to manage; 130 MB/s were measured."""


@dataclass(frozen=True)
class Measures:
    """What was measured when the weights were as they are kept; of first weights, nothing."""

    epoch: int = 0
    passes: float = 0.0
    loss: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    selection_loss: float | None = None
    measured: bool = False
    """Whether any epoch, or part of one, was measured; the initial weights may still be the best."""


class Keeper:
    """Keeps the weights of the best measure: the first ones, as long as there is none."""

    def __init__(
        self,
        corpus: AnyCorpus,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        learner: Learner,
        opening: str,
        save_every: float,
        *,
        chooses: bool,
    ) -> None:
        self.best = Measures()
        self.saved = False
        """Whether the model file is this run's."""
        self._chooses = chooses
        self._corpus, self._vocabulary, self._settings = corpus, vocabulary, settings
        self._learner, self._opening = learner, opening
        self._kept = learner.parameters.copy()
        self._save_every = save_every
        self._lines = digests(corpus, vocabulary.normalization)
        bytes_kept = sum(tensor.nbytes for tensor in learner.kept().values())
        self.seconds = bytes_kept / SLOW
        """How long a save takes: the last one, or as estimated from its size."""
        self._next_save = time.monotonic() + self._pause()

    def take(self, event: Epoch) -> None:
        """Keep the present weights if they are the best so far."""
        found = Measures(
            event.epoch,
            event.passes,
            event.loss,
            event.accuracy,
            event.validation_loss,
            event.selection_loss,
            measured=True,
        )
        if self._rank(found) < self._rank(self.best):
            self.best, self._kept = found, self._learner.parameters.copy()
        else:
            self.best = replace(self.best, measured=True)

    def begin_with(self, initial: Evaluation) -> None:
        """Take the initial weights for the best as long as nothing is better on the held-out text."""
        if self._chooses and not self.best.measured:
            self.best = Measures(validation_loss=initial.loss, selection_loss=initial.robust_loss)

    def keep(self, model: Model, best: Measures) -> None:
        """Keep what an earlier part of the run has kept."""
        self.best, self.saved = best, True
        if best.measured:
            device = self._learner.device
            self._kept = [flat.to(device) for flat in self._learner.parameters.flattened(model.arrays)]

    @property
    def is_due(self) -> bool:
        """Whether it is time to save: seldom enough that saving takes little of the time."""
        return time.monotonic() >= self._next_save

    def save(self, run: Run, state: State | None, *, diverged: bool = False) -> None:
        """Write the best weights; where nothing has been measured, the present ones if they are sound."""
        began = time.monotonic()
        run.restore()
        with self._learner.settled():
            present = not (self.best.measured or diverged) and self._learner.is_finite
            model = self.present() if present else self._model(self._kept, diverged=diverged)
        write(run.model, model, state)
        run.replaced()
        self.saved = True
        self.seconds = time.monotonic() - began
        self._next_save = time.monotonic() + self._pause()

    def postpone(self) -> None:
        """Let the next save be due after a pause."""
        self._next_save = time.monotonic() + self._pause()

    def _pause(self) -> float:
        """Return the seconds to the next save; saving takes at most LARGEST_PART of the time."""
        return max(self._save_every, self.seconds / LARGEST_PART)

    def present(self) -> Model:
        """The model as it now is."""
        return self._model(self._learner.parameters.flat)

    def _rank(self, measures: Measures) -> tuple[float, ...]:
        """Lower is better: of a whole text what is most nearly learned, of others the validation loss."""
        if self._settings.whole and measures.loss is not None:
            return (-(measures.accuracy or 0.0), measures.loss or 0.0)
        if self._chooses and (measures.selection_loss is not None or measures.measured):
            loss = _finite(measures.selection_loss)
            return (LARGEST_LOSS if loss is None else loss,)
        return (-measures.passes if measures.measured else math.inf,)

    def _model(self, values: list[Tensor], *, diverged: bool = False) -> Model:
        return Model(
            self._learner.network,
            self._vocabulary,
            self._learner.parameters.arrays(values),
            learned=self._learned_whole(),
            opening=self._opening,
            training={
                "settings": asdict(self._settings),
                **{name: _finite(value) for name, value in asdict(self.best).items()},
                "diverged": diverged,
            },
            lines=self._lines,
        )

    def _learned_whole(self) -> tuple[str, ...]:
        whole = self._settings.whole
        return self._corpus.sequences if whole and isinstance(self._corpus, Corpus) else ()


def _finite(value: float | None) -> float | None:
    """A number as JSON can hold it: None for one that is NaN or infinite."""
    return value if value is not None and math.isfinite(value) else None
