"""A layer of one cell for inference, in C on NumPy arrays."""

import ctypes
from collections.abc import Mapping, Sequence
from copy import copy
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.linear import Floats, Linear, address, contiguous, packed
from charseq.native.loader import Kernel, Recurrence
from charseq.native.threads import FasterTeam, threads_for, threads_for_sequence


class Layer:
    """A cell with its weights and its state.

    The input is either vectors, or ids of one-hot vectors, whose products with W_x are rows of a table.
    """

    def __init__(
        self,
        lib: ctypes.CDLL,
        kernel: Kernel,
        w: Mapping[str, Floats],
        state: Sequence[Floats],
        *,
        one_hot: bool,
    ) -> None:
        self._lib, self._kernel = lib, kernel
        w_x, (bias, self._h_bias) = w["W_x"], _biases(kernel, w, state[0].shape[1])
        self._w_h = packed(lib, w["W_h"]) if kernel.h_blocks else None
        self._table = contiguous(w_x.T + bias) if one_hot else None
        self._linear = None if one_hot else Linear(lib, w_x, bias, len(state[0]))
        self._faster_team = FasterTeam()
        self.state = state

    def with_state(self, state: Sequence[Floats]) -> Self:
        """Return a layer with the same weights, in the same memory, and another state."""
        layer = copy(self)
        layer._linear = copy(self._linear)
        layer.state = state
        return layer

    @property
    def state(self) -> list[Floats]:
        """The fields of the state, [B H] each."""
        return [field[0].copy() for field in self._fields]

    @state.setter
    def state(self, state: Sequence[Floats]) -> None:
        rows, hidden = state[0].shape
        self._fields = [np.stack([field, field]).astype(np.float32) for field in state]
        self._ids = np.zeros(rows, np.int64)
        if self._linear:
            self._linear.resize(rows)
        self._multiplications = rows * self._kernel.h_blocks * hidden * hidden
        team = threads_for(self._lib, self._multiplications)
        call = Recurrence(cell=self._kernel.number, threads=team, T=1, B=rows, H=hidden)
        if self._table is not None:
            call.ids, call.x_gates = address(self._ids), address(self._table)
        elif self._linear:
            call.x_gates = address(self._linear.out)
        if self._w_h is not None:
            call.packed_W_h = address(self._w_h)
        if self._h_bias is not None:
            call.h_bias = address(self._h_bias)
        for i, field in enumerate(self._fields):
            call.states[i] = field.ctypes.data
        self._h: Floats = self._fields[0][1]
        self._call = call
        self._call_reference = ctypes.byref(call)

    def read(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [B], or vectors [B I] -> h [B H], in an array that the next call overwrites."""
        if self._linear:
            self._linear(x)
        else:
            self._ids[:] = x
        self._forward()
        for field in self._fields:
            field[0] = field[1]
        return self._h

    def read_sequence(self, x: npt.NDArray[Any]) -> Floats:
        """Ids [T B], or vectors [T B I] -> hs [T B H], the same as `read` step by step."""
        return self.read_states(x)[0]

    def read_states(self, x: npt.NDArray[Any]) -> list[Floats]:
        """Ids [T B], or vectors [T B I] -> every field of the state after each step, [T B H] each."""
        steps, rows = x.shape[:2]
        call, ids = self._call, np.ascontiguousarray(x, np.int64) if self._linear is None else None
        if self._linear:
            self._linear.resize(steps * rows)
            call.x_gates = address(self._linear(contiguous(x.reshape(steps * rows, -1))))
        if ids is not None:
            call.ids = address(ids)
        fields = [np.empty((steps + 1, *field.shape[1:]), np.float32) for field in self._fields]
        for i, (field, before) in enumerate(zip(fields, self._fields, strict=True)):
            field[0] = before[0]
            call.states[i] = field.ctypes.data
        work = self._multiplications
        team = self._faster_team.choose(work, threads_for_sequence(self._lib, steps, work))
        call.T, call.threads = steps, team
        start = perf_counter()
        self._forward()
        self._faster_team.add(work, team, (perf_counter() - start) / steps)
        self.state = [field[-1] for field in fields]
        return [field[1:] for field in fields]

    def _forward(self) -> None:
        if threads.forked:
            self._call.threads = 1
        if self._lib.charseq_forward(self._call_reference):
            raise MemoryError


def _biases(kernel: Kernel, w: Mapping[str, Floats], hidden: int) -> tuple[Floats, Floats | None]:
    """Return the bias of x_gates, and the part of b_h for the kernel's separate blocks."""
    if "b_h" not in w:
        return w["b_x"], None
    if not kernel.separate_blocks:
        return w["b_x"] + w["b_h"], None
    added = len(w["b_h"]) - kernel.separate_blocks * hidden
    bias = w["b_x"].copy()
    bias[:added] += w["b_h"][:added]
    return bias, contiguous(w["b_h"][added:])
