"""What a run asks of the other processes that train with it; a single process has none."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy.typing as npt

from charseq.text.batches import WHOLE, Part

Array = npt.NDArray[Any]

if TYPE_CHECKING:  # a single process joins nothing, and needs no torch to do so
    from torch import Tensor


class Action(IntEnum):
    """What process 0 orders."""

    END = 0
    UPDATE = 1
    EVALUATE = 2
    RESTORE = 3
    GATHER = 4
    AVERAGE = 5
    MIX = 6


class Order(NamedTuple):
    """An order of process 0."""

    action: Action
    numbers: list[float]
    keys: list[int]
    """Those of the masks of dropout."""


class Processes:
    """A single process, for which every operation does nothing."""

    part: Part = WHOLE
    """The part of the rows of a batch that this process reads."""
    local_rank = 0
    """Its number among the processes of this machine."""
    masks = 0
    """The number of masks of dropout in an update, which an order has keys for."""

    @property
    def count(self) -> int:
        """The number of processes."""
        return self.part.processes

    @property
    def are_several(self) -> bool:
        """Whether there are other processes."""
        return self.part.processes > 1

    @property
    def leads(self) -> bool:
        """Whether this is process 0."""
        return self.part.rank == 0

    def order(self, action: Action, *numbers: float, keys: Sequence[int] = ()) -> None:
        """Tell the other processes what to do next; process 0 alone does so."""

    def sum(self, tensor: "Tensor") -> None:
        """Replace a tensor, in every process, by the sum of those of all processes."""

    def collect(self, tensor: "Tensor") -> None:
        """Replace a tensor, in process 0 alone, by the sum of those of all processes; the others go on."""

    def average(self, tensors: Sequence["Tensor"]) -> None:
        """Replace tensors, in every process, by the average of those of all processes."""

    def broadcast(self, tensor: "Tensor") -> None:
        """Replace a tensor, in every process, by that of process 0."""

    def shared(self, value: Any) -> Any:
        """Return a value of process 0, which JSON can hold."""
        return value

    def array(self, value: Array) -> Array:
        """Return an array of process 0, of the same type and shape in every process."""
        return value

    def joined(self, part: Array) -> Array:
        """Return the rows [N ...] of the arrays of all processes; in others than process 0, the own rows."""
        return part

    def of_this_machine(self, value: str) -> str:
        """Return the string of the first process of this machine."""
        return value


ALONE = Processes()
"""A single process."""
