"""Measures the network on the way, and makes the events that tell of it."""

from collections.abc import Sequence
from typing import NamedTuple

from charseq.events import Epoch, Progress
from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.text.vocabulary import Ids, Vocabulary
from charseq.training.data import Material
from charseq.training.divergence import DIVERGED_LOSS
from charseq.training.evaluation import Outlier
from charseq.training.learner import Learner, Measure
from charseq.training.metrics import Tally
from charseq.training.progress import Clock
from charseq.training.samples import Sampler


class Position(NamedTuple):
    """Where a run is; the fields are those of the events."""

    epoch: int
    passes: float
    done: float
    learning_rate: float
    recoveries: int


class Reporter:
    """Knows what there is to measure, and how long it takes."""

    def __init__(
        self,
        material: Material,
        learner: Learner,
        vocabulary: Vocabulary,
        settings: TrainSettings,
        clock: Clock,
        sampler: Sampler,
    ) -> None:
        self._material, self._learner, self._vocabulary = material, learner, vocabulary
        self._settings, self._clock, self._sampler = settings, clock, sampler
        self.outliers: list[Outlier] = []
        """Held-out sequences that dominated the last validation loss, by their numbers in `evaluated`."""
        self.evaluated: Sequence[Ids] = ()

    def event(self, kind: type[Epoch], tally: Tally, position: Position) -> Epoch:
        """Measure the network as it now is."""
        pace = tally.pace
        material, learner = self._material, self._learner
        measure, predictions = self._over_the_text(tally)
        began = running_time()
        validation = learner.evaluate(material.held_out) if material.held_out else None
        self._clock.evaluating = running_time() - began
        if validation and material.held_out:
            self.outliers, self.evaluated = validation.outliers(), material.held_out.sequences
        targets = [ids[1:].tolist() for ids in material.shown]
        began = running_time()
        sound = not has_diverged(measure.loss)
        sample = self._sampler.after(tally.places) if sound and not self._settings.whole else None
        if sample is not None:
            self._clock.sampling = running_time() - began
        material.release()
        return kind(
            **position._asdict(),
            loss=measure.loss,
            accuracy=measure.accuracy,
            prediction=self._texts(predictions),
            target=self._texts(targets),
            predicted_ids=predictions,
            target_ids=targets,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            selection_loss=validation.robust_loss if validation else None,
            characters_per_second=pace,
            sample=sample,
            seconds=self._clock.seconds,
        )

    def progress(self, tally: Tally, position: Position) -> Progress:
        """Tell how far it is, without measuring."""
        return Progress(
            position.epoch,
            position.done,
            tally.loss,
            tally.pace,
            self._clock.seconds,
            self._sampler.live(),
        )

    def _over_the_text(self, tally: Tally) -> tuple[Measure, list[list[int]]]:
        """Loss and accuracy, and what is predicted of the places shown.

        Of text learned whole as the network now is; of other text as it was while it learned.
        """
        material, learner = self._material, self._learner
        if not self._settings.whole:
            return tally.measure(), learner.measure_whole(material.shown).predictions
        whole = learner.measure_whole(material.sequences)
        predictions = material.of_strings(whole.predictions)
        return Measure(whole.loss, material.accuracy(predictions), predictions), predictions

    def _texts(self, sequences: Sequence[Sequence[int]]) -> str | list[str]:
        texts = [self._vocabulary.decode(ids) for ids in sequences]
        return texts[0] if len(texts) == 1 else texts


def has_diverged(loss: float) -> bool:
    """Whether a training loss is NaN, infinite or so large that the weights mean nothing any more."""
    return not loss < DIVERGED_LOSS
