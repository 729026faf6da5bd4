"""Count the n-grams of a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.model.ngram import Counts, NgramModel
from charseq.native import library
from charseq.native.ngram import Positions, refine
from charseq.text.sequences import Sequences

MAX_COUNTED = 1 << 24
"""Symbols of a larger text that are counted, sampled evenly from it."""
COUNTED_PIECE = 1 << 14
"""Symbols of each sampled piece."""
MAX_NGRAMS = 1 << 22
"""The most n-grams of a model; of a text with more, the rarest are left out: a node takes 16 bytes."""
SHORTEST_PRUNED = 3
"""The shortest n-grams that can be left out."""
LARGEST_THRESHOLD = 100
"""The most occurrences that an n-gram may need to be kept."""
SEQUENCES_AT_ONCE = 1 << 14
"""Sequences copied at once."""
SMALLEST_DISCOUNT = 0.05
"""The smallest discount, so that every symbol keeps some probability after every context."""
USUAL_DISCOUNTS = (0.5, 1.0, 1.5)
"""Discounts of an order that has too few different counts to estimate them, as KenLM has them."""


class Level(NamedTuple):
    """The n-grams of one length G, sorted by their symbols."""

    symbols: npt.NDArray[Any]
    """The last symbol of each [G]."""
    parents: Positions
    """The number of each n-gram without its last symbol, among the shorter ones [G]."""
    occurrences: Counts
    """How often each occurs [G]."""
    preceding: Counts
    """How many different symbols precede each, and the start of a text counts as one [G].

    For n-grams with the start of a line, their occurrences.
    """
    removed: Counts | None = None
    """The sum of the counts of longer n-grams that were removed before, of each shorter one; None for 0."""


@dataclass(frozen=True)
class Counted:
    """The n-grams of a text, up to a length."""

    vocabulary_size: int
    levels: tuple[Level, ...]
    labels: tuple[int, ...] = ()
    """The symbols that are labels; every n-gram of several symbols then begins with one."""

    def model(self, order: int) -> NgramModel:
        """Return the model of an order, at most the length that was counted.

        The order is smaller where all of the longest n-grams are too rare to be kept.
        """
        kept = [chosen for chosen in _kept(self.levels[:order]) if chosen.any()]
        levels = self.levels[: len(kept)]
        counts = [level.preceding for level in levels[:-1]] + [levels[-1].occurrences]
        discounts = np.array([_discounts(values) for values in counts], np.float32)
        pruned = not all(chosen.all() for chosen in kept)
        pruned |= any(level.removed is not None and level.removed.any() for level in levels)
        symbols, children, totals = [], [], []
        above = np.ones(1, np.bool_)
        for level, values, chosen in zip(levels, counts, kept, strict=True):
            parents = level.parents
            children.append(np.bincount(parents[chosen], minlength=len(above))[above])
            removed = 0 if level.removed is None else level.removed
            totals.append((np.bincount(parents, values, len(above)) + removed)[above])
            symbols.append(level.symbols[chosen])
            above = chosen
        flat_counts = np.concatenate([v[chosen] for v, chosen in zip(counts, kept, strict=True)])
        flat_children = np.concatenate(children)
        return NgramModel(
            self.vocabulary_size,
            np.concatenate([np.zeros(1, symbols[0].dtype), *symbols]),
            np.concatenate([np.zeros(1, np.uint32), flat_counts]).astype(np.uint32),
            flat_children.astype(np.min_scalar_type(int(flat_children.max()))),
            discounts,
            np.concatenate(totals).astype(np.uint32) if pruned else None,
            self.labels,
        )


def count_ngrams(
    sequences: Sequences,
    length: int,
    vocabulary_size: int,
    *,
    lines: bool,
    labels: tuple[int, ...] = (),
    most: int = MAX_COUNTED,
) -> Counted:
    """Count all n-grams of at most `length` symbols that lie within a sequence.

    Of a text with more than `most` symbols, evenly spaced pieces are counted.  `lines`: whether symbol 0
    begins every line, where no model predicts it.  With `labels`, one of them begins every line, and those of
    each label are counted by themselves.
    """
    counted = sampled(sequences, most)
    if not labels:
        return Counted(vocabulary_size, _levels(counted, length, vocabulary_size, 0 if lines else None))
    first = counted.ids[counted.starts.astype(np.int64)]
    by_label = {
        label: _levels(counted.select(first == label), max(1, length - 1), vocabulary_size, label)
        for label in sorted(labels)
        if (first == label).any()
    }
    return Counted(vocabulary_size, _joined(by_label)[:length], labels)


def _joined(by_label: Mapping[int, tuple[Level, ...]]) -> tuple[Level, ...]:
    """Join the n-grams of each label, with the label before them; those of one symbol are of all labels."""
    unigrams = [levels[0] for levels in by_label.values()]
    symbols, index = np.unique(np.concatenate([level.symbols for level in unigrams]), return_inverse=True)
    sums = (
        np.bincount(index, np.concatenate(each)).astype(np.uint32)
        for each in zip(*((level.occurrences, level.preceding) for level in unigrams), strict=True)
    )
    joined = [Level(symbols, np.zeros(len(symbols), np.uint32), *sums)]
    above = dict(zip(by_label, np.searchsorted(symbols, [*by_label]), strict=True))
    for length in range(max(map(len, by_label.values()))):
        levels = {label: levels[length] for label, levels in by_label.items() if length < len(levels)}
        parents = [(level.parents + above[label]).astype(np.uint32) for label, level in levels.items()]
        columns = zip(*(level[:4] for level in levels.values()), strict=True)
        joined.append(Level(*map(np.concatenate, columns)))
        joined[-1] = joined[-1]._replace(parents=np.concatenate(parents))
        ends = np.cumsum([len(level.symbols) for level in levels.values()])
        above = dict(zip(levels, [0, *ends], strict=False))
    return tuple(joined)


def _levels(sequences: Sequences, length: int, vocabulary_size: int, begin: int | None) -> tuple[Level, ...]:
    """Count n-grams of at most `length` symbols; the symbol `begin` begins every line."""
    text = _Text(sequences, vocabulary_size)
    levels: list[Level] = []
    numbers = np.zeros(0, np.uint32)
    for shorter in range(length):
        parents = text.refine(shorter)
        if not len(parents):
            break
        first = text.positions[text.groups[:-1]].astype(np.int64)
        if levels:
            starts = text.starts_of(shorter)
            of_lines = text.symbols[starts] == begin  # others start within a line that was cut
            occurrences = levels[-1].occurrences
            suffixes = np.bincount(numbers[first + 1], minlength=len(occurrences))
            preceding = suffixes.astype(np.uint32)
            preceding[np.unique(numbers[starts[~of_lines]])] += 1
            if shorter > 1:  # symbol 0 alone is predicted too, at the end of a line
                at_start = numbers[starts[of_lines]]
                preceding[at_start] = occurrences[at_start]
            levels[-1] = levels[-1]._replace(preceding=np.maximum(preceding, 1))
        last = text.symbols[first + shorter].astype(np.min_scalar_type(vocabulary_size - 1))
        occurrences = np.diff(text.groups)
        levels.append(Level(last, parents, occurrences, occurrences))
        numbers = text.numbers()
    if begin:  # a label, which no model predicts, not even at the end of a line
        is_begin = levels[0].symbols == begin
        levels[0] = levels[0]._replace(occurrences=np.where(is_begin, 1, levels[0].occurrences))
    return tuple(levels)


def sampled(sequences: Sequences, most: int) -> Sequences:
    """Return evenly spaced pieces of sequences with about `most` symbols; all, if they have no more."""
    return sequences if sequences.total <= most else sequences.cut(COUNTED_PIECE).subsample(most)


class _Text:
    """The positions of a text, grouped by the symbols that begin there."""

    def __init__(self, sequences: Sequences, vocabulary_size: int) -> None:
        self._vocabulary_size = vocabulary_size
        lengths = sequences.positions + 1
        ends = np.cumsum(lengths)
        self._starts = ends - lengths
        self.symbols = np.empty(int(ends[-1]), np.uint32)
        self._left = np.empty(len(self.symbols), np.uint8)
        """The number of symbols from each position to the end of its sequence, at most 255."""
        for first in range(0, len(sequences), SEQUENCES_AT_ONCE):
            part = slice(first, first + SEQUENCES_AT_ONCE)
            offset, counts = int(self._starts[first]), lengths[part]
            number = np.repeat(np.arange(len(counts)), counts)
            inside = np.arange(len(number)) + offset - self._starts[part][number]
            place = slice(offset, offset + len(number))
            self.symbols[place] = sequences.ids[sequences.starts[part].astype(np.int64)[number] + inside]
            self._left[place] = np.minimum(counts[number] - inside, np.iinfo(np.uint8).max)
        self.positions = np.arange(len(self.symbols), dtype=np.uint32)
        self.groups = np.array([0, len(self.positions)], np.uint32)
        """Where the groups of `positions` begin, and the last one ends."""
        self._scratch = np.empty_like(self.positions)

    def refine(self, length: int) -> Positions:
        """Split groups with `length` equal symbols by the next one.  Returns the numbers that they had."""
        if lib := library():
            self.groups, parents = refine(
                lib,
                self.groups,
                self.positions,
                self._scratch,
                self.symbols,
                self._left,
                length,
                self._vocabulary_size,
            )
        else:
            fits = self._left[self.positions] > length
            group = np.repeat(np.arange(len(self.groups) - 1), np.diff(self.groups))[fits]
            positions = self.positions[fits]
            keys = group * self._vocabulary_size + self.symbols[positions.astype(np.int64) + length]
            order = np.argsort(keys)
            keys = keys[order]
            begins = np.flatnonzero(np.diff(keys, prepend=-1))
            parents = (keys[begins] // self._vocabulary_size).astype(np.uint32)
            self.positions, self.groups = positions[order], np.append(begins, len(keys)).astype(np.uint32)
        self.positions = self.positions[: int(self.groups[-1])]
        return parents

    def numbers(self) -> Positions:
        """Return the number of the group that each position is in [symbols]; 0 if it is in none."""
        numbers = np.zeros(len(self.symbols), np.uint32)
        groups = np.arange(len(self.groups) - 1, dtype=np.uint32)
        numbers[self.positions] = np.repeat(groups, np.diff(self.groups))
        return numbers

    def starts_of(self, length: int) -> npt.NDArray[np.int64]:
        """Return where sequences of at least `length` symbols start."""
        starts: npt.NDArray[np.int64] = self._starts[self._left[self._starts] >= length]
        return starts


def _discounts(counts: Counts) -> tuple[float, ...]:
    """Return the three discounts of an order, from how many n-grams have counts of 1 to 4.

    Source: Chen & Goodman 1998, equation 26.
    """
    n = [int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4)]
    if not all(n):
        return USUAL_DISCOUNTS
    share = n[0] / (n[0] + 2 * n[1])
    estimated = [count - (count + 1) * share * n[count] / n[count - 1] for count in (1, 2, 3)]
    return tuple(float(np.clip(d, SMALLEST_DISCOUNT, count)) for count, d in enumerate(estimated, 1))


def _kept(levels: Sequence[Level]) -> list[npt.NDArray[np.bool_]]:
    """Return which n-grams of each length a model stores: those that occur often enough to be few enough.

    An n-gram occurs at most as often as its parent, so that the parent of one that is kept is kept, too.
    """
    fewest = 1
    while True:
        kept = [
            level.occurrences >= (fewest if length >= SHORTEST_PRUNED else 1)
            for length, level in enumerate(levels, 1)
        ]
        if fewest == LARGEST_THRESHOLD or sum(int(chosen.sum()) for chosen in kept) <= MAX_NGRAMS:
            return kept
        fewest += 1
