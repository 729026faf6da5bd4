"""Training loss, accuracy and speed since the last report, added up without waiting for the device."""

import math

import torch
from torch import Tensor

from charseq.system.suspension import running_time
from charseq.training.reader import Measure


class RunningMetrics:
    """Sums over the updates since this object was made, or since the sums that it starts from."""

    def __init__(
        self, device: torch.device, *, loss: float = 0.0, correct: float = 0.0, positions: int = 0
    ) -> None:
        self._began = running_time()
        self.positions = self._initial_positions = positions
        self._loss, self._correct = torch.tensor([loss, correct], device=device)

    def add(self, loss: Tensor, correct: Tensor, positions: int) -> None:
        """Add one update: its mean loss in nats per position, and its number of correct predictions."""
        self._loss = self._loss + loss * positions
        self._correct = self._correct + correct
        self.positions += positions

    @property
    def positions_per_second(self) -> float:
        """Training speed since this object was made."""
        seconds = running_time() - self._began
        return (self.positions - self._initial_positions) / max(seconds, 1e-9)

    @property
    def loss(self) -> float:
        """The mean loss, in nats per position."""
        return float(self._loss) / max(self.positions, 1)

    def sums(self) -> dict[str, float]:
        """Return the arguments that recreate these metrics; zeros where the loss is NaN or infinite."""
        loss, correct = float(self._loss), float(self._correct)
        if not math.isfinite(loss):
            return {"loss": 0.0, "correct": 0.0, "positions": 0}
        return {"loss": loss, "correct": correct, "positions": self.positions}

    def measure(self) -> Measure:
        """Return loss and accuracy, without predictions."""
        return Measure(self.loss, float(self._correct) / max(self.positions, 1), [])
