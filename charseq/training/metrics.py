"""What has been learned since the last report, added up without waiting for the device."""

import math

import torch
from torch import Tensor

from charseq.system.suspension import running_time
from charseq.training.learner import Measure


class Tally:
    """Loss, places that were right, and pace, from its making on; or from sums made before that."""

    def __init__(
        self, device: torch.device, *, cost: float = 0.0, right: float = 0.0, places: int = 0
    ) -> None:
        self.began = running_time()
        self.places = self._before = places
        self._cost, self._right = torch.tensor([cost, right], device=device)

    def add(self, loss: Tensor, right: Tensor, places: int) -> None:
        """Take in one update: its mean loss, and how many of its places were right."""
        self._cost = self._cost + loss * places
        self._right = self._right + right
        self.places += places

    @property
    def seconds(self) -> float:
        """How long it has been learned."""
        return running_time() - self.began

    @property
    def pace(self) -> float:
        """Places a second, since its making."""
        return (self.places - self._before) / max(self.seconds, 1e-9)

    @property
    def loss(self) -> float:
        """The mean, in nats per place."""
        return float(self._cost) / max(self.places, 1)

    def sums(self) -> dict[str, float]:
        """What another one can be made from, to go on; nothing where the loss is NaN or infinite."""
        cost, right = float(self._cost), float(self._right)
        if not math.isfinite(cost):
            return {"cost": 0.0, "right": 0.0, "places": 0}
        return {"cost": cost, "right": right, "places": self.places}

    def measure(self) -> Measure:
        """Loss and accuracy, without predictions."""
        return Measure(self.loss, float(self._right) / max(self.places, 1), [])
