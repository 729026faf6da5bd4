"""What has been learned since the last report, added up without waiting for the device."""

import time

import torch
from torch import Tensor

from charseq.training.learner import Measure


class Tally:
    """Loss, places that were right, and pace, from its making on."""

    def __init__(self, device: torch.device) -> None:
        self.began = time.monotonic()
        self.places = 0
        self._cost = self._right = torch.zeros((), device=device)

    def add(self, loss: Tensor, right: Tensor, places: int) -> None:
        """Take in one update: its mean loss, and how many of its places were right."""
        self._cost = self._cost + loss * places
        self._right = self._right + right
        self.places += places

    @property
    def seconds(self) -> float:
        """How long it has been learned."""
        return time.monotonic() - self.began

    @property
    def pace(self) -> float:
        """Places a second."""
        return self.places / max(self.seconds, 1e-9)

    @property
    def loss(self) -> float:
        """The mean, in nats per place."""
        return float(self._cost) / max(self.places, 1)

    def measure(self) -> Measure:
        """Loss and accuracy, without predictions."""
        return Measure(self.loss, float(self._right) / max(self.places, 1), [])
