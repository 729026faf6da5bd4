"""Run a network under a recording tap: every tensor in the order of execution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from charseq.cells.cell import factors, shape_of
from charseq.cells.ops import Array
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, Floats, log_softmax, quietly, require_finite
from charseq.text.batches import padded
from charseq.text.vocabulary import Ids, Vocabulary

Direction = Literal["forward", "backward"]

AXES = {"B": "batch", "T": "sequence", "I": "input", "H": "hidden", "V": "vocabulary", "E": "embedding"}
"""The one legend of axes: letter in the code, name on the screen."""


@dataclass(frozen=True)
class Row:
    """One tensor: its name, the layer and the step it arose at, its axes ("B 3H"), and its values."""

    name: str
    layer: int | None
    step: int | None
    letters: str
    values: Floats
    direction: Direction | None = None
    """Of a bidirectional run, the way that was read."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes by name: "BT 3H" is ("batch*sequence", "3*hidden")."""
        return tuple(
            "*".join([*filter(None, [times]), *(AXES[letter] for letter in letters)])
            for times, letters in map(factors, self.letters.split())
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The real size of every axis."""
        return self.values.shape


class Recorder:
    """A tap that keeps what it sees, and checks every tensor against the axes it claims."""

    def __init__(self, sizes: dict[str, int], direction: Direction | None = None) -> None:
        self.sizes = sizes
        self.rows: list[Row] = []
        self._direction = direction
        self._layer: int | None = None
        self._step: int | None = None

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Keep the tensor.  Raises ValueError where its shape is not what its axes say."""
        if value.shape != shape_of(axes, self.sizes):
            raise ValueError(f"{name} has shape {value.shape}, but [{axes}] is {shape_of(axes, self.sizes)}")
        self.rows.append(Row(name, self._layer, self._step, axes, value, self._direction))
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Recorder":
        """Note where the next tensors arise; a new layer begins outside all steps."""
        if layer is not None:
            self._layer, self._step = layer, None
        else:
            self._step = step
        return self


@dataclass(frozen=True)
class Subject:
    """What is looked at: a network with its weights, run over a batch of texts.

    Of a model of lines, a text is read from the boundary before it, and predicted to the one behind it.
    """

    network: Network
    vocabulary: Vocabulary
    arrays: Mapping[str, Floats]
    """The parameters by name."""
    sequences: tuple[Ids, ...]
    """The ids that the network reads, for each text."""
    targets: tuple[Ids, ...]
    """The ids that the network predicts, for each text: from the second one on."""

    @classmethod
    def of(
        cls, network: Network, vocabulary: Vocabulary, arrays: Mapping[str, Floats], texts: Sequence[str]
    ) -> "Subject":
        """A network to be run over texts.  Raises UnknownCharacter."""
        encoded = [vocabulary.encode_text(text, begin=True, end=True).ids.astype(np.int64) for text in texts]
        read = tuple(ids[:-1] if vocabulary.boundary else ids for ids in encoded)
        return cls(network, vocabulary, arrays, read, tuple(ids[1:] for ids in encoded))

    @property
    def weights(self) -> Weights:
        """The parameters arranged for use."""
        return self.network.arrange(self.arrays)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """How many places are read of each text [B]."""
        return np.array([len(ids) for ids in self.sequences])

    @property
    def live(self) -> npt.NDArray[np.bool_]:
        """Which places [B T] belong to a text; the others are padding."""
        return np.arange(self.lengths.max()) < self.lengths[:, None]

    @property
    def sizes(self) -> dict[str, int]:
        """The legend's letters, with what they are here."""
        network = self.network
        return {
            "B": len(self.sequences),
            "T": int(self.lengths.max()),
            "I": network.input_size,
            "H": network.hidden_size,
            "V": network.vocabulary_size,
            **({"E": network.embedding_size} if network.embedding_size else {}),
        }

    def backwards(self, arrays: Mapping[str, Floats]) -> "Subject":
        """The same texts, each read from its end, by a network with weights of its own."""
        return replace(self, arrays=arrays, sequences=tuple(ids[::-1] for ids in self.sequences))


def weights_of(subject: Subject, *, head: bool, direction: Direction | None = None) -> tuple[Row, ...]:
    """Every parameter under its name in a model file, with the layer that it belongs to."""
    rows = []
    for name, slot in subject.network.slots().items():
        part, _, rest = name.partition(".")
        layer = int(rest.partition(".")[0]) if part == "layers" else None
        if head or part != "head":
            rows.append(Row(name, layer, None, slot.param.axes, subject.arrays[name], direction))
    return tuple(rows)


def trace(subject: Subject, *, read_out: bool = False) -> tuple[Row, ...]:
    """Every tensor of the network run over a batch of texts, as it is computed.

    First `input` [B T I], then of each layer its first state `initial.<field>` and its tensors step by step,
    then `output` [B T H] and the final `state.<field>` of every layer.  Past a text's own end the input and
    the output are exactly 0, and its state is that of its last character.  With `read_out` there follow the
    logits, the probabilities, and the loss place by place.  Raises CharseqError where any of these is NaN or
    infinite.
    """
    with quietly():
        recorder, hs, states = _run(subject)
        outside = Recorder(subject.sizes)
        outside("output", hs, "B T H")
        rows = [*recorder.rows, *outside.rows, *_final(subject, states)]
        rows += _read_out(subject, hs) if read_out else []
    for row in rows:
        require_finite(row.values)
    return tuple(rows)


def trace_both_ways(subject: Subject, backward: Mapping[str, Floats]) -> tuple[Row, ...]:
    """A bidirectional run: one network reads each text from its beginning, another from its end.

    `output.forward` and `output.backward` [B T H] stand place by place beside each other; `output` [B T 2H]
    is both joined.  Several layers are two stacks, one each way, which meet only here.  What has read the
    characters after a place cannot be asked to predict them.
    """
    rows: list[Row] = []
    finals: list[Row] = []
    outputs = []
    ways: tuple[tuple[Direction, Subject], ...]
    ways = (("forward", subject), ("backward", subject.backwards(backward)))
    for direction, one in ways:
        recorder, hs, states = _run(one, direction)
        rows += recorder.rows[1 if rows else 0 :]
        finals += _final(subject, states, direction)
        outputs.append(hs if direction == "forward" else _turned(hs, subject.lengths))
    outside = Recorder(subject.sizes)
    outside("output.forward", outputs[0], "B T H")
    outside("output.backward", outputs[1], "B T H")
    outside("output", np.concatenate(outputs, -1), "B T 2H")
    return (replace(rows[0], direction=None), *rows[1:], *outside.rows, *finals)


def _run(subject: Subject, direction: Direction | None = None) -> tuple[Recorder, Floats, tuple[Array, ...]]:
    """Run the stack of cells; returns what was seen, the outputs [B T H] and the final states."""
    network, weights, live = subject.network, subject.weights, subject.live[:, :, None]
    recorder = Recorder(subject.sizes, direction)
    ids, lengths = padded(subject.sequences)
    xs = network.embed(NUMPY, weights, ids) * live.astype(np.float32)
    recorder("input", xs, "B T I")
    hs, states = network.run(
        NUMPY,
        weights,
        xs,
        network.start(NUMPY, weights, len(ids)),
        lengths=None if live.all() else lengths,
        tap=recorder,
    )
    return recorder, np.where(live, hs, 0), states


def _final(subject: Subject, states: Sequence[Array], direction: Direction | None = None) -> list[Row]:
    recorder = Recorder(subject.sizes, direction)
    for layer, state in enumerate(states):
        recorder.at(layer=layer)
        for field, value in zip(state._fields, state, strict=True):
            recorder(f"state.{field}", value, subject.network.cell.axes_of(field))
    return recorder.rows


def _read_out(subject: Subject, hs: Floats) -> list[Row]:
    """From the outputs [B T H] to the loss: a place counts where it has a character to predict."""
    recorder = Recorder(subject.sizes)
    logits = hs
    if subject.network.head == "linear":
        flat = recorder("flattened", hs.reshape(-1, hs.shape[-1]), "BT H")
        flat = recorder("flat_logits", subject.network.read_out(subject.weights, flat), "BT V")
        logits = flat.reshape(*hs.shape[:2], -1)
    log_p = log_softmax(recorder("logits", logits, "B T V"))
    recorder("probabilities", np.exp(log_p), "B T V")
    targets, weights = _targets(subject)
    recorder("targets", targets, "B T")
    recorder("weights", weights, "B T")
    costs = -np.take_along_axis(log_p, targets[:, :, None], -1)[:, :, 0] * weights
    recorder("losses", costs, "B T")
    if weights.any():
        recorder("loss", costs.sum() / weights.sum(), "")
    return recorder.rows


def _targets(subject: Subject) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The id to predict at each place [B T], and the place's weight: 0 where nothing comes after it."""
    targets, counts = padded(subject.targets)
    targets = np.pad(targets, ((0, 0), (0, subject.live.shape[1] - targets.shape[1])))
    return targets, (np.arange(targets.shape[1]) < counts[:, None]).astype(np.float32)


def _turned(hs: Floats, lengths: npt.NDArray[np.int64]) -> Floats:
    """Outputs [B T H] of texts read from their ends, put beside the places that they belong to."""
    turned = np.zeros_like(hs)
    for row, own, length in zip(turned, hs, lengths, strict=True):
        row[:length] = own[:length][::-1]
    return turned
