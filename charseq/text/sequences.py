"""Sequences of symbol ids, stored as spans of one array in memory or mapped from a file."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from charseq.text.vocabulary import Ids

Bounds = npt.NDArray[np.unsignedinteger[Any]]
"""Where spans begin or end, as indices into an array of ids."""
Hashes = npt.NDArray[np.uint64]
"""A hash of each sequence [S]."""

BLOCK = 1 << 18
"""Symbols hashed at once, so that they fit the cache; of a longer sequence, only these are hashed."""
MULTIPLIER = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: an odd number with well mixed bits."""
INVERSE = pow(MULTIPLIER, -1, 1 << 64)
"""The inverse of MULTIPLIER modulo 2^64."""


class Sequences(Sequence[Ids]):
    """Spans of ids [N]: sequence i is ids[starts[i]:ends[i]] and predicts all of its symbols but the first.

    Spans may share symbols: a line runs from one boundary symbol (id 0) to the next, both included.
    """

    def __init__(self, ids: Ids, starts: Bounds, ends: Bounds) -> None:
        self.ids, self.starts, self.ends = ids, starts, ends

    @classmethod
    def of(cls, sequences: Sequence[Ids]) -> "Sequences":
        """Concatenate separate arrays."""
        lengths = [len(sequence) for sequence in sequences]
        ends = np.cumsum(lengths, dtype=np.uint64)
        ids = np.concatenate([*sequences]) if lengths else np.zeros(0, np.uint8)
        return cls(ids, ends - np.array(lengths, np.uint64), ends)

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """The number of predicted symbols of each sequence [S]."""
        return (self.ends - self.starts).astype(np.int64) - 1

    @property
    def total(self) -> int:
        """The number of predicted symbols of all sequences."""
        return int((self.ends - self.starts).sum(dtype=np.int64)) - len(self)

    def __len__(self) -> int:
        """Return S, the number of sequences."""
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Ids: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequences": ...
    def __getitem__(self, index: int | slice) -> "Ids | Sequences":
        """Return one sequence, or the sequences of a slice."""
        if isinstance(index, slice):
            return self.select(index)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.ids[int(self.starts[index]) : int(self.ends[index])]

    def select(self, chosen: "npt.NDArray[Any] | slice") -> "Sequences":
        """Return the sequences with these numbers, or those where a mask [S] is true."""
        return Sequences(self.ids, self.starts[chosen], self.ends[chosen])

    def with_targets(self) -> "Sequences":
        """Return the sequences that have targets: those of two symbols or more."""
        return self.select(self.positions > 0)

    def concat(self, other: "Sequences") -> "Sequences":
        """Return these sequences followed by others of the same ids."""
        starts = np.concatenate([self.starts, other.starts])
        return Sequences(self.ids, starts, np.concatenate([self.ends, other.ends]))

    def cut(self, longest: int) -> "Sequences":
        """Split sequences, as evenly as possible, into sequences of at most `longest` positions."""
        positions = self.positions
        if int(positions.max(initial=0)) <= longest:
            return self
        counts = np.maximum(-(-positions // longest), 1)
        number = np.repeat(np.arange(len(self)), counts)
        part = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = self.starts[number].astype(np.int64)
        first = starts + positions[number] * part // counts[number]
        last = starts + positions[number] * (part + 1) // counts[number]
        dtype = self.starts.dtype
        return Sequences(self.ids, first.astype(dtype), (last + 1).astype(dtype))

    def subsample(self, most: int) -> "Sequences":
        """Return about `most` positions: all sequences if there are no more, else evenly spaced ones."""
        return self if self.total <= most else self.select(self.spaced(most))

    def spaced(self, most: int) -> npt.NDArray[np.int64]:
        """Return the numbers of evenly spaced sequences with about `most` positions in all."""
        count = len(self) if self.total <= most else max(1, len(self) * most // self.total)
        return np.linspace(0, len(self), count, endpoint=False, dtype=np.int64)

    def targets(self) -> Ids:
        """Return all predicted symbols [total] in one array."""
        positions = self.positions
        first = np.repeat(self.starts.astype(np.int64) + 1, positions)
        offset = np.arange(len(first)) - np.repeat(np.cumsum(positions) - positions, positions)
        targets: Ids = self.ids[first + offset]
        return targets

    def hashes(self, ranks: "npt.NDArray[np.integer[Any]] | None" = None) -> Hashes:
        """Return a hash of each sequence [S]: equal for equal sequences, the same in every process.

        A hash depends on the length, the last symbol and the first BLOCK symbols.  It is a polynomial in
        MULTIPLIER modulo 2^64 over mixed ids, or the `ranks` of ids [V].  The sequences must be in the order
        of their starts.
        """
        table = mix_bits(np.arange(int(self.ids.max(initial=0)) + 1) if ranks is None else ranks)
        most = min(BLOCK, len(self.ids)) + 1
        powers, inverses = _powers(MULTIPLIER, most), _powers(INVERSE, most)
        hashes = np.empty(len(self), np.uint64)
        first = 0
        while first < len(self):
            begin = int(self.starts[first])
            ends = self.ends[first : first + BLOCK]
            last = first + max(1, int(np.searchsorted(ends, begin + BLOCK, "right")))
            starts = self.starts[first:last].astype(np.int64) - begin
            lasts = self.ends[first:last].astype(np.int64) - begin - 1
            ids = self.ids[begin : begin + min(int(lasts[-1]), BLOCK) + 1]
            terms = np.take(table, ids, mode="clip")
            terms *= powers[: len(terms)]
            bounds = np.minimum(np.stack([starts, lasts], 1).ravel(), len(terms) - 1)
            sums = np.add.reduceat(terms, bounds)[::2] * inverses[starts]
            ending = np.take(table, self.ids[begin + lasts]) ^ mix_bits(lasts - starts)
            hashes[first:last] = mix_bits(sums ^ mix_bits(ending))
            first = last
        return hashes


def mix_bits(numbers: "npt.NDArray[np.integer[Any]]") -> Hashes:
    """Mix the bits of numbers, one to one.  Source: Steele et al. 2014, SplitMix64."""
    bits = numbers.astype(np.uint64) + np.uint64(MULTIPLIER)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _powers(base: int, count: int) -> Hashes:
    """Return the powers 0, 1, 2, ... of a number modulo 2^64 [count]."""
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)
