"""Texts that cannot all be memorized: the same context is followed by different symbols."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from charseq.text.vocabulary import Ids


class Conflict(NamedTuple):
    """A context that is followed by several symbols; one prediction cannot match all of them."""

    context: tuple[int, ...]
    """The ids of the context."""
    following: tuple[int, ...]
    """The ids that follow it, the most frequent first."""


class Predictability(NamedTuple):
    """How well a network that has memorized a text can predict it."""

    correct: int
    """The highest number of positions that can be predicted correctly."""
    positions: int
    """The number of positions."""
    conflicts: int
    """The number of contexts that are followed by several symbols."""
    shortest: Conflict | None
    """The conflict whose context has the fewest symbols; None without conflicts."""

    @property
    def accuracy(self) -> float:
        """The highest possible accuracy, 0 to 1."""
        return self.correct / self.positions


def predictability(sequences: Iterable[tuple[Ids, int]], *, memory: bool = True) -> Predictability:
    """Count the contexts of sequences, each read from its beginning, and what follows them.

    Each sequence is paired with its first measured position; earlier positions are context only.  Without
    `memory`, the context is a single symbol.
    """
    contexts: dict[tuple[int, int], int] = {}
    """The number of a context, by that of the context one symbol shorter (0: none) and its last symbol."""
    following: dict[int, Counter[int]] = {}
    for ids, measured_from in sequences:
        context = 0
        for position, (symbol, target) in enumerate(pairwise(ids.tolist())):
            context = contexts.setdefault((context if memory else 0, symbol), len(contexts) + 1)
            if position >= measured_from:
                following.setdefault(context, Counter())[target] += 1
    conflicting = [context for context, targets in following.items() if len(targets) > 1]
    shortest = None
    if conflicting:
        keys = [*contexts]  # the key of context n is keys[n - 1]
        lengths = [0]
        for parent, _ in keys:
            lengths.append(lengths[parent] + 1)
        context = min(conflicting, key=lambda number: lengths[number])
        targets = following[context].most_common()
        shortest = Conflict(_symbols(context, keys), tuple(symbol for symbol, _ in targets))
    return Predictability(
        correct=sum(max(targets.values()) for targets in following.values()),
        positions=sum(targets.total() for targets in following.values()),
        conflicts=len(conflicting),
        shortest=shortest,
    )


def _symbols(context: int, keys: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return the symbols of a context, first to last."""
    symbols = []
    while context:
        context, symbol = keys[context - 1]
        symbols.append(symbol)
    return tuple(reversed(symbols))
