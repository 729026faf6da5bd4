"""The whole network, over any array library: ids -> one-hot or embedding -> stacked cells -> logits."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from charseq.cells import cell_named
from charseq.cells.cell import (
    UNTAPPED,
    Array,
    Cell,
    Draw,
    Ops,
    Param,
    State,
    Tap,
    shape_of,
    uniform,
    unroll,
    zeros,
)
from charseq.errors import UsageError

Head = Literal["linear", "none"]

Unroll = Callable[..., tuple[Array, State]]
"""`charseq.cells.cell.unroll`, or a faster path with its signature."""


class Slot(NamedTuple):
    """One parameter of a network: its real shape, and its declaration."""

    shape: tuple[int, ...]
    param: Param
    hidden: int

    def fill(self, draw: Draw, *, to_count: bool) -> Array:
        """The parameter's first value."""
        init = self.param.init_to_count if to_count else None
        return (init or self.param.init)(draw, self.shape, self.hidden)


class Weights(NamedTuple):
    """The arrays of a network, arranged for use."""

    embedding: Array | None
    layers: tuple[Mapping[str, Array], ...]
    head: Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """The plan of a network; its weights are kept elsewhere.

    With `embedding_size` 0 the input is one-hot (I = V); with head "none" the last cell's output is the
    logits (H = V).
    """

    cell_name: str
    vocabulary_size: int
    hidden_size: int
    layers: int = 1
    embedding_size: int = 0
    head: Head = "linear"

    def __post_init__(self) -> None:
        """Raise UsageError where the sizes cannot fit together."""
        _ = self.cell
        if self.head == "none" and self.hidden_size != self.vocabulary_size:
            raise UsageError(
                f"--head none makes the cell's output the logits, so the hidden size must be the "
                f"{self.vocabulary_size} symbols of the vocabulary, not {self.hidden_size}",
                hint=f"use --hidden-size {self.vocabulary_size}, or --head linear",
            )

    @property
    def cell(self) -> Cell:
        """The cell of every layer."""
        return cell_named(self.cell_name)

    @property
    def input_size(self) -> int:
        """I of the first layer."""
        return self.embedding_size or self.vocabulary_size

    def slots(self) -> dict[str, Slot]:
        """Every parameter by its name in the model file ("layers.0.W_x"), in the order of the data's way."""
        hidden, vocabulary = self.hidden_size, self.vocabulary_size
        slots = {}
        if self.embedding_size:
            slots["embedding.W"] = Slot((vocabulary, self.embedding_size), Param("V E", _embedding), hidden)
        for layer in range(self.layers):
            sizes = {"I": hidden if layer else self.input_size, "H": hidden}
            for name, param in self.cell.params.items():
                slots[f"layers.{layer}.{name}"] = Slot(shape_of(param.axes, sizes), param, hidden)
        if self.head == "linear":
            slots["head.W"] = Slot((vocabulary, hidden), Param("V H", uniform), hidden)
            slots["head.b"] = Slot((vocabulary,), Param("V", zeros), hidden)
        return slots

    def parameters(self) -> int:
        """The number of trainable numbers."""
        return sum(math.prod(slot.shape) for slot in self.slots().values())

    def draw(self, draw: Draw, *, to_count: bool = False) -> dict[str, Array]:
        """First weights by name; `to_count`, those for strings that are to be learned whole."""
        return {name: slot.fill(draw, to_count=to_count) for name, slot in self.slots().items()}

    def arrange(self, arrays: Mapping[str, Array]) -> Weights:
        """Arrays by name -> arrays by their place in the network."""
        return Weights(
            embedding=arrays.get("embedding.W"),
            layers=tuple(
                {name: arrays[f"layers.{layer}.{name}"] for name in self.cell.params}
                for layer in range(self.layers)
            ),
            head={name: arrays[f"head.{name}"] for name in ("W", "b") if self.head == "linear"},
        )

    def start(self, ops: Ops, w: Weights, batch: int) -> tuple[State, ...]:
        """The state of every layer before the first step: zeros."""
        like = next(iter(w.layers[0].values()))
        return tuple(self.cell.start(ops, batch, self.hidden_size, like) for _ in range(self.layers))

    def embed(self, ops: Ops, w: Weights, ids: Array) -> Array:
        """Ids [B T] -> xs [B T I], one-hot or embedded."""
        if w.embedding is not None:
            return w.embedding[ids]
        return ops.one_hot(ids, self.vocabulary_size, next(iter(w.layers[0].values())))

    def run(
        self,
        ops: Ops,
        w: Weights,
        xs: Array,
        states: tuple[State, ...],
        *,
        lengths: Array | None = None,
        tap: Tap = UNTAPPED,
        unroll: Unroll = unroll,
        dropout: Callable[[Array], Array] = lambda hs: hs,
    ) -> tuple[Array, tuple[State, ...]]:
        """Run the stack of cells: xs [B T I] -> hs [B T H] of the last layer, every layer's final state.

        `dropout` acts on what goes up from each layer, but not on the last one's output unless a linear
        head reads it.
        """
        options: dict[str, Any] = {} if lengths is None else {"lengths": lengths}
        finals = []
        for layer, (weights, state) in enumerate(zip(w.layers, states, strict=True)):
            if tap is not UNTAPPED:
                options["tap"] = tap.at(layer=layer)
            xs, final = unroll(self.cell, ops, weights, xs, state, **options)
            finals.append(final)
            if layer + 1 < self.layers or self.head == "linear":
                xs = dropout(xs)
        return xs, tuple(finals)

    def read_out(self, w: Weights, hs: Array) -> Array:
        """Hs [B T H] -> logits [B T V], unnormalised, in nats."""
        return hs @ w.head["W"].T + w.head["b"] if w.head else hs


def _embedding(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    return draw.uniform(shape, shape[1] ** -0.5)
