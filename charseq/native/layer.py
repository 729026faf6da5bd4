"""One cell, a step at a time for some rows, in C on NumPy arrays."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import Kernel, Recurrence, threads
from charseq.native.linear import Floats, Linear, address, contiguous, packed, threads_for


class Layer:
    """A cell with its weights and its state.

    It reads ids that stand for one-hot vectors, whose products are the rows of a table, or vectors.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        kernel: Kernel,
        w: Mapping[str, Floats],
        state: Sequence[Floats],
        *,
        one_hot: bool,
    ) -> None:
        self._library, self._kernel = library, kernel
        size = state[0].shape[1]
        w_x, bias, self._b_n = _arranged(w, size)
        self._w_h = packed(library, w["W_h"]) if kernel.recurrent else None
        self._table = contiguous(w_x.T + bias) if one_hot else None
        self._linear = None if one_hot else Linear(library, w_x, bias, len(state[0]))
        self.state = state

    @property
    def state(self) -> list[Floats]:
        """The fields of the state, [B H] each."""
        return [field[0].copy() for field in self._fields]

    @state.setter
    def state(self, state: Sequence[Floats]) -> None:
        rows, size = state[0].shape
        self._fields = [np.stack([field, field]).astype(np.float32) for field in state]
        self._ids = np.zeros(rows, np.int64)
        if self._linear:
            self._linear.resize(rows)
        team = threads_for(self._library, rows * self._kernel.recurrent * size * size)
        told = Recurrence(self._kernel.number, team, 1, rows, size)
        if self._table is not None:
            told.ids, told.x_gates = address(self._ids), address(self._table)
        elif self._linear:
            told.x_gates = address(self._linear.out)
        if self._w_h is not None:
            told.packed = address(self._w_h)
        if self._b_n is not None:
            told.b_n = address(self._b_n)
        for i, field in enumerate(self._fields):
            told.states[i] = field.ctypes.data
        self._h: Floats = self._fields[0][1]
        self._told = told
        self._call = ctypes.byref(told)

    def read(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [B], or vectors [B I] -> h [B H], in an array that the next call writes over."""
        if self._linear:
            self._linear(x)
        else:
            self._ids[:] = x
        self._forward()
        for field in self._fields:
            field[0] = field[1]
        return self._h

    def read_along(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [T B], or vectors [T B I] -> hs [T B H]: what `read` gives of each, one after the other."""
        steps, rows = x.shape[:2]
        size = self._h.shape[1]
        told, ids = self._told, contiguous_ids(x) if self._linear is None else None
        if self._linear:
            self._linear.resize(steps * rows)
            told.x_gates = address(self._linear(contiguous(x.reshape(steps * rows, -1))))
        if ids is not None:
            told.ids = address(ids)
        fields = [np.empty((steps + 1, rows, size), np.float32) for _ in self._fields]
        for i, (field, before) in enumerate(zip(fields, self._fields, strict=True)):
            field[0] = before[0]
            told.states[i] = field.ctypes.data
        told.steps = steps
        self._forward()
        self.state = [field[-1] for field in fields]
        return fields[0][1:]

    def _forward(self) -> None:
        if threads.forked:
            self._told.threads = 1
        if self._library.charseq_forward(self._call):
            raise MemoryError


def contiguous_ids(ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Ids as the library reads them."""
    return np.ascontiguousarray(ids, np.int64)


def _arranged(w: Mapping[str, Floats], size: int) -> tuple[Floats, Floats, Floats | None]:
    """W_x, the bias beside it, and that beside W_h which only a GRU has; its gates in the order n, r, z."""
    if "b_h" not in w:
        return w["W_x"], w["b_x"], None
    if len(w["b_h"]) != 3 * size:
        return w["W_x"], w["b_x"] + w["b_h"], None
    bias = w["b_x"].copy()
    bias[: 2 * size] += w["b_h"][: 2 * size]
    return np.roll(w["W_x"], size, 0), np.roll(bias, size), contiguous(w["b_h"][2 * size :])
