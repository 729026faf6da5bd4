"""Detect divergence, and restore the last good weights."""

import math

import torch
from torch import Tensor

from charseq.training.learner import Learner
from charseq.training.metrics import RunningMetrics

UPDATES_BETWEEN_CHECKS = 50
"""Updates between two checks on a GPU, where reading a loss waits for the device."""
UPDATES_BETWEEN_COPIES = 200
"""Updates between two copies of good weights."""
DIVERGENCE_FACTOR = 3.0
"""A smoothed loss above this many times the loss of a uniform guess counts as diverged."""
SMOOTHING = 10
"""Full batches over which the loss is smoothed, so that one unusual batch does not count as divergence."""
DIVERGED_LOSS = 1e6
"""Nats per character that no stable network reaches."""


def has_diverged(loss: float) -> bool:
    """Return whether a training loss is NaN, infinite or absurdly large."""
    return not loss < DIVERGED_LOSS


class DivergenceGuard:
    """Watches the training loss of one run, and keeps a copy of good weights.

    With `max_recoveries` 0, any loss below DIVERGED_LOSS is accepted.
    """

    def __init__(
        self, learner: Learner, vocabulary_size: int, device: torch.device, max_recoveries: int
    ) -> None:
        self._learner, self.max_recoveries = learner, max_recoveries
        self.recoveries = 0
        self.smoothed_loss = 0.0
        """Nats per position."""
        self.largest_batch = 1
        """Positions of the largest batch so far."""
        uniform = math.log(vocabulary_size + 1)
        self._limit = DIVERGENCE_FACTOR * uniform if max_recoveries else DIVERGED_LOSS
        self._interval = 1 if device.type == "cpu" else UPDATES_BETWEEN_CHECKS
        self.good_weights = learner.parameters.copy()
        self.good_metrics: dict[str, float] = {"loss": 0.0, "correct": 0.0, "positions": 0}
        """The sums of the running metrics when `good_weights` were copied."""

    def accepts(self, loss: Tensor, metrics: RunningMetrics, positions: int, updates: int) -> bool:
        """Return whether the loss of an update is sound; copy the weights from time to time."""
        self.largest_batch = max(self.largest_batch, positions)
        if updates % self._interval:
            return True
        value = float(loss)
        if has_diverged(value):
            return False
        weight = positions / (positions + SMOOTHING * self.largest_batch)
        self.smoothed_loss += weight * (value - self.smoothed_loss)
        if not self.smoothed_loss < self._limit:
            return False
        if updates % UPDATES_BETWEEN_COPIES == 0 and self._learner.is_finite:
            self.good_weights = self._learner.parameters.copy()
            self.good_metrics = metrics.sums()
        return True

    def recover(self) -> bool:
        """Restore good weights and count a recovery, which halves the learning rate.

        Returns False, and restores nothing, where no recovery is left.
        """
        if self.recoveries == self.max_recoveries:
            return False
        self.recoveries += 1
        self.restore_weights()
        return True

    def restore_weights(self) -> None:
        """Restore the last good weights."""
        self.smoothed_loss = 0.0
        self._learner.restore_weights(self.good_weights)
