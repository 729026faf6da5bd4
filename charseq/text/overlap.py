"""How much of a validation text the training text contains."""

import numpy as np

from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids

PIECE = 64
"""Symbols of each piece of running text that is searched; unrelated texts rarely share as many."""
SHORTEST_PIECE = PIECE // 2
"""The minimum number of symbols of a piece, at the end of a text or in a short one."""
PIECES = 32
"""Pieces that are searched, evenly spaced over the validation text."""
BLOCK = 1 << 22
"""Symbols that are searched at once."""
MOST_SYMBOLS = 1 << 26
"""Symbols at the beginning of a training text that are searched."""


def overlap(training: Sequences, validation: Sequences, *, lines: bool) -> float:
    """Return the fraction of a validation text that the training text contains, 0 to 1.

    For `lines`, it is exact: the fraction of the validation positions in lines that are also training lines.
    For running text, it is the fraction of the pieces that are searched.
    """
    if lines:
        known = np.isin(validation.hashes(), training.hashes())
        return float(validation.select(known).total / validation.total)
    pieces = validation.cut(PIECE - 1)
    pieces = pieces.select(pieces.positions >= SHORTEST_PIECE - 1)
    if not len(pieces):
        return 0.0
    pieces = pieces.select(pieces.spaced(PIECES * (PIECE - 1)))
    return sum(_occurs(piece, training) for piece in pieces) / len(pieces)


def _occurs(piece: Ids, training: Sequences) -> bool:
    """Return whether a piece stands in one of the sequences, which are in the order of their starts."""
    ids = training.ids[:MOST_SYMBOLS]
    pattern = piece.astype(ids.dtype).tobytes()
    for first in range(0, max(1, len(ids) - len(piece) + 1), BLOCK):
        block = ids[first : first + BLOCK + len(piece) - 1].tobytes()
        at = block.find(pattern)
        while at >= 0:
            if at % ids.itemsize == 0 and _is_inside(first + at // ids.itemsize, len(piece), training):
                return True
            at = block.find(pattern, at + 1)
    return False


def _is_inside(start: int, length: int, sequences: Sequences) -> bool:
    """Return whether symbols of the ids are part of one sequence."""
    number = int(np.searchsorted(sequences.starts, start, "right")) - 1
    return number >= 0 and start + length <= int(sequences.ends[number])
