"""Overlapping windows: how a text is read that is learned with --stride, in training and in prediction."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from charseq.text.vocabulary import Ids  # needs NumPy, which the command line's help does not load

T = TypeVar("T")


class Window(NamedTuple):
    """Windows of `length` positions, each `stride` further on and read from the initial state.

    A position belongs to the first window that reaches it.
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
        """Return the positions of a window that belong to it, by its number."""
        return slice(self.length - self.stride if number else 0, None)

    def joined(self, windows: Sequence[Sequence[T]]) -> list[T]:
        """Return values of all positions of a sequence, given those of its windows."""
        return [value for number, values in enumerate(windows) for value in values[self.own(number)]]
