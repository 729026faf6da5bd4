"""Overlapping windows, as --stride uses them in training and prediction."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from charseq.text.vocabulary import Ids  # needs NumPy, which the command line's help does not load

T = TypeVar("T")


class Window(NamedTuple):
    """Windows of `length` positions, `stride` apart, each read from the initial state.

    A position belongs to the first window that contains it.
    """

    length: int
    stride: int

    def start(self, position: int) -> int:
        """Return the first position of the window that a position belongs to."""
        return self.stride * max(0, -(-(position - self.length + 1) // self.stride))

    def cut(self, sequence: "Ids") -> "Iterator[Ids]":
        """Yield the windows of a sequence, each with the target of its last position.

        The last window is shorter where the sequence ends within it.
        """
        last = self.start(max(0, len(sequence) - 2))
        for start in range(0, last + 1, self.stride):
            yield sequence[start : start + self.length + 1]

    def own(self, number: int) -> slice:
        """Return the positions, within the window of this number, that belong to it."""
        return slice(self.length - self.stride if number else 0, None)

    def joined(self, windows: Sequence[Sequence[T]]) -> list[T]:
        """Return the values of all positions of a sequence, from those of its windows."""
        return [value for number, values in enumerate(windows) for value in values[self.own(number)]]
