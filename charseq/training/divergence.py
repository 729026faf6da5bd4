"""Sees a loss that runs away, and goes back to weights that were sound."""

import math
from typing import Any

import torch
from torch import Tensor

from charseq.training.learner import Learner
from charseq.training.metrics import Tally

UPDATES_BETWEEN_CHECKS = 50
"""On a GPU, where looking at a loss means waiting for it."""
UPDATES_BETWEEN_COPIES = 200
"""Of weights to go back to."""
RUNAWAY = 3.0
"""Times the loss of a uniform guess: a smoothed loss beyond that counts as diverged."""
SMOOTHING = 10
"""Full batches over which the loss is smoothed, by positions: one odd line in a batch is no divergence."""
DIVERGED_LOSS = 1e6
"""Nats per character that no network has by chance."""


class Watch:
    """Over the losses of one run.  Where it may not recover, a loss may be any number below DIVERGED_LOSS."""

    def __init__(self, learner: Learner, vocabulary_size: int, device: torch.device, most: int) -> None:
        self.recoveries = 0
        self.smoothed = 0.0
        """The smoothed training loss."""
        self.largest = 1
        """Positions of the largest batch so far."""
        self._learner, self.most = learner, most
        self._limit = RUNAWAY * math.log(vocabulary_size + 1) if most else DIVERGED_LOSS
        self._every = 1 if device.type == "cpu" else UPDATES_BETWEEN_CHECKS
        self.sound = learner.parameters.copy()
        """The weights to go back to."""
        self.sound_tally: dict[str, Any] = {"cost": 0.0, "right": 0.0, "places": 0}
        """What had been measured while training when they were set aside."""

    def is_sound(self, loss: Tensor, tally: Tally, positions: int, updates: int) -> bool:
        """Whether the loss of an update is sound; now and then sound weights are set aside."""
        self.largest = max(self.largest, positions)
        if updates % self._every:
            return True
        value = float(loss)
        if not value < DIVERGED_LOSS:
            return False
        weight = positions / (positions + SMOOTHING * self.largest)
        self.smoothed += weight * (value - self.smoothed)
        if not self.smoothed < self._limit:
            return False
        if updates % UPDATES_BETWEEN_COPIES == 0 and self._learner.is_finite:
            self.sound = self._learner.parameters.copy()
            self.sound_tally = tally.sums()
        return True

    def recover(self) -> bool:
        """Go back to sound weights, unless that was done too often; from then on at half the rate."""
        if self.recoveries == self.most:
            return False
        self.recoveries += 1
        self.restore()
        return True

    def restore(self) -> None:
        """Go back to sound weights."""
        self.smoothed = 0.0
        self._learner.recover(self.sound)
