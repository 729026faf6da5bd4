"""Where a run is."""

from dataclasses import dataclass, fields

import torch

from charseq.training.learner import States
from charseq.training.metrics import Tally


@dataclass
class Counts:
    """How far a run is, in numbers."""

    epochs: int = 0
    """Epochs that are over ..."""
    epochs_right: int = 0
    """... and of those how many in a row, up to now, had every place right."""
    updates: int = 0
    """Of all epochs together, those that were given up included."""
    batches: int = 0
    """Read of the epoch under way ..."""
    read: int = 0
    """... and how many places they held."""
    rate: float = 0.0
    """The learning rate of the last update."""
    last_passes: float = 0.0
    """How often the text had been read when the last measure was taken."""
    untrained: float = 0.0
    """The loss before the first update."""
    evaluated: int = 0
    """Held-out positions that are evaluated; 0 as long as that is not settled."""


class Place:
    """The counts of a run, what it carries from batch to batch, and what it adds up."""

    def __init__(self, counts: Counts, tally: Tally, states: States | None, device: torch.device) -> None:
        self.counts, self.tally, self.states, self._device = counts, tally, states, device

    def begin(self, *, forget: bool = True) -> None:
        """Begin to add up anew; `forget` the states, too."""
        self.tally = Tally(self._device)
        if forget:
            self.states = None

    def begin_epoch(self, *, right: bool) -> None:
        """Begin the next epoch, after one in which every place was right, or not."""
        self.counts.epochs += 1
        self.counts.epochs_right = self.counts.epochs_right + 1 if right else 0
        self.begin_epoch_again()

    def begin_epoch_again(self) -> None:
        """Begin the epoch under way from its first batch."""
        self.counts.batches = self.counts.read = 0
        self.begin()


COUNTS = {field.name: field.type for field in fields(Counts)}
