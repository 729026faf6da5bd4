"""The best of a run so far, and the model file that holds it."""

import time
from dataclasses import asdict
from functools import cached_property

from torch import Tensor

from charseq.corpus import AnyCorpus, Corpus
from charseq.events import Epoch
from charseq.held import Digests, digests
from charseq.model_file import Model, write
from charseq.runs import Run
from charseq.settings import TrainSettings
from charseq.training.learner import Learner
from charseq.vocabulary import Vocabulary

SECONDS_BETWEEN_SAVES = 30.0


class Keeper:
    """Keeps the weights of the best measure: the first ones, as long as there is none."""

    def __init__(
        self,
        corpus: AnyCorpus,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        learner: Learner,
        opening: str,
    ) -> None:
        self.best: Epoch | None = None
        self.last_passes = 0.0
        self._corpus, self._vocabulary, self._settings = corpus, vocabulary, settings
        self._learner, self._opening = learner, opening
        self._kept = learner.parameters.copy()
        self._saved = time.monotonic()

    def take(self, event: Epoch, run: Run) -> None:
        """Keep the present weights if they are the best so far; now and then save them, too."""
        self.last_passes = event.passes
        if self.best is None or self._rank(event) < self._rank(self.best):
            self.best, self._kept = event, self._learner.parameters.copy()
            if time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES:
                self.save(run)

    def take_unmeasured(self) -> None:
        """Keep the present weights where none have been measured."""
        if self.best is None:
            self._kept = self._learner.parameters.copy()

    def save(self, run: Run) -> None:
        """Write what is kept."""
        self._saved = time.monotonic()
        run.restore()
        write(run.model, self._model(self._kept))

    def present(self) -> Model:
        """The model as it now is."""
        return self._model(self._learner.parameters.flat)

    def _rank(self, event: Epoch) -> tuple[float, ...]:
        """Lower is better: of a whole text what is most nearly learned, of others the validation loss."""
        if self._settings.whole:
            return (-event.accuracy, event.loss)
        return (event.validation_loss,) if event.validation_loss is not None else (-event.passes,)

    def _model(self, values: list[Tensor]) -> Model:
        best = self.best
        measures = {
            "epoch": best.epoch if best else 0,
            "loss": best.loss if best else None,
            "accuracy": best.accuracy if best else None,
            "validation_loss": best.validation_loss if best else None,
        }
        return Model(
            self._learner.network,
            self._vocabulary,
            self._learner.parameters.arrays(values),
            learned=self._learned_whole(),
            opening=self._opening,
            training={"settings": asdict(self._settings), **measures},
            lines=self._lines,
        )

    @cached_property
    def _lines(self) -> Digests | None:
        return digests(self._corpus, self._vocabulary.normalization)

    def _learned_whole(self) -> tuple[str, ...]:
        whole = self._settings.whole and not self._settings.stride
        return self._corpus.sequences if whole and isinstance(self._corpus, Corpus) else ()
