"""An mLSTM, a step at a time for some rows, in C on NumPy arrays."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.linear import Floats, Linear, address, contiguous, threads_for


class MLSTMLayer:
    """The cell with its weights and its state; it reads ids that stand for one-hot vectors, or vectors."""

    def __init__(
        self,
        library: ctypes.CDLL,
        w: Mapping[str, Floats],
        state: Sequence[Floats],
        *,
        one_hot: bool,
    ) -> None:
        self._library = library
        matrix = np.concatenate([w["W_x"], w["W_g"]])
        bias = np.concatenate([w["b_x"], w["b_g"]])
        self._table = contiguous(matrix.T + bias)
        self._linear = None if one_hot else Linear(library, matrix, bias, len(state[0]))
        self.state = state

    @property
    def state(self) -> list[Floats]:
        """The fields of the state: h, n [B H], C [B H H], m [B]."""
        return [field.copy() for field in self._fields]

    @state.setter
    def state(self, state: Sequence[Floats]) -> None:
        rows, size = state[0].shape
        self._fields = [np.array(field, np.float32, order="C") for field in state]
        self._size = size
        if self._linear:
            self._linear.resize(rows)
        self._parts = np.empty((rows, 4 * size), np.float32), np.empty((rows, 2), np.float32)
        arrays = (*self._parts, *self._fields)
        self._threads = ctypes.c_long(threads_for(self._library, rows * size * size))
        self._told = (
            ctypes.c_long(rows),
            ctypes.c_long(size),
            *(address(array) for array in arrays),
            ctypes.c_float(size**-0.5),
            self._threads,
        )

    def read(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [B], or vectors [B I] -> h [B H], in an array that the next call writes over."""
        found = self._linear(x) if self._linear else np.take(self._table, x, 0)
        x_gates, gates = self._parts
        x_gates[:] = found[:, : 4 * self._size]
        gates[:] = found[:, 4 * self._size :]
        if threads.forked:
            self._threads.value = 1
        self._library.charseq_mlstm(*self._told)
        return self._fields[0]

    def read_along(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [T B], or vectors [T B I] -> hs [T B H]."""
        return np.stack([self.read(np.ascontiguousarray(step)).copy() for step in x])
