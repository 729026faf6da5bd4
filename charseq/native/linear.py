"""Products of few rows with a constant matrix, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.threads import threads_for

Floats = npt.NDArray[np.float32]

CACHE_LINE = 16
"""Floats in a cache line: a packed matrix starts with one, so that no vector lies in two."""


class Linear:
    """The map x -> W x + b for several rows; the result of a row does not depend on the others."""

    def __init__(self, lib: ctypes.CDLL, matrix: Floats, bias: Floats | None, rows: int) -> None:
        self._lib = lib
        self.columns, self.depth = matrix.shape
        self._packed = packed(lib, matrix)
        self._bias = np.zeros(self.columns, np.float32) if bias is None else contiguous(bias)
        self.resize(rows)

    def resize(self, rows: int) -> None:
        """Allocate the output for a number of rows."""
        width = self._lib.charseq_packed_size(self.columns, 1)
        self._scratch = np.zeros((rows, width), np.float32)
        self.out = np.empty((rows, self.columns), np.float32)
        shape = (rows, self.columns, self.depth)
        arrays = (self._packed, self._bias, self._scratch, self.out)
        self._threads = ctypes.c_long(threads_for(self._lib, rows * self.columns * self.depth))
        self._leading_arguments = tuple(map(ctypes.c_long, shape))
        self._trailing_arguments = (*map(address, arrays), self._threads)
        self._x: Floats | None = None

    def __call__(self, x: Floats) -> Floats:
        """Rows [B depth] -> [B columns], in an array that the next call overwrites."""
        if x is not self._x:  # looking up the address takes as long as a small product
            self._x, self._x_address = x, address(x)
        if threads.forked:
            self._threads.value = 1
        self._lib.charseq_linear(*self._leading_arguments, self._x_address, *self._trailing_arguments)
        return self.out


def packed(lib: ctypes.CDLL, matrix: Floats) -> Floats:
    """Copy a matrix [columns depth] to the layout that the products read."""
    matrix = contiguous(matrix)
    size = lib.charseq_packed_size(*matrix.shape)
    padded = np.empty(size + CACHE_LINE, np.float32)
    panels = padded[-padded.ctypes.data // padded.itemsize % CACHE_LINE :][:size]
    lib.charseq_pack(*matrix.shape, address(matrix), address(panels))
    return panels


def contiguous(array: npt.NDArray[Any]) -> Floats:
    """Convert to float32 in C order, copying only if needed."""
    return np.ascontiguousarray(array, np.float32)


def address(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Return the address of a contiguous array, which must outlive its use."""
    return ctypes.c_void_p(array.ctypes.data)
