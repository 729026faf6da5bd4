"""Add the n-grams of a new text to those of an earlier one."""

from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.model.ngram import Counts, NgramModel
from charseq.model.ngram_counting import Counted, Level

LARGEST_COUNT = 2**32 - 1


def merge(known: NgramModel, new: Counted) -> Counted:
    """Return the n-grams of two texts together, as if they had been counted as two sequences.

    Both have the same order, or `new` is too short for it; `new` has the larger vocabulary.  Occurrences add
    up, and so do the numbers of different symbols before an n-gram, less those that both texts have there.
    If `known` lacks rare n-grams, those that both texts have are counted twice.
    """
    size = new.vocabulary_size
    added = [*new.levels, *[EMPTY] * (known.order - len(new.levels))]
    levels: list[Level] = []
    old_numbers = new_numbers = suffixes = np.zeros(1, np.int64)
    shorter = np.zeros(0, np.int64)
    for old, level in zip(_levels(known), added, strict=True):
        removed = np.zeros(max(1, len(shorter)), np.int64)
        removed[old_numbers] = 0 if old.removed is None else old.removed
        old_keys = old_numbers[old.parents] * size + old.symbols
        new_keys = new_numbers[level.parents] * size + level.symbols
        keys = np.union1d(old_keys, new_keys)
        old_numbers, new_numbers = np.searchsorted(keys, old_keys), np.searchsorted(keys, new_keys)
        parents, symbols = np.divmod(keys, size)
        if levels:
            suffixes = np.searchsorted(shorter, suffixes[parents] * size + symbols)
            both = np.intersect1d(old_numbers, new_numbers, assume_unique=True)
            overlap = np.bincount(suffixes[both], minlength=len(shorter))
            preceding = levels[-1].preceding.astype(np.int64) - overlap
            levels[-1] = levels[-1]._replace(preceding=_counts(preceding))
        else:
            suffixes = np.zeros(len(keys), np.int64)
        occurrences, preceding = np.zeros((2, len(keys)), np.int64)
        occurrences[old_numbers], preceding[old_numbers] = old.occurrences, old.preceding
        occurrences[new_numbers] += level.occurrences
        preceding[new_numbers] += level.preceding
        symbols = symbols.astype(np.min_scalar_type(size - 1))
        levels.append(Level(symbols, parents, _counts(occurrences), _counts(preceding), _counts(removed, 0)))
        shorter = keys
    return Counted(size, tuple(_with_occurrences(levels)))


NO_COUNTS = np.zeros(0, np.uint32)
EMPTY = Level(NO_COUNTS, NO_COUNTS, NO_COUNTS, NO_COUNTS)
"""A level without n-grams."""


def _levels(model: NgramModel) -> list[Level]:
    """Return the n-grams of a model, by length, with their counts as occurrences."""
    levels: list[Level] = []
    starts = np.cumsum([0, *model.level_sizes])
    missing = 0 if model.totals is None else model.totals - model.sums.astype(np.int64)
    removed = np.zeros(len(model.children), np.int64) + missing
    for shorter, nodes, end in zip(starts, starts[1:], starts[2:], strict=False):
        children = model.children[shorter:nodes].astype(np.int64)
        counts = model.counts[nodes:end]
        parents = np.repeat(np.arange(nodes - shorter), children)
        symbols = model.symbols[nodes:end].astype(np.int64)
        levels.append(Level(symbols, parents, counts, counts, _counts(removed[shorter:nodes], 0)))
    return levels


def _with_occurrences(levels: list[Level]) -> list[Level]:
    """Make every n-gram occur at least as often as the longer ones that begin with it.

    A model does not store how often its shorter n-grams occur.
    """
    filled = levels[-1:]
    for level in reversed(levels[:-1]):
        longer = np.bincount(filled[0].parents, filled[0].occurrences, len(level.symbols))
        filled.insert(0, level._replace(occurrences=_counts(np.maximum(level.occurrences, longer))))
    return filled


def _counts(values: npt.NDArray[Any], least: int = 1) -> Counts:
    counts: Counts = np.clip(values, least, LARGEST_COUNT).astype(np.uint32)
    return counts
