"""Read texts symbol by symbol without PyTorch, in native kernels if they are built."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from charseq.cells import CELLS
from charseq.cells.cell import Cell, State
from charseq.cells.ops import OneHot
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, Floats, ignore_overflow
from charseq.model.rowwise import rowwise
from charseq.native import kernels, library
from charseq.native.layer import Layer
from charseq.native.linear import Linear
from charseq.native.mlstm import MLSTMLayer

PREFILL_SYMBOLS = 1 << 14
"""The number of symbols, over all prompts, in one piece of a prefill."""
Ids = npt.NDArray[np.integer[Any]]


class Reader:
    """A network with a state for each row of a batch of texts.

    If `native` is false or no native kernel is built, the cell's step runs over NumPy.
    """

    def __init__(self, network: Network, weights: Weights, rows: int = 1, *, native: bool = True) -> None:
        self._network, self._weights, self.rows = network, weights, rows
        kernels_library = library() if native else None
        one_hot = weights.embedding is None
        with ignore_overflow():  # in the sum of two biases
            self._layers = [
                _layer(kernels_library, network.cell, w, state, one_hot=one_hot and number == 0)
                for number, (w, state) in enumerate(
                    zip(weights.layers, network.initial_states(NUMPY, weights, rows), strict=True)
                )
            ]
        uses_numpy = network.residual or network.layer_norm
        uses_numpy |= any(isinstance(layer, _NumpyLayer) for layer in self._layers)
        self._overflow: Callable[[], AbstractContextManager[Any]] = (
            ignore_overflow if uses_numpy else nullcontext
        )
        self._head: Linear | None = None
        if not kernels_library:
            self._weights = weights._replace(head=rowwise(weights.head))
        elif weights.head:
            self._head = Linear(kernels_library, weights.head["W"], weights.head["b"], rows)

    def with_rows(self, rows: int) -> "Reader":
        """Return a reader of new texts with the same weights, which are not copied."""
        reader = copy(self)
        states = self._network.initial_states(NUMPY, self._weights, rows)
        reader._layers = [layer.with_state(state) for layer, state in zip(self._layers, states, strict=True)]
        reader._head = copy(self._head)
        reader._resize(rows)
        return reader

    def read(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> logits of the next one [B V], valid until the next call."""
        return self.read_out(self.advance(ids))

    def read_sequence(self, ids: Ids) -> Floats:
        """Read several symbols of each row [T B] -> logits [T B V], bit for bit those of `read`.

        Each layer reads all symbols before the next one does, so that its weights stay in the cache: a large
        network reads one long text several times as fast.
        """
        return self.read_out_sequence(self.advance_sequence(ids))

    def read_out(self, x: Floats) -> Floats:
        """Apply the head to one step [B H] -> logits [B V], valid until the next call."""
        if self._head:
            return self._head(np.ascontiguousarray(x))
        with ignore_overflow():
            logits: Floats = self._network.read_out(self._weights, x)
        return logits

    def read_out_sequence(self, xs: Floats) -> Floats:
        """Apply the head to several steps [T B H] -> logits [T B V]."""
        if not self._head:
            return self.read_out(xs)
        steps, rows = xs.shape[:2]
        self._head.resize(steps * rows)
        logits: Floats = self._head(np.ascontiguousarray(xs.reshape(steps * rows, -1)))
        self._head.resize(rows)
        return logits.reshape(steps, rows, -1)

    def advance(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> the input of the head [B H]."""
        with self._overflow():
            return self._read_layers(ids, lambda layer, x: layer.read(x))

    def advance_sequence(self, ids: Ids) -> Floats:
        """Read several symbols of each row [T B] -> the inputs of the head [T B H]."""
        with self._overflow():
            return self._read_layers(ids, lambda layer, x: layer.read_sequence(x))

    @property
    def state_fields(self) -> tuple[str, ...]:
        """The fields of the state that `advance_states` returns; none if a layer has no kernel for them."""
        has_kernels = all(isinstance(layer, Layer) for layer in self._layers)
        return tuple(self._network.cell.state._fields) if has_kernels else ()

    def advance_states(self, ids: Ids) -> list[list[Floats]]:
        """Read several symbols of each row [T B] -> the fields of every layer's state [T B H] each."""
        states: list[list[Floats]] = []

        def read(layer: "_Layer", x: Any) -> Floats:
            if not isinstance(layer, Layer):
                raise TypeError("a layer without a kernel does not return its states")
            states.append(layer.read_states(x))
            return states[-1][0]

        with self._overflow():
            self._read_layers(ids, read)
        return states

    def _read_layers(self, ids: Ids, read: "Callable[[_Layer, Any], Floats]") -> Floats:
        """Read ids [... B] through all layers -> the inputs of the head [... B H]."""
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
        output: Floats = x
        return output

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""
        h: Floats = self._layers[-1].state[0][0].copy()
        return h

    def restart(self, rows: Sequence[int]) -> None:
        """Reset these rows to the initial state."""
        self._set(rows, self._network.initial_states(NUMPY, self._weights, len(rows)))

    def copy_states(self, rows: Sequence[int], other: "Reader") -> None:
        """Set the states of these rows to those of all rows of another reader."""
        self._set(rows, [layer.state for layer in other._layers])

    def _set(self, rows: Sequence[int], states: Sequence[Sequence[Floats]]) -> None:
        for layer, values in zip(self._layers, states, strict=True):
            state = [field.copy() for field in layer.state]
            for field, value in zip(state, values, strict=True):
                field[list(rows)] = value
            layer.state = state

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order; a row may occur more than once."""
        chosen = list(rows)
        for layer in self._layers:
            layer.state = [field[chosen] for field in layer.state]
        self._resize(len(chosen))

    def join(self, other: "Reader") -> None:
        """Add the rows of another reader of the same network after the rows of this one."""
        for layer, joining in zip(self._layers, other._layers, strict=True):
            layer.state = [np.concatenate(fields) for fields in zip(layer.state, joining.state, strict=True)]
        self._resize(self.rows + other.rows)

    def _resize(self, rows: int) -> None:
        self.rows = rows
        if self._head:
            self._head.resize(rows)


def prefill(
    network: Network, weights: Weights, prompts: Sequence[Sequence[int]], base: Reader | None = None
) -> tuple[Reader, Ids]:
    """Return a reader that has read a batch of prompts except their last symbols, and those symbols [B].

    Equal prompts are read once.  Prompts are aligned at their ends; shorter ones start later.  The reader
    shares the weights of `base`, a reader of the same network, if there is one.
    """
    texts = [tuple(prompt) for prompt in prompts]
    row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    reader = base.with_rows(len(row_of)) if base else Reader(network, weights, len(row_of))
    longest = max(map(len, texts))
    ids = np.zeros((len(row_of), longest), np.intp)
    for text, row in row_of.items():
        ids[row, longest - len(text) :] = text
    pieces = range(0, longest, max(1, PREFILL_SYMBOLS // len(row_of)))
    starts = sorted({longest - len(text) for text in row_of}.union(pieces))
    for start, end in pairwise([*starts, longest - 1]):
        starting = [row for text, row in row_of.items() if len(text) == longest - start]
        if start and starting:
            reader.restart(starting)
        if start < end:
            reader.advance_sequence(ids[:, start:end].T)
    rows = [row_of[text] for text in texts]
    reader.keep(rows)
    return reader, ids[rows, -1]


class _Layer(Protocol):
    state: Sequence[Floats]

    def with_state(self, state: Sequence[Floats]) -> Self: ...

    def read(self, x: Any) -> Floats: ...

    def read_sequence(self, x: Any) -> Floats: ...


class _NumpyLayer:
    """A layer that runs its cell's step over NumPy; inputs that are ids stand for one-hot vectors."""

    def __init__(self, cell: Cell, w: Mapping[str, Floats], state: State, *, one_hot: bool) -> None:
        self._cell, self._kind = cell, type(state)
        self._w = rowwise(w, looked_up=("W_x", "W_g") if one_hot else ())
        self.state: Sequence[Floats] = state

    def with_state(self, state: Sequence[Floats]) -> Self:
        layer = copy(self)
        layer.state = state
        return layer

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
    kernels_library: ctypes.CDLL | None, cell: Cell, w: Mapping[str, Floats], state: State, *, one_hot: bool
) -> _Layer:
    if kernels_library and cell.name in kernels():
        return Layer(kernels_library, kernels()[cell.name], w, state, one_hot=one_hot)
    if kernels_library and cell is CELLS["mlstm"]:
        return MLSTMLayer(kernels_library, w, state, one_hot=one_hot)
    return _NumpyLayer(cell, w, state, one_hot=one_hot)
