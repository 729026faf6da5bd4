"""The whole network, over any array library: ids -> one-hot or embedding -> stacked cells -> logits.

With x the input of the first layer, a stack with everything switched on computes

    s_0 = cell_0(x)                          (+ x, where an embedding is as long as h)
    s_l = s_(l-1) + cell_l(norm(s_(l-1)))    residual connections around normalised layers
    logits = W norm(s_last) + b

(pre-normalisation: Xiong et al. 2020, arXiv:2002.04745; layer normalisation: Ba et al. 2016,
arXiv:1607.06450).
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
from charseq.errors import UsageError, cannot_combine
from charseq.settings.train_settings import Head, InitialState, TrainSettings

Unroll = Callable[..., tuple[Array, State]]
"""`charseq.cells.cell.unroll`, or a faster path with its signature."""


class ParameterSpec(NamedTuple):
    """One parameter of a network: its real shape, and its declaration."""

    shape: tuple[int, ...]
    param: Param
    hidden: int

    def fill(self, draw: Draw, *, to_memorize: bool) -> Array:
        """The parameter's first value."""
        init = self.param.init_to_memorize if to_memorize else None
        return (init or self.param.init)(draw, self.shape, self.hidden)


class Weights(NamedTuple):
    """The arrays of a network, arranged for use."""

    embedding: Array | None
    layers: tuple[Mapping[str, Array], ...]
    starts: tuple[Mapping[str, Array], ...]
    """Of every layer, the fields of its first state that were learned, each for one row of a batch."""
    norms: tuple[Mapping[str, Array], ...]
    """Of every layer, gain and bias [H] of the normalisation of its output; none is an empty mapping."""
    head: Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """The plan of a network; its weights are kept elsewhere.

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
        """Return the network that settings describe.  Raises UsageError where sizes cannot fit."""
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
        """Raise UsageError where the parts cannot fit together; the message says what would."""
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
                "--tie-weights shares the embedding with a linear head, and --head none has none",
                hint="use --head linear, or leave --tie-weights out",
            )
        if self.tie_weights and embedding != hidden:
            raise UsageError(
                f"--tie-weights makes the embedding the head's matrix, so both sizes must be equal: the "
                f"embedding size is {embedding}, the hidden size {hidden}",
                hint=f"use --embedding-size {hidden}, or leave --embedding-size out",
            )
        if self.residual and not any(self.is_residual(layer) for layer in range(self.layers)):
            raise UsageError(
                f"--residual adds what comes up to a layer to what it gives, and the only layer reads "
                f"{embedding or 'one-hot'} vectors and gives {hidden} numbers",
                hint=f"use --layers 2 or more, or --embedding-size {hidden}",
            )
        if self.initial_state == "learned" and not cell.learned_start:
            raise UsageError(
                f"--initial-state learned: the cell {self.cell_name} has no state that could be learned",
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
        """I of the first layer."""
        return self.embedding_size or self.vocabulary_size

    def parameter_specs(self) -> dict[str, ParameterSpec]:
        """Every parameter by its name in the model file ("layers.0.W_x"), in the order of the data's way."""
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
        """The number of trainable numbers."""
        return sum(math.prod(spec.shape) for spec in self.parameter_specs().values())

    def draw(self, draw: Draw, *, to_memorize: bool = False) -> dict[str, Array]:
        """First weights by name; `to_memorize`, those for strings that are to be learned whole."""
        return {
            name: spec.fill(draw, to_memorize=to_memorize) for name, spec in self.parameter_specs().items()
        }

    def arrange(self, arrays: Mapping[str, Array]) -> Weights:
        """Arrays by name -> arrays by their place in the network."""
        layers = range(self.layers)
        head = {name: arrays[f"head.{name}"] for name in ("W", "b") if f"head.{name}" in arrays}
        return Weights(
            embedding=arrays.get("embedding.W"),
            layers=tuple({name: arrays[f"layers.{i}.{name}"] for name in self.cell.params} for i in layers),
            starts=tuple(
                {field: arrays[f"layers.{i}.start.{field}"] for field in self._learned_fields} for i in layers
            ),
            norms=tuple(
                {n: arrays[f"layers.{i}.norm.{n}"] for n in ("gain", "bias") if self.is_normalized(i)}
                for i in layers
            ),
            head={"W": arrays["embedding.W"], **head} if self.tie_weights else head,
        )

    def initial_states(self, ops: Ops, w: Weights, batch: int) -> tuple[State, ...]:
        """The state of every layer before the first step: zeros, and what of it was learned."""
        zero = self.cell.start(ops, batch, self.hidden_size, next(iter(w.layers[0].values())))
        return tuple(
            zero._replace(**{field: getattr(zero, field) + value for field, value in learned.items()})
            for learned in w.starts
        )

    def embed(self, ops: Ops, w: Weights, ids: Array) -> Array:
        """Ids [B T] -> xs [B T I], one-hot or embedded."""
        if w.embedding is not None:
            return w.embedding[ids]
        return ops.one_hot(ids, self.vocabulary_size, next(iter(w.layers[0].values())))

    def look_up(self, ops: Ops, w: Weights, ids: Array) -> Array | OneHot:
        """The same for fast paths, which need no one-hot vectors written out."""
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

        `dropout` acts on what goes up from each layer, but not on the last one's output unless a linear
        head reads it.
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
        """Hs [B T H] -> logits [B T V], unnormalised, in nats."""
        return hs @ w.head["W"].T + w.head["b"] if w.head else hs

    @property
    def _learned_fields(self) -> tuple[str, ...]:
        return self.cell.learned_start if self.initial_state == "learned" else ()

    def is_residual(self, layer: int) -> bool:
        """Whether what comes up to a layer is added to what it gives."""
        return self.residual and (layer > 0 or self.embedding_size == self.hidden_size)

    def is_normalized(self, layer: int) -> bool:
        """Whether a layer's output is normalised: never where it is the logits."""
        return self.layer_norm and (layer + 1 < self.layers or self.head == "linear")


def _embedding(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    return draw.uniform(shape, shape[1] ** -0.5)
