"""Choose the order of an n-gram model by measurement."""

import math
from typing import NamedTuple

import numpy as np

from charseq.model.ngram_counting import count_ngrams, sampled
from charseq.text.sequences import Sequences

ORDERS = range(2, 11)
"""The orders to choose from."""
MAX_MEASURED = 1 << 20
"""Symbols on which the order is chosen, sampled evenly from a larger text."""
TEST_INTERVAL = 16
"""Interval of the pieces of that text that are predicted; the other pieces are counted."""
NEGLIGIBLE = 0.002
"""Difference in nats per symbol that is not worth a higher order."""
MAX_TESTED = 1 << 16
"""The most symbols that are predicted."""
MAX_PROBABILITIES = 1 << 24
"""The most probabilities that are computed for one order: fewer symbols are predicted if there are many."""
TESTED_PIECES = 16
"""The fewest pieces in which the predicted symbols lie, if there are enough."""


class Choice(NamedTuple):
    """The order that was chosen, and the loss of a model of that order on text that was not counted."""

    order: int
    loss: float


def hold_out(
    sequences: Sequences, vocabulary_size: int, most: int = MAX_MEASURED
) -> tuple[Sequences, Sequences]:
    """Return what is counted, and every TEST_INTERVAL-th piece of a text, which is predicted.

    At most `most` symbols, and MAX_MEASURED, are in both together.  No piece is predicted of a text with too
    few symbols.
    """
    pieces = sampled(sequences, min(most, MAX_MEASURED))
    if len(pieces) < 2 * TEST_INTERVAL:
        pieces = pieces.cut(max(2, pieces.total // (2 * TEST_INTERVAL)))
    is_tested = np.arange(len(pieces)) % TEST_INTERVAL == TEST_INTERVAL // 2
    most_tested = min(MAX_TESTED, max(TESTED_PIECES, MAX_PROBABILITIES // vocabulary_size))
    tested = pieces.select(is_tested)
    if len(tested):
        tested = tested.cut(-(-most_tested // TESTED_PIECES)).subsample(most_tested)
    return pieces.select(~is_tested), tested


def choose_order(
    sequences: Sequences,
    vocabulary_size: int,
    *,
    lines: bool,
    labels: tuple[int, ...] = (),
    most: int = MAX_MEASURED,
) -> Choice:
    """Choose the smallest order with nearly the lowest loss on a part of a text that is not counted.

    `hold_out` selects that part.  For a text of too few symbols for that, the choice is the smallest order,
    with a loss of NaN.
    """
    training, tested = hold_out(sequences, vocabulary_size, most)
    if not len(tested):
        return Choice(ORDERS[0], math.nan)
    counted = count_ngrams(training, ORDERS[-1], vocabulary_size, lines=lines, labels=labels)
    choices = []
    for order in ORDERS[: max(1, len(counted.levels) - 1)]:
        choices.append(Choice(order, counted.model(order).loss(tested)))
        if len(choices) > 2 and choices[-1].loss > choices[-3].loss - NEGLIGIBLE:
            break  # the last two orders gained nothing
    lowest = min(choice.loss for choice in choices)
    return next(choice for choice in choices if choice.loss <= lowest + NEGLIGIBLE)
