"""A trained network reads symbol after symbol, several texts at once, in C where it is built."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from charseq.cells import CELLS
from charseq.cells.cell import Cell, State
from charseq.cells.ops import OneHot
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, Floats, ignore_overflow
from charseq.native import kernels, library
from charseq.native.layer import Layer
from charseq.native.linear import Linear
from charseq.native.mlstm import MLSTMLayer

AT_ONCE = 1 << 14
"""Symbols of all prompts together that are read at once."""
Ids = npt.NDArray[np.integer[Any]]


class Reader:
    """A network and its state for some rows, each of which reads a text of its own.

    With `native` false, or where it is not built, the cell's own step runs over NumPy.
    """

    def __init__(self, network: Network, weights: Weights, rows: int = 1, *, native: bool = True) -> None:
        self._network, self._weights, self.rows = network, weights, rows
        found = library() if native else None
        one_hot = weights.embedding is None
        self._layers = [
            _layer(found, network.cell, w, state, one_hot=one_hot and number == 0)
            for number, (w, state) in enumerate(
                zip(weights.layers, network.initial_states(NUMPY, weights, rows), strict=True)
            )
        ]
        in_c = not (network.residual or network.layer_norm)
        in_c &= not any(isinstance(layer, _Stepped) for layer in self._layers)
        self._calculating: Callable[[], AbstractContextManager[Any]] = (
            nullcontext if in_c else ignore_overflow
        )
        """Where NumPy calculates, it is not to warn of what becomes infinite."""
        self._head: Linear | None = None
        if not found:
            self._weights = weights._replace(head=_by_rows(weights.head))
        elif weights.head:
            self._head = Linear(found, weights.head["W"], weights.head["b"], rows)

    def read(self, ids: Ids) -> Floats:
        """One symbol for each row [B] -> logits of the next one [B V]; the next call may write over them."""
        x = self.advance(ids)
        return self._head(np.ascontiguousarray(x)) if self._head else self._read_out(x)

    def read_sequence(self, ids: Ids) -> Floats:
        """Several symbols for each row [T B] -> logits [T B V], those of `read` to the last bit.

        A layer goes through all of them before the next one does, so its weights stay at hand: of one long
        text a large network reads several times as much in a second.
        """
        x = self.advance_sequence(ids)
        if not self._head:
            return self._read_out(x)
        self._head.resize(ids.size)
        logits: Floats = self._head(np.ascontiguousarray(x.reshape(ids.size, -1))).reshape(*ids.shape, -1)
        self._head.resize(ids.shape[1])
        return logits

    def _read_out(self, x: Floats) -> Floats:
        """What the last layer gives [... H] -> logits [... V], by NumPy."""
        with ignore_overflow():
            logits: Floats = self._network.read_out(self._weights, x)
        return logits

    def advance(self, ids: Ids) -> Floats:
        """Read one symbol for each row [B], whatever may come next -> what the head would read [B H]."""
        with self._calculating():
            return self._through(ids, lambda layer, x: layer.read(x))

    def advance_sequence(self, ids: Ids) -> Floats:
        """Read several symbols for each row [T B] -> what the head would read [T B H]."""
        with self._calculating():
            return self._through(ids, lambda layer, x: layer.read_sequence(x))

    def _through(self, ids: Ids, read: "Callable[[_Layer, Any], Floats]") -> Floats:
        """Ids [... B] -> what the head reads [... B H]."""
        network, weights = self._network, self._weights
        x: Any = ids if weights.embedding is None else weights.embedding[ids]
        stream = x
        for number, layer in enumerate(self._layers):
            h = read(layer, x)
            if network.is_residual(number):
                h = stream + h
            x = stream = h
            if network.is_normalized(number):
                norm = weights.norms[number]
                x = NUMPY.normalized(stream, norm["gain"], norm["bias"])
        found: Floats = x
        return found

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""
        h: Floats = self._layers[-1].state[0][0].copy()
        return h

    def restart(self, rows: Sequence[int]) -> None:
        """Let these rows begin anew."""
        self._set(rows, self._network.initial_states(NUMPY, self._weights, len(rows)))

    def take(self, rows: Sequence[int], other: "Reader") -> None:
        """Let these rows have the states of another reader's rows, of which there are as many."""
        self._set(rows, [layer.state for layer in other._layers])

    def _set(self, rows: Sequence[int], states: Sequence[Sequence[Floats]]) -> None:
        for layer, values in zip(self._layers, states, strict=True):
            state = [field.copy() for field in layer.state]
            for field, value in zip(state, values, strict=True):
                field[list(rows)] = value
            layer.state = state

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; a row may be named more than once."""
        chosen = list(rows)
        self.rows = len(chosen)
        for layer in self._layers:
            layer.state = [field[chosen] for field in layer.state]
        if self._head:
            self._head.resize(len(chosen))


def prefill(network: Network, weights: Weights, prompts: Sequence[Sequence[int]]) -> tuple[Reader, Ids]:
    """A reader that has read prompts side by side, all but their last symbols, and those [B]."""
    read = [tuple(prompt) for prompt in prompts]
    different = {prompt: place for place, prompt in enumerate(dict.fromkeys(read))}
    reader = Reader(network, weights, len(different))
    longest = max(map(len, read))
    ids = np.zeros((len(different), longest), np.intp)
    for prompt, place in different.items():
        ids[place, longest - len(prompt) :] = prompt
    some = range(0, longest, max(1, AT_ONCE // len(different)))
    starts = sorted({longest - len(prompt) for prompt in different}.union(some))
    for start, end in pairwise([*starts, longest - 1]):
        begin = [place for prompt, place in different.items() if len(prompt) == longest - start]
        if start and begin:
            reader.restart(begin)
        if start < end:
            reader.advance_sequence(ids[:, start:end].T)
    rows = [different[prompt] for prompt in read]
    reader.keep(rows)
    return reader, ids[rows, -1]


class _ByRows(np.ndarray[Any, np.dtype[np.float32]]):
    """A matrix whose product with several rows is that with each of them, to the last bit.

    One product with all of them would be faster, but differ in the last digits with their number.
    """

    def __rmatmul__(self, x: Floats) -> Floats:  # type: ignore[override, misc]
        return np.asarray(np.matmul(x[..., None, :], np.asarray(self))[..., 0, :])


def _by_rows(w: Mapping[str, Floats]) -> dict[str, Floats]:
    """Parameters for the step over NumPy; of matrices, it is the transposes that are read."""
    return {
        name: np.asfortranarray(array).view(_ByRows) if array.ndim == 2 else array
        for name, array in w.items()
    }


class _Layer(Protocol):
    state: Sequence[Floats]

    def read(self, x: Any) -> Floats: ...

    def read_sequence(self, x: Any) -> Floats: ...


class _Stepped:
    """A layer by its cell's step over NumPy; where it is given ids, they stand for one-hot vectors."""

    def __init__(self, cell: Cell, w: Mapping[str, Floats], state: State) -> None:
        self._cell, self._kind = cell, type(state)
        self._w = _by_rows(w)
        self.state: Sequence[Floats] = state

    def read(self, x: Any) -> Floats:
        if x.ndim == 1:
            w_x = self._w["W_x"]
            one_hot = OneHot(NUMPY, x, w_x, w_x.shape[1])
            x = one_hot if self._cell.name in CELLS else one_hot.dense()
        self.state = self._cell.step(NUMPY, self._w, x, self._kind(*self.state))
        return self.state[0]

    def read_sequence(self, x: Any) -> Floats:
        return np.stack([self.read(step) for step in x])


def _layer(
    found: ctypes.CDLL | None, cell: Cell, w: Mapping[str, Floats], state: State, *, one_hot: bool
) -> _Layer:
    if found and cell.name in kernels():
        return Layer(found, kernels()[cell.name], w, state, one_hot=one_hot)
    if found and cell is CELLS["mlstm"]:
        return MLSTMLayer(found, w, state, one_hot=one_hot)
    return _Stepped(cell, w, state)
