"""Count n-grams, and read texts with an n-gram model, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native.linear import address
from charseq.native.loader import Ngram
from charseq.native.threads import threads_for

Positions = npt.NDArray[np.uint32]

WORK_PER_SYMBOL = 16
"""Multiplications that take as long as one probability."""


class NativeNgram:
    """The tree of an n-gram model for the kernels."""

    def __init__(
        self,
        lib: ctypes.CDLL,
        order: int,
        vocabulary_size: int,
        symbols: npt.NDArray[Any],
        first_child: npt.NDArray[np.uint32],
        alpha: npt.NDArray[np.float32],
        gamma: npt.NDArray[np.float32],
        is_label: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._lib, self._vocabulary_size = lib, vocabulary_size
        self._arrays = (np.ascontiguousarray(symbols, np.uint32), first_child, alpha, gamma)
        self._is_label = is_label
        labels = None if is_label is None else address(is_label)
        self._tree = Ngram(order, vocabulary_size, *map(address, self._arrays), labels)
        self.reference = ctypes.byref(self._tree)

    def team(self, rows: int, symbols: int) -> int:
        """Return the number of threads that read a number of symbols in rows."""
        return max(1, min(rows, threads_for(self._lib, symbols * self._vocabulary_size * WORK_PER_SYMBOL)))

    def read(
        self,
        ids: npt.NDArray[Any],
        contexts: npt.NDArray[np.int32],
        q: npt.NDArray[np.float32] | None,
        depths: npt.NDArray[np.int32] | None,
    ) -> None:
        """Read ids [T B]; write contexts [B N] and, unless None, q [T B V] and depths [T B]."""
        ids = np.ascontiguousarray(ids, np.int64)
        steps, rows = ids.shape
        self._lib.charseq_ngram_read(
            self.reference,
            steps,
            rows,
            address(ids),
            address(contexts),
            None if q is None else address(q),
            None if depths is None else address(depths),
            self.team(rows, ids.size),
        )


def refine(
    lib: ctypes.CDLL,
    starts: Positions,
    positions: Positions,
    scratch: Positions,
    symbols: Positions,
    left: npt.NDArray[np.uint8],
    length: int,
    vocabulary_size: int,
) -> tuple[Positions, Positions]:
    """Split groups of positions by the next symbol, in place; see charseq_refine in library.h.

    Returns where the new groups start, and the numbers of the groups that they were.
    """
    new_starts, parents = np.empty((2, len(positions) + 1), np.uint32)
    count = lib.charseq_refine(
        len(starts) - 1,
        *(address(array) for array in (starts, positions, scratch, symbols, left)),
        length,
        vocabulary_size,
        address(new_starts),
        address(parents),
    )
    return new_starts[: count + 1].copy(), parents[:count].copy()
