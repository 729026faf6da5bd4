"""How much of a validation text the training text contains."""

import numpy as np

from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids

PIECE = 64
"""Symbols of each piece of running text that is searched; unrelated texts rarely share as many."""
PIECES = 32
"""Pieces that are searched, evenly spaced over the validation text."""
BLOCK = 1 << 22
"""Symbols that are searched at once."""


def overlap(training: Sequences, validation: Sequences, *, lines: bool) -> float:
    """Return the fraction of a validation text that the training text contains, 0 to 1.

    For `lines`, it is exact: the fraction of the validation positions in lines that are also training lines.
    For running text, it is the fraction of the pieces that are searched.
    """
    if lines:
        known = np.isin(validation.hashes(), training.hashes())
        return float(validation.select(known).total / validation.total)
    pieces = validation.cut(PIECE - 1)
    pieces = pieces.select(pieces.spaced(PIECES * (PIECE - 1)))
    return sum(_occurs(piece, training.ids) for piece in pieces) / len(pieces)


def _occurs(piece: Ids, ids: Ids) -> bool:
    """Return whether a piece stands in ids [N]."""
    pattern = piece.astype(ids.dtype).tobytes()
    for first in range(0, max(1, len(ids) - len(piece) + 1), BLOCK):
        block = ids[first : first + BLOCK + len(piece) - 1].tobytes()
        at = block.find(pattern)
        while at >= 0 and at % ids.itemsize:
            at = block.find(pattern, at + 1)
        if at >= 0:
            return True
    return False
