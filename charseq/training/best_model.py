"""The best weights of a run so far, and the model file that holds them."""

import math
import time
from dataclasses import asdict, dataclass, replace

from torch import Tensor

from charseq.events import Epoch
from charseq.model.description import Ancestor
from charseq.model.line_digests import Digests, line_digests
from charseq.model.mixture import Mixture
from charseq.model.model_file import Model, ResumeState, write
from charseq.runs.folder import Run
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus, Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.evaluation import Evaluation
from charseq.training.learner import Learner
from charseq.training.mixture import MixedEvaluation, MixtureEvaluator, validation_losses

SAVING_SHARE = 0.02
"""Largest fraction of a run's time that saving may take."""
LARGEST_LOSS = 1e300
"""Ranks a loss that is NaN or infinite: worse than any other, and better than no measurement."""
BYTES_PER_SECOND = 7e7
"""Assumed speed of the first save; 130 MB/s were measured."""


@dataclass(frozen=True)
class Measurement:
    """What an evaluation gave for the saved weights; the initial weights have none.

    The fields are stored in the model file under these names.
    """

    epoch: int = 0
    passes: float = 0.0
    loss: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    cross_validation_loss: float | None = None
    network_validation_loss: float | None = None
    ngram_validation_loss: float | None = None
    selection_loss: float | None = None
    measured: bool = False
    """Whether any evaluation of this run is complete; the initial weights may still be the best."""


class BestModel:
    """Keeps the weights with the best evaluation: the initial weights until there is one."""

    def __init__(
        self,
        corpus: AnyCorpus,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        learner: Learner,
        opening: str,
        save_every: float,
        *,
        evaluator: MixtureEvaluator | None = None,
        label_counts: tuple[int, ...] = (),
        by_validation: bool,
        lines: Digests | None = None,
        lineage: tuple[Ancestor, ...] = (),
    ) -> None:
        """Start from the learner's weights.  `save_every` is in seconds.

        `evaluator`: what the network is mixed with, if anything.

        `label_counts`: the number of training lines of each label.

        `by_validation`: whether the validation set is large enough for its loss to rank epochs.

        `lines`: the digests of the training lines of the model that training starts from, and `lineage`:
        that model and its ancestors.
        """
        self.measurement = Measurement()
        self.saved = False
        """Whether the model file was written by this run."""
        self._by_validation = by_validation
        self._corpus, self._vocabulary, self._settings = corpus, vocabulary, settings
        self._learner, self._opening = learner, opening
        self._evaluator, self._label_counts = evaluator, label_counts
        self._keep_current()
        self._save_every = save_every
        self._lines = line_digests(corpus, vocabulary.normalization, known=lines)
        self._lineage = lineage
        size = sum(tensor.nbytes for tensor in learner.checkpoint_tensors().values())
        self.save_seconds = size / BYTES_PER_SECOND
        """Duration of the last save, or an estimate from its size."""
        self.postpone()

    def update(self, event: Epoch) -> None:
        """Keep the current weights if their evaluation is the best so far."""
        measurement = Measurement(
            event.epoch,
            event.passes,
            event.loss,
            event.accuracy,
            event.validation_loss,
            event.cross_validation_loss,
            event.network_validation_loss,
            event.ngram_validation_loss,
            event.selection_loss,
            measured=True,
        )
        if self._rank(measurement) < self._rank(self.measurement) or self._beats_initial(measurement):
            self.measurement = measurement
            self._keep_current()
        else:
            self.measurement = replace(self.measurement, measured=True)

    def start_from(self, initial: Evaluation | MixedEvaluation) -> None:
        """Rank the initial weights by their loss on the validation set."""
        if not self._by_validation or self.measurement.measured:
            return
        self.measurement = Measurement(**validation_losses(initial))
        self._mixture = self._current_mixture()

    @property
    def initial_weights(self) -> list[Tensor]:
        """The weights of a fine-tuned network before its first evaluation, which resuming needs."""
        return [] if self.measurement.measured or not self._lineage else self._weights

    def restore(self, model: Model, measurement: Measurement) -> None:
        """Restore the best weights of an earlier part of the run."""
        self.measurement, self.saved = measurement, True
        if measurement.measured:
            device = self._learner.device
            self._weights = [flat.to(device) for flat in self._learner.parameters.flattened(model.arrays)]
        if model.mixture and self._evaluator:
            self._evaluator.gate = model.mixture.gate
            self._mixture = self._evaluator.mixture

    @property
    def save_is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._next_save

    def save(self, folder: Run, state: ResumeState | None, *, diverged: bool = False) -> None:
        """Write the best weights; where nothing has been measured, the current ones if they are finite."""
        began = time.monotonic()
        folder.restore()
        with self._learner.averaged_weights():
            use_current = not (self.measurement.measured or diverged) and self._learner.is_finite
            model = (
                self.current_model()
                if use_current
                else self._model(self._weights, self._mixture, diverged=diverged)
            )
        write(folder.model, model, state)
        folder.replace_log()
        self.saved = True
        self.save_seconds = time.monotonic() - began
        self.postpone()

    def postpone(self) -> None:
        """Schedule the next save, rarely enough that saving takes at most SAVING_SHARE of the time."""
        self._next_save = time.monotonic() + max(self._save_every, self.save_seconds / SAVING_SHARE)

    def current_model(self) -> Model:
        """Return the model with the current weights."""
        return self._model(self._learner.parameters.flat, self._current_mixture())

    def _keep_current(self) -> None:
        """Keep the current weights, and the gate that fits them."""
        self._weights = self._learner.parameters.copy()
        self._mixture = self._current_mixture()

    def _current_mixture(self) -> Mixture | None:
        return self._evaluator.mixture if self._evaluator else None

    def _beats_initial(self, measurement: Measurement) -> bool:
        """Return whether the best weights are initial ones, and the network measured is better than theirs.

        Where the n-gram model does nearly all of the predicting, the losses of both mixtures are about equal.
        """
        initial, loss = self.measurement.network_validation_loss, measurement.network_validation_loss
        if self.measurement.epoch or not self._evaluator or initial is None or loss is None:
            return False
        return loss < initial

    def _rank(self, measurement: Measurement) -> tuple[float, ...]:
        """Lower is better: accuracy, then loss of memorized text; the validation loss of other text."""
        if self._settings.whole and measurement.loss is not None:
            return (-(measurement.accuracy or 0.0), measurement.loss or 0.0)
        if self._by_validation and (measurement.selection_loss is not None or measurement.measured):
            loss = _finite(measurement.selection_loss)
            return (LARGEST_LOSS if loss is None else loss,)
        return (-measurement.passes if measurement.measured else math.inf,)

    def _model(self, weights: list[Tensor], mixture: Mixture | None, *, diverged: bool = False) -> Model:
        return Model(
            self._learner.network,
            self._vocabulary,
            self._learner.parameters.arrays(weights),
            memorized=self._memorized(),
            opening=self._opening,
            training={
                "settings": asdict(self._settings),
                **{name: _finite(value) for name, value in asdict(self.measurement).items()},
                "diverged": diverged,
            },
            mixture=mixture,
            lines=self._lines,
            lineage=self._lineage,
            label_counts=self._label_counts,
        )

    def _memorized(self) -> tuple[str, ...]:
        if not self._settings.whole or not isinstance(self._corpus, Corpus):
            return ()
        return self._corpus.sequences


def _finite(value: float | None) -> float | None:
    """Return a number as JSON can hold it: None for one that is NaN or infinite."""
    return value if value is not None and math.isfinite(value) else None
