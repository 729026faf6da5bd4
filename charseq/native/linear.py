"""Products of few rows with a matrix that stays the same, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import threads

Floats = npt.NDArray[np.float32]

WORTH_A_THREAD = 250_000
"""Multiplications for each thread, from which another one helps."""


class Linear:
    """The map x -> W x + b for some rows; what comes of a row does not depend on the others."""

    def __init__(self, library: ctypes.CDLL, matrix: Floats, bias: Floats | None, rows: int) -> None:
        self._library = library
        self.columns, self.depth = matrix.shape
        self._packed = packed(library, matrix)
        self._bias = np.zeros(self.columns, np.float32) if bias is None else contiguous(bias)
        self.resize(rows)

    def resize(self, rows: int) -> None:
        """Make room for so many rows."""
        width = self._library.charseq_packed_size(self.columns, 1)
        self._scratch = np.zeros((rows, width), np.float32)
        self.out = np.empty((rows, self.columns), np.float32)
        shape = (rows, self.columns, self.depth)
        self._before = tuple(map(ctypes.c_long, shape))
        arrays = (self._packed, self._bias, self._scratch, self.out)
        self._threads = ctypes.c_long(threads_for(self._library, rows * self.columns * self.depth))
        self._x: Floats | None = None
        self._after = (*(address(array) for array in arrays), self._threads)

    def __call__(self, x: Floats) -> Floats:
        """Rows [B depth] -> [B columns], in an array that the next call writes over."""
        if x is not self._x:  # most often it is: the address of an array takes as long as a small product
            self._x, self._x_at = x, address(x)
        if threads.forked:
            self._threads.value = 1
        self._library.charseq_linear(*self._before, self._x_at, *self._after)
        return self.out


def packed(library: ctypes.CDLL, matrix: Floats) -> Floats:
    """A matrix [columns depth] in the order that products read it in."""
    matrix = contiguous(matrix)
    found = np.empty(library.charseq_packed_size(*matrix.shape), np.float32)
    library.charseq_pack(*matrix.shape, address(matrix), address(found))
    return found


def threads_for(library: ctypes.CDLL, multiplications: int) -> int:
    """As many threads as there may be, but for little work fewer."""
    most = threads.allowed(int(library.charseq_threads()))
    return max(1, min(most, multiplications // WORTH_A_THREAD))


def contiguous(array: npt.NDArray[Any]) -> Floats:
    """The array as float32, its rows one after the other in memory."""
    return np.ascontiguousarray(array, np.float32)


def address(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Where an array begins; the array must outlive its use, and be contiguous."""
    return ctypes.c_void_p(array.ctypes.data)
