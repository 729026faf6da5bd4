"""The sorted suffixes of a text, and the copies of it in another text: in C or, without it, in NumPy."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError
from charseq.native import library
from charseq.native.suffix_array import NativeSuffixIndex, Positions, Symbols

MAX_SYMBOLS = (1 << 31) - 2
"""The most symbols of a text whose suffixes can be sorted."""
HASH_BASE = np.uint64(0x9E3779B97F4A7C15)
"""The base of the polynomial hash of a window, modulo 2^64."""
COMPARED = 64
"""Symbols that two suffixes are compared by first; twice as many every time that they are equal."""


class SuffixIndex(Protocol):
    """A text that is ready for the search of its copies of a minimum length."""

    def find(self, query: Symbols) -> tuple[Positions, Positions, Positions]:
        """Return the starts, the lengths and the first positions in the text of the copies in a query.

        A copy is a substring of the query of the minimum length or more that occurs in the text and is no
        part of a longer one.  Starts and ends rise.
        """


def suffix_index(text: Symbols, min_length: int) -> SuffixIndex:
    """Return the index of a text of one symbol or more, for copies of `min_length` symbols or more.

    Raises UsageError for a text of more than MAX_SYMBOLS.
    """
    if len(text) > MAX_SYMBOLS:
        raise UsageError(
            f"the text to compare with has {len(text):,} symbols; it can have at most {MAX_SYMBOLS:,}",
            hint="compare with a part of the text, by --against",
        )
    min_length = min(min_length, len(text) + 1)  # a longer one has no copies, either
    loaded = library()
    if loaded is None:
        return NumPySuffixIndex(text, min_length)
    return NativeSuffixIndex(loaded, text, min_length)


def suffix_array(text: Symbols) -> Positions:
    """Return where the suffixes of a text [T] start, in their order [T]; a suffix precedes its extensions.

    Source: prefix doubling, Manber & Myers 1993, "Suffix arrays: a new method for on-line string searches".
    """
    ranks = text.astype(np.int64) + 1
    order = np.argsort(ranks, kind="stable")
    length = 1
    while True:
        sorted_ranks = ranks[order]
        ranks[order] = np.cumsum(np.concatenate([[True], sorted_ranks[1:] != sorted_ranks[:-1]])[: len(text)])
        if length >= len(text) or ranks[order[-1]] == len(text):
            return order.astype(np.uint32)
        following = np.zeros_like(ranks)
        following[:-length] = ranks[length:]
        ranks = ranks * (len(text) + 1) + following
        order = np.argsort(ranks, kind="stable")
        length *= 2


class NumPySuffixIndex:
    """An index in NumPy, which finds the copies that charseq_copies does."""

    def __init__(self, text: Symbols, min_length: int) -> None:
        self._text, self._min_length = text, min_length
        self._suffixes = suffix_array(text)
        self._hashes = np.unique(_window_hashes(text, min_length))

    def find(self, query: Symbols) -> tuple[Positions, Positions, Positions]:
        """Return the starts, lengths and first positions of the copies; see SuffixIndex."""
        hashes, least = _window_hashes(query, self._min_length), self._min_length
        candidates = np.flatnonzero(np.isin(hashes, self._hashes)).tolist()
        found: list[tuple[int, int, int]] = []
        start = 0
        for candidate in candidates:
            if candidate < start:
                continue
            start = candidate
            while (copy := self._longest(query[start:])) and copy[0] >= least:
                found.append((start, *copy))
                end = start + copy[0]
                if end == len(query):
                    break
                # A later copy that ends after this one contains query[end], and so does its last window.
                start, last = start + 1, end + 1 - least
                if not self._occurs(query[last : end + 1]):
                    start = last + 1
                    break
                while start < last:  # the first start of such a copy
                    middle = (start + last) // 2
                    start, last = (
                        (start, middle) if self._occurs(query[middle : end + 1]) else (middle + 1, last)
                    )
            if found and found[-1][0] + found[-1][1] == len(query):
                break
        starts, lengths, positions = np.array(found, np.uint32).reshape(-1, 3).T
        return starts, lengths, positions

    def _longest(self, query: Symbols) -> tuple[int, int]:
        """Return the length of the longest match at the beginning of a query, and its first position."""
        rank = self._rank(query, after=False)
        neighbors = self._suffixes[max(rank - 1, 0) : rank + 1].tolist()
        length = max(_shared(self._text[suffix:], query) for suffix in neighbors)
        match = query[:length]
        first, last = self._rank(match, after=False), self._rank(match, after=True)
        return length, int(self._suffixes[first:last].min(initial=len(self._text)))

    def _occurs(self, part: Symbols) -> bool:
        rank = self._rank(part, after=False)
        suffix = self._suffixes[rank : rank + 1].tolist()
        return bool(suffix) and _shared(self._text[suffix[0] :], part) == len(part)

    def _rank(self, part: Symbols, *, after: bool) -> int:
        """Return the number of suffixes below a string; with `after`, also of those that begin with it."""
        low, high = 0, len(self._suffixes)
        while low < high:
            middle = (low + high) // 2
            suffix = self._text[int(self._suffixes[middle]) :]
            shared = _shared(suffix, part)
            if shared == len(part):
                is_smaller = after
            else:
                is_smaller = shared == len(suffix) or bool(suffix[shared] < part[shared])
            low, high = (middle + 1, high) if is_smaller else (low, middle)
        return low


def _window_hashes(text: Symbols, length: int) -> npt.NDArray[np.uint64]:
    """Return a hash of each window of `length` symbols."""
    count = max(len(text) - length + 1, 0)
    hashes = np.zeros(count, np.uint64)
    for offset in range(length if count else 0):
        hashes = hashes * HASH_BASE + text[offset : offset + count]
    return hashes


def _shared(a: "npt.NDArray[Any]", b: "npt.NDArray[Any]") -> int:
    """Return the number of symbols that two strings have in common at their beginnings."""
    start, size, end = 0, COMPARED, min(len(a), len(b))
    while start < end:
        differ = a[start : min(start + size, end)] != b[start : min(start + size, end)]
        first = int(differ.argmax())
        if differ[first]:
            return start + first
        start, size = start + size, 2 * size
    return end
