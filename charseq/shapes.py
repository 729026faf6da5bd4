"""Run a stack of cells under a recording tap: every tensor in the order of execution."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charseq.arrays import NUMPY, Floats
from charseq.batches import padded
from charseq.cells.cell import shape_of
from charseq.cells.ops import Array
from charseq.network import Network, Weights
from charseq.vocabulary import Vocabulary

AXES = {"B": "batch", "T": "sequence", "I": "input", "H": "hidden", "V": "vocabulary"}
"""The one legend of axes: letter in the code, name on the screen."""


@dataclass(frozen=True)
class Row:
    """One tensor: its name, the layer and the step it arose at, its axes by name, and its values."""

    name: str
    layer: int | None
    step: int | None
    axes: tuple[str, ...]
    values: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """The real size of every axis."""
        return self.values.shape


class Recorder:
    """A tap that keeps what it sees, and checks every tensor against the axes it claims."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.rows: list[Row] = []
        self._layer: int | None = None
        self._step: int | None = None

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Keep the tensor.  Raises ValueError where its shape is not what its axes say."""
        if value.shape != shape_of(axes, self.sizes):
            raise ValueError(f"{name} has shape {value.shape}, but [{axes}] is {shape_of(axes, self.sizes)}")
        self.rows.append(Row(name, self._layer, self._step, _named(axes), value))
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Recorder":
        """Note where the next tensors arise; a new layer begins outside all steps."""
        if layer is not None:
            self._layer, self._step = layer, None
        else:
            self._step = step
        return self


def trace(
    network: Network, vocabulary: Vocabulary, weights: Weights, texts: Sequence[str]
) -> tuple[Row, ...]:
    """Every tensor of the stack run over a batch of texts, as it is computed.

    First `input` [B T I], then each layer's tensors step by step, then `output` [B T H] and the final
    `state.<field>` [B H] of every layer.  Past a text's own end the input and the output are exactly 0, and
    its state is that of its last character.
    """
    ids, lengths = padded([vocabulary.encode(text) for text in texts])
    live = np.arange(ids.shape[1]) < lengths[:, None]
    sizes = {"B": len(texts), "T": ids.shape[1], "I": network.input_size, "H": network.hidden_size}
    recorder = Recorder(sizes)
    xs = network.embed(NUMPY, weights, ids) * live[:, :, None].astype(np.float32)
    recorder("input", xs, "B T I")
    hs, states = network.run(
        NUMPY,
        weights,
        xs,
        network.start(NUMPY, weights, len(texts)),
        lengths=None if live.all() else lengths,
        tap=recorder,
    )
    outside = Recorder(sizes)
    outside("output", hs, "B T H")
    for layer, state in enumerate(states):
        outside.at(layer=layer)
        for field, value in zip(state._fields, state, strict=True):
            outside(f"state.{field}", value, "B H")
    return (*recorder.rows, *outside.rows)


def _named(axes: str) -> tuple[str, ...]:
    """Axes as names: "B 3H" is ("batch", "3*hidden")."""
    return tuple(
        f"{found[1]}*{AXES[found[2]]}" if found[1] else AXES[found[2]]
        for found in re.finditer(r"(\d*)([A-Z])", axes)
    )
