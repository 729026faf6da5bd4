"""Everything that changes while a run trains: saved with the model, and restored by --resume."""

from dataclasses import dataclass

from torch import Tensor

from charseq.text.batches import Batch
from charseq.training.best_model import BestModel
from charseq.training.divergence import DivergenceGuard
from charseq.training.learner import Learner
from charseq.training.metrics import RunningMetrics
from charseq.training.reader import States
from charseq.training.samples import Sampler


@dataclass
class TrainingState:
    """Counters, running metrics, carried states, and the parts that have a state of their own.

    `charseq.training.checkpoint` writes it into a model file and restores it.
    """

    learner: Learner
    """Weights, their moving average, optimizer and random generator."""
    guard: DivergenceGuard
    best: BestModel
    sampler: Sampler
    metrics: RunningMetrics
    """Training loss and accuracy since the last report."""
    carried: States | None = None
    """The recurrent states that the next batch starts from; None for initial states."""
    epochs: int = 0
    """Completed epochs."""
    correct_epochs: int = 0
    """Consecutive completed epochs, up to now, with the highest possible accuracy."""
    updates: int = 0
    """Updates of all epochs, including those that a recovery discarded."""
    batches: int = 0
    """Batches read in the current epoch."""
    positions: int = 0
    """Positions read in the current epoch."""
    learning_rate: float = 0.0
    """The learning rate of the last update."""
    measured_passes: float = 0.0
    """Passes over the text when the network was last evaluated."""
    initial_loss: float = 0.0
    """The loss before the first update, in nats per position."""
    parent_loss: float = 0.0
    """The validation loss of the model that training started from, in nats per position; 0 if not known."""
    evaluated_positions: int = 0
    """Validation positions that an evaluation reads; 0 until that is settled."""

    def add_update(self, batch: Batch, loss: Tensor, correct: Tensor) -> None:
        """Count one update: its mean loss in nats per position, and its number of correct predictions."""
        self.updates += 1
        self.batches += 1
        self.positions += batch.positions
        self.metrics.add(loss, correct, batch.positions)

    def reset_metrics(self, sums: dict[str, float] | None = None) -> None:
        """Start new running metrics, from zero or from given sums."""
        self.metrics = RunningMetrics(self.learner.device, **(sums or {}))  # type: ignore[arg-type]

    def forget(self) -> None:
        """Start new running metrics, and start the next batch from initial states."""
        self.reset_metrics()
        self.carried = None

    def finish_epoch(self, *, correct: bool) -> None:
        """Start the next epoch, after one in which every possible prediction was correct, or not."""
        self.epochs += 1
        self.correct_epochs = self.correct_epochs + 1 if correct else 0
        self.restart_epoch()

    def restart_epoch(self) -> None:
        """Start the current epoch from its first batch."""
        self.batches = self.positions = 0
        self.forget()
