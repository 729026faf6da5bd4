"""Sees a loss that runs away, and goes back to weights that were sound."""

import math

import torch
from torch import Tensor

from charseq.training.learner import Learner

UPDATES_BETWEEN_CHECKS = 50
"""On a GPU, where looking at a loss means waiting for it."""
UPDATES_BETWEEN_COPIES = 200
"""Of weights to go back to."""
RUNAWAY = 3.0
"""Times the loss of a network that knows nothing: so much worse than nothing, the weights have run away."""
DIVERGED_LOSS = 1e6
"""Nats per character that no network has by chance."""


class Watch:
    """Over the losses of one run.  Where it may not recover, a loss may be anything that is a number."""

    def __init__(self, learner: Learner, vocabulary_size: int, device: torch.device, most: int) -> None:
        self.recoveries = 0
        self._learner, self._most = learner, most
        self._limit = RUNAWAY * math.log(vocabulary_size + 1) if most else DIVERGED_LOSS
        self._every = 1 if device.type == "cpu" else UPDATES_BETWEEN_CHECKS
        self.sound = learner.parameters.copy() if most else []
        """The weights to go back to, where that is ever to be done."""

    def is_sound(self, loss: Tensor, updates: int) -> bool:
        """Whether the loss after so many updates means something; now and then the weights are set aside."""
        if updates % self._every:
            return True
        if not float(loss) < self._limit:
            return False
        if self._most and updates % UPDATES_BETWEEN_COPIES == 0:
            self.sound = self._learner.parameters.copy()
        return True

    def recover(self) -> bool:
        """Go back to sound weights, unless that was done too often; from then on at half the rate."""
        if self.recoveries == self._most:
            return False
        self.recoveries += 1
        self._learner.recover(self.sound)
        return True
