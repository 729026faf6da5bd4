"""The whole network, over any array library: ids -> one-hot or embedding -> stacked cells -> logits.

With residual connections and layer normalization, a stack with the input x computes

    s_0 = cell_0(x)                          (+ x, if the embedding size is the hidden size)
    s_l = s_(l-1) + cell_l(norm(s_(l-1)))
    logits = W norm(s_last) + b

Sources: Xiong et al. 2020, arXiv:2002.04745 (pre-normalization); Ba et al. 2016, arXiv:1607.06450 (layer
normalization).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from charseq.cells import cell_named
from charseq.cells.cell import Cell, Param, State, shape_of, unroll
from charseq.cells.initializers import Draw, ones, uniform, zeros
from charseq.cells.ops import UNTAPPED, Array, OneHot, Ops, Tap
from charseq.errors import CharseqError, UsageError, cannot_combine
from charseq.settings.train_settings import Head, InitialState, TrainSettings

Unroll = Callable[..., tuple[Array, State]]
"""`charseq.cells.cell.unroll`, or a faster path with its signature."""


class ParameterSpec(NamedTuple):
    """A parameter of a network: its shape, and its declaration by the cell."""

    shape: tuple[int, ...]
    param: Param
    hidden: int
    """H, the hidden size."""

    def draw(self, draw: Draw, *, to_memorize: bool) -> Array:
        """Return an initial value."""
        init = self.param.init_to_memorize if to_memorize else None
        return (init or self.param.init)(draw, self.shape, self.hidden)


class Weights(NamedTuple):
    """The parameters of a network, grouped by part."""

    embedding: Array | None
    layers: tuple[Mapping[str, Array], ...]
    initial_states: tuple[Mapping[str, Array], ...]
    """The learned fields of each layer's initial state, for one row of a batch."""
    norms: tuple[Mapping[str, Array], ...]
    """Gain and bias [H] for the output of each layer; empty for a layer without normalization."""
    head: Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """The architecture of a network, without its weights.

    With `embedding_size` 0 the input is one-hot (I = V); with head "none" the last cell's output is the
    logits (H = V); with `tie_weights` the head's matrix is the embedding (E = H), as in Press & Wolf 2016,
    arXiv:1608.05859.
    """

    cell_name: str
    vocabulary_size: int
    hidden_size: int
    layers: int = 1
    embedding_size: int = 0
    head: Head = "linear"
    residual: bool = False
    layer_norm: bool = False
    tie_weights: bool = False
    initial_state: InitialState = "zero"

    @classmethod
    def of(cls, settings: TrainSettings, vocabulary_size: int) -> "Network":
        """Return the network that settings describe.  Raises UsageError if its sizes do not fit together."""
        return cls(
            settings.cell,
            vocabulary_size,
            settings.hidden_size,
            settings.layers,
            settings.embedding_size,
            settings.head,
            settings.residual,
            settings.layer_norm,
            settings.tie_weights,
            settings.initial_state,
        )

    def __post_init__(self) -> None:
        """Raise UsageError if sizes and options do not fit together."""
        cell = self.cell
        hidden, vocabulary, embedding = self.hidden_size, self.vocabulary_size, self.embedding_size
        if self.head == "none" and hidden != vocabulary:
            raise UsageError(
                f"--head none makes the cell's output the logits, so the hidden size must be the "
                f"{vocabulary} symbols of the vocabulary, not {hidden}",
                hint=f"use --hidden-size {vocabulary}, or --head linear",
            )
        if self.tie_weights and self.head == "none":
            raise UsageError(
                "--tie-weights shares the embedding with a linear head, and --head is none",
                hint="use --head linear, or leave --tie-weights out",
            )
        if self.tie_weights and embedding != hidden:
            raise UsageError(
                f"--tie-weights requires equal sizes: the embedding size is {embedding}, the hidden size "
                f"{hidden}",
                hint=f"use --embedding-size {hidden}, or leave --embedding-size out",
            )
        if self.residual and not any(self.is_residual(layer) for layer in range(self.layers)):
            raise UsageError(
                f"--residual requires a layer with equal input and output sizes: the only layer reads "
                f"{f'{embedding} values' if embedding else 'one-hot vectors'} and outputs {hidden}",
                hint=f"use --layers 2 or more, or --embedding-size {hidden}",
            )
        if self.initial_state == "learned" and not cell.learned_start:
            raise UsageError(
                f"--initial-state learned: the cell {self.cell_name} has no initial state to learn",
                hint="use another --cell, or --initial-state zero",
            )

    def require_layer_norm(self) -> None:
        """Raise UsageError if no layer's output is normalized."""
        if not any(map(self.is_normalized, range(self.layers))):
            raise cannot_combine("--layer-norm", ["--head none"], "the only layer's output is the logits")

    @cached_property
    def cell(self) -> Cell:
        """The cell of every layer."""
        return cell_named(self.cell_name)

    @property
    def input_size(self) -> int:
        """I, the input size of the first layer."""
        return self.embedding_size or self.vocabulary_size

    def parameter_specs(self) -> dict[str, ParameterSpec]:
        """Return all parameters by name in the model file, such as "layers.0.W_x", from input to output."""
        hidden, vocabulary, cell = self.hidden_size, self.vocabulary_size, self.cell
        specs = {}
        if self.embedding_size:
            specs["embedding.W"] = ParameterSpec(
                (vocabulary, self.embedding_size), Param("V E", _embedding), hidden
            )
        for layer in range(self.layers):
            sizes = {"I": hidden if layer else self.input_size, "H": hidden}
            for name, param in cell.params.items():
                specs[f"layers.{layer}.{name}"] = ParameterSpec(shape_of(param.axes, sizes), param, hidden)
            for field in self._learned_fields:
                axes = cell.axes_of(field).removeprefix("B ")
                shape = shape_of(axes, sizes)
                specs[f"layers.{layer}.start.{field}"] = ParameterSpec(shape, Param(axes, zeros), hidden)
            if self.is_normalized(layer):
                specs[f"layers.{layer}.norm.gain"] = ParameterSpec((hidden,), Param("H", ones), hidden)
                specs[f"layers.{layer}.norm.bias"] = ParameterSpec((hidden,), Param("H", zeros), hidden)
        if self.head == "linear":
            if not self.tie_weights:
                specs["head.W"] = ParameterSpec((vocabulary, hidden), Param("V H", uniform), hidden)
            specs["head.b"] = ParameterSpec((vocabulary,), Param("V", zeros), hidden)
        return specs

    def parameter_count(self) -> int:
        """Return the number of trainable values."""
        return sum(math.prod(spec.shape) for spec in self.parameter_specs().values())

    def draw(self, draw: Draw, *, to_memorize: bool = False) -> dict[str, Array]:
        """Return initial weights by name; with `to_memorize`, weights suited to memorizing short text.

        Raises CharseqError if they do not fit into memory.
        """
        specs = self.parameter_specs()
        try:
            return {name: spec.draw(draw, to_memorize=to_memorize) for name, spec in specs.items()}
        except MemoryError:
            raise CharseqError(
                f"out of memory: the network has {self.parameter_count():,} parameters",
                hint="use a smaller --hidden-size, or fewer --layers",
            ) from None

    def arrange(self, arrays: Mapping[str, Array]) -> Weights:
        """Group arrays by part of the network."""
        layers = range(self.layers)
        head = {name: arrays[f"head.{name}"] for name in ("W", "b") if f"head.{name}" in arrays}
        return Weights(
            embedding=arrays.get("embedding.W"),
            layers=tuple({name: arrays[f"layers.{i}.{name}"] for name in self.cell.params} for i in layers),
            initial_states=tuple(
                {field: arrays[f"layers.{i}.start.{field}"] for field in self._learned_fields} for i in layers
            ),
            norms=tuple(
                {n: arrays[f"layers.{i}.norm.{n}"] for n in ("gain", "bias") if self.is_normalized(i)}
                for i in layers
            ),
            head={"W": arrays["embedding.W"], **head} if self.tie_weights else head,
        )

    def initial_states(self, ops: Ops, w: Weights, batch: int) -> tuple[State, ...]:
        """Return the state of every layer before the first step: zeros, plus the learned fields."""
        zero = self.cell.start(ops, batch, self.hidden_size, next(iter(w.layers[0].values())))
        return tuple(
            zero._replace(**{field: getattr(zero, field) + value for field, value in learned.items()})
            for learned in w.initial_states
        )

    def embed(self, ops: Ops, w: Weights, ids: Array) -> Array:
        """Embed ids [B T] -> xs [B T I], as one-hot or embedding vectors."""
        if w.embedding is not None:
            return ops.rows(w.embedding, ids)
        return ops.one_hot(ids, self.vocabulary_size, next(iter(w.layers[0].values())))

    def look_up(self, ops: Ops, w: Weights, ids: Array) -> Array | OneHot:
        """Embed ids for fast paths, which do not need dense one-hot vectors."""
        if w.embedding is not None:
            return ops.rows(w.embedding, ids)
        return OneHot(ops, ids, next(iter(w.layers[0].values())), self.vocabulary_size)

    def forward(
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

        `dropout` applies to the output of each layer, except that of the last layer if it is the logits.
        """
        options: dict[str, Any] = {} if lengths is None else {"lengths": lengths}
        finals = []
        stream = xs
        for layer, (weights, state) in enumerate(zip(w.layers, states, strict=True)):
            if tap is not UNTAPPED:
                tap = options["tap"] = tap.at(layer=layer)
                for field, value in zip(state._fields, state, strict=True):
                    tap(f"initial.{field}", value, self.cell.axes_of(field))
            hs, final = unroll(self.cell, ops, weights, xs, state, **options)
            finals.append(final)
            tap = tap.at(layer=layer)
            if self.is_residual(layer):
                hs = tap("sum", stream + hs, "B T H")
            xs = stream = hs
            if self.is_normalized(layer):
                norm = w.norms[layer]
                xs = tap("normalized", ops.normalized(stream, norm["gain"], norm["bias"]), "B T H")
            if layer + 1 < self.layers or self.head == "linear":
                xs = dropout(xs)
        return xs, tuple(finals)

    def read_out(self, w: Weights, hs: Array) -> Array:
        """Apply the head: hs [B T H] -> logits [B T V], unnormalized, in nats."""
        return hs @ w.head["W"].T + w.head["b"] if w.head else hs

    @property
    def _learned_fields(self) -> tuple[str, ...]:
        return self.cell.learned_start if self.initial_state == "learned" else ()

    def is_residual(self, layer: int) -> bool:
        """Return whether the input of a layer is added to its output."""
        return self.residual and (layer > 0 or self.embedding_size == self.hidden_size)

    def is_normalized(self, layer: int) -> bool:
        """Return whether the output of a layer is normalized; it never is if it is the logits."""
        return self.layer_norm and (layer + 1 < self.layers or self.head == "linear")


def _embedding(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    return draw.uniform(shape, shape[1] ** -0.5)
