"""An mLSTM layer for inference, in C on NumPy arrays."""

import ctypes
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.linear import Floats, Linear, address, contiguous
from charseq.native.threads import threads_for


class MLSTMLayer:
    """An mLSTM with its weights and its state; the input is vectors, or ids of one-hot vectors."""

    def __init__(
        self,
        lib: ctypes.CDLL,
        w: Mapping[str, Floats],
        state: Sequence[Floats],
        *,
        one_hot: bool,
    ) -> None:
        self._lib = lib
        matrix = np.concatenate([w["W_x"], w["W_g"]])
        bias = np.concatenate([w["b_x"], w["b_g"]])
        self._table = contiguous(matrix.T + bias)
        self._linear = None if one_hot else Linear(lib, matrix, bias, len(state[0]))
        self.state = state

    def with_state(self, state: Sequence[Floats]) -> Self:
        """Return a layer with the same weights, in the same memory, and another state."""
        layer = copy(self)
        layer._linear = copy(self._linear)
        layer.state = state
        return layer

    @property
    def state(self) -> list[Floats]:
        """The fields of the state: h [B H], C [B H H], n [B H], m [B]."""
        return [field.copy() for field in self._fields]

    @state.setter
    def state(self, state: Sequence[Floats]) -> None:
        rows, hidden = state[0].shape
        self._fields = [np.array(field, np.float32, order="C") for field in state]
        if self._linear:
            self._linear.resize(rows)
        self._x_proj, self._gates = (np.empty((rows, columns), np.float32) for columns in (4 * hidden, 2))
        self._threads = ctypes.c_long(threads_for(self._lib, rows * hidden * hidden))
        self._arguments = (
            ctypes.c_long(rows),
            ctypes.c_long(hidden),
            *map(address, (self._x_proj, self._gates, *self._fields)),
            ctypes.c_float(hidden**-0.5),
            self._threads,
        )

    def read(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [B], or vectors [B I] -> h [B H], in an array that the next call overwrites."""
        both = self._linear(x) if self._linear else np.take(self._table, x, 0)
        self._x_proj[:] = both[:, :-2]
        self._gates[:] = both[:, -2:]
        if threads.forked:
            self._threads.value = 1
        self._lib.charseq_mlstm_step(*self._arguments)
        return self._fields[0]

    def read_sequence(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [T B], or vectors [T B I] -> hs [T B H]."""
        return np.stack([self.read(np.ascontiguousarray(step)).copy() for step in x])
