"""Copies: the spans of a text that occur verbatim in a reference text, such as the training text."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MIN_COPY = 20
"""The length of the shortest copy, in characters (code points), or bytes if the unit is byte."""


class Span(NamedTuple):
    """A copy: a span of a text that occurs in the reference and is no part of a longer one.

    Spans may overlap, where two passages of the reference do.  Positions count code points of the normalized
    text from 0, or bytes if the unit is byte.
    """

    start: int
    """The position of its first character in the text."""
    end: int
    """The position after its last character."""
    source: str
    """The file of the reference in which it occurs first, - for standard input; empty for a string."""
    number: int
    """The number of that file or string in the reference, from 1."""
    offset: int
    """The position of its first character in that file or string."""
    line: int
    """The number of its first line there, from 1."""

    @property
    def length(self) -> int:
        """The number of characters."""
        return self.end - self.start


@dataclass(frozen=True)
class Copies:
    """The copies in a text.

    A character is copied if it is part of a substring of at least `min_length` characters that occurs in the
    reference text.
    """

    characters: int
    """The length of the text: code points once it is normalized, or bytes."""
    copied: int
    """The number of copied characters."""
    spans: tuple[Span, ...] = field(repr=False)
    """In rising order of their starts, and of their ends."""
    min_length: int = MIN_COPY

    @property
    def share(self) -> float:
        """The share of copied characters, 0 to 1; 0 for a text without characters."""
        return self.copied / self.characters if self.characters else 0.0

    @property
    def longest_span(self) -> Span | None:
        """The first of the longest spans; None without a span."""
        return max(self.spans, key=lambda span: span.length, default=None)

    @property
    def longest(self) -> int:
        """The length of the longest span; 0 without a span."""
        return self.longest_span.length if self.longest_span else 0

    @property
    def too_short(self) -> bool:
        """Whether the text is too short to have a copy."""
        return self.characters < self.min_length

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return whether each character is copied [characters]."""
        edges = np.zeros(self.characters + 1, np.int64)
        np.add.at(edges, [span.start for span in self.spans], 1)
        np.subtract.at(edges, [span.end for span in self.spans], 1)
        return np.cumsum(edges)[:-1] > 0


class TotalCopies:
    """The copies in several texts together."""

    def __init__(self) -> None:
        self.texts = self.characters = self.copied = self.spans = 0
        self.longest: Span | None = None
        self.too_short = True
        """Whether no text was long enough to have a copy."""

    @classmethod
    def of(cls, copies: Copies) -> "TotalCopies":
        """Return the copies in one text."""
        total = cls()
        total.add(copies)
        return total

    def add(self, copies: Copies) -> None:
        """Add those of one text."""
        self.texts += 1
        self.characters += copies.characters
        self.copied += copies.copied
        self.spans += len(copies.spans)
        self.too_short &= copies.too_short
        longest = copies.longest_span
        if longest and (self.longest is None or longest.length > self.longest.length):
            self.longest = longest

    @property
    def share(self) -> float:
        """The share of copied characters, 0 to 1."""
        return self.copied / self.characters if self.characters else 0.0
