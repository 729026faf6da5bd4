"""Trace a network: record every tensor that it computes for a batch of texts, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from charseq.cells.cell import factors, shape_of
from charseq.cells.ops import UNTAPPED, Array, Tap
from charseq.inspection.sequence_loss import SequenceLoss
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, Floats, ignore_overflow, require_finite
from charseq.text.batches import padded
from charseq.text.vocabulary import Ids, Vocabulary

Direction = Literal["forward", "backward"]

AXES = {"B": "batch", "T": "sequence", "I": "input", "H": "hidden", "V": "vocabulary", "E": "embedding"}
"""The names of axes: the letter in the code and the name on the screen."""
PER_STEP = ("logits", "probabilities", "targets", "weights", "losses")
"""The tensors [B T ...] after the layers that have a part for each step."""


@dataclass(frozen=True)
class TracedTensor:
    """A tensor with its name, and the layer and step that computed it."""

    name: str
    layer: int | None
    step: int | None
    """None for a tensor that spans the sequence."""
    symbolic_axes: str
    """The axes in letters, such as "B 3H"."""
    values: Floats
    direction: Direction | None = None
    """The direction of reading in a bidirectional network."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes by name: "BT 3H" is ("batch*sequence", "3*hidden")."""
        return tuple(
            "*".join([*filter(None, [factor]), *(AXES[letter] for letter in letters)])
            for factor, letters in map(factors, self.symbolic_axes.split())
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every axis."""
        return self.values.shape


class Recorder:
    """A tap that records tensors and checks their shapes."""

    def __init__(self, sizes: dict[str, int], direction: Direction | None = None) -> None:
        """`sizes` are those of the letters in axes."""
        self.sizes = sizes
        self.tensors: list[TracedTensor] = []
        self._direction = direction
        self._layer: int | None = None
        self._step: int | None = None

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Record a tensor.  Raises ValueError if its shape differs from its axes."""
        if value.shape != shape_of(axes, self.sizes):
            raise ValueError(f"{name} has shape {value.shape}, but [{axes}] is {shape_of(axes, self.sizes)}")
        self.tensors.append(TracedTensor(name, self._layer, self._step, axes, value, self._direction))
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Recorder":
        """Set the layer or the step of the next tensors; a layer begins outside all steps."""
        if layer is not None:
            self._layer, self._step = layer, None
        else:
            self._step = step
        return self


@dataclass(frozen=True)
class TraceInput:
    """A network with its weights, and the batch of texts that it reads.

    A model of lines reads a text from the boundary before it, or from its label, and predicts it up to the
    boundary after it.
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
        cls,
        network: Network,
        vocabulary: Vocabulary,
        arrays: Mapping[str, Floats],
        texts: Sequence[str],
        label: str | None = None,
    ) -> "TraceInput":
        """Return a network with texts to read.  Raises UnknownCharacter, and UsageError without a label."""
        encode = partial(vocabulary.encode_text, begin=True, end=True, label=label)
        encoded = [encode(text).ids.astype(np.int64) for text in texts]
        read = tuple(ids[:-1] if vocabulary.boundary else ids for ids in encoded)
        return cls(network, vocabulary, arrays, read, tuple(ids[1:] for ids in encoded))

    @property
    def weights(self) -> Weights:
        """The parameters, arranged by layer."""
        return self.network.arrange(self.arrays)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of positions of each text [B]."""
        return np.array([len(ids) for ids in self.sequences])

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Whether a position [B T] belongs to a text; the others are padding."""
        return np.arange(self.lengths.max()) < self.lengths[:, None]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the letters in axes."""
        network = self.network
        return {
            "B": len(self.sequences),
            "T": int(self.lengths.max()),
            "I": network.input_size,
            "H": network.hidden_size,
            "V": network.vocabulary_size,
            **({"E": network.embedding_size} if network.embedding_size else {}),
        }

    def reversed(self, arrays: Mapping[str, Floats]) -> "TraceInput":
        """Return the reversed texts with other parameters: the backward half of a bidirectional network."""
        return replace(self, arrays=arrays, sequences=tuple(ids[::-1] for ids in self.sequences))


def parameter_tensors(
    inputs: TraceInput, *, head: bool, direction: Direction | None = None
) -> tuple[TracedTensor, ...]:
    """Return the parameters under their names in a model file; those of the head only if `head`."""
    tensors = []
    for name, spec in inputs.network.parameter_specs().items():
        part, _, rest = name.partition(".")
        layer = int(rest.partition(".")[0]) if part == "layers" else None
        if head or part != "head":
            axes = spec.param.axes
            tensors.append(TracedTensor(name, layer, None, axes, inputs.arrays[name], direction))
    return tuple(tensors)


def trace(inputs: TraceInput, *, read_out: bool = False) -> tuple[TracedTensor, ...]:
    """Run a network over a batch of texts, and return every tensor in the order of execution.

    First `input` [B T I]; then, for each layer, the initial state `initial.<field>` and the tensors of every
    step; then `output` [B T H] and the final state `state.<field>` of every layer.  After the end of a text,
    input and output are 0, and its final state is that of its last character.  With `read_out` the logits,
    the probabilities and the losses follow.

    Raises CharseqError for NaN or infinite values.
    """
    with ignore_overflow():
        recorder, summary = Recorder(inputs.sizes), Recorder(inputs.sizes)
        hs, states = _run(inputs, recorder)
        summary("output", hs, "B T H")
        tensors = [*recorder.tensors, *summary.tensors, *_final_states(inputs, states)]
        tensors += _read_out(inputs, hs) if read_out else []
    for tensor in tensors:
        require_finite(tensor.values)
    return tuple(tensors)


def trace_bidirectional(inputs: TraceInput, backward: Mapping[str, Floats]) -> tuple[TracedTensor, ...]:
    """Run two networks over a batch of texts, one of them from the end of each text.

    `output.forward` and `output.backward` [B T H] are aligned by position; `output` [B T 2H] joins them.
    Several layers are two separate stacks.  There is no read-out: the backward network has read the
    characters that the logits would predict.
    """
    tensors: list[TracedTensor] = []
    final_states: list[TracedTensor] = []
    outputs = []
    runs: tuple[tuple[Direction, TraceInput], ...]
    runs = (("forward", inputs), ("backward", inputs.reversed(backward)))
    for direction, run_inputs in runs:
        recorder = Recorder(run_inputs.sizes, direction)
        hs, states = _run(run_inputs, recorder)
        tensors += recorder.tensors[1 if tensors else 0 :]
        final_states += _final_states(run_inputs, states, direction)
        outputs.append(hs if direction == "forward" else _reverse_texts(hs, inputs.lengths))
    summary = Recorder(inputs.sizes)
    summary("output.forward", outputs[0], "B T H")
    summary("output.backward", outputs[1], "B T H")
    summary("output", np.concatenate(outputs, -1), "B T 2H")
    return (replace(tensors[0], direction=None), *tensors[1:], *summary.tensors, *final_states)


def text_loss(inputs: TraceInput) -> SequenceLoss:
    """Run a network over a batch of texts, and return its loss; positions without a target have weight 0.

    Raises CharseqError for NaN or infinite logits.
    """
    with ignore_overflow():
        hs, _ = _run(inputs, UNTAPPED)
        logits = inputs.network.read_out(inputs.weights, hs)
    require_finite(logits)
    return SequenceLoss(logits, *_padded_targets(inputs))


def _run(inputs: TraceInput, tap: Tap) -> tuple[Floats, tuple[Array, ...]]:
    """Run the layers; return the outputs [B T H] and the final states."""
    network, weights, mask = inputs.network, inputs.weights, inputs.mask[:, :, None]
    ids, lengths = padded(inputs.sequences)
    xs = network.embed(NUMPY, weights, ids) * mask.astype(np.float32)
    tap("input", xs, "B T I")
    hs, states = network.forward(
        NUMPY,
        weights,
        xs,
        network.initial_states(NUMPY, weights, len(ids)),
        lengths=None if mask.all() else lengths,
        tap=tap,
    )
    return np.where(mask, hs, 0), states


def _final_states(
    inputs: TraceInput, states: Sequence[Array], direction: Direction | None = None
) -> list[TracedTensor]:
    recorder = Recorder(inputs.sizes, direction)
    for layer, state in enumerate(states):
        recorder.at(layer=layer)
        for field, value in zip(state._fields, state, strict=True):
            recorder(f"state.{field}", value, inputs.network.cell.axes_of(field))
    return recorder.tensors


def _read_out(inputs: TraceInput, hs: Floats) -> list[TracedTensor]:
    """Return the tensors from the outputs [B T H] to the mean loss over the positions with a target."""
    recorder = Recorder(inputs.sizes)
    logits = hs
    if inputs.network.head == "linear":
        flat = recorder("flattened", hs.reshape(-1, hs.shape[-1]), "BT H")
        flat = recorder("flat_logits", inputs.network.read_out(inputs.weights, flat), "BT V")
        logits = flat.reshape(*hs.shape[:2], -1)
    loss = SequenceLoss(recorder("logits", logits, "B T V"), *_padded_targets(inputs))
    recorder("probabilities", loss.probabilities, "B T V")
    recorder("targets", loss.targets, "B T")
    recorder("weights", loss.weights, "B T")
    recorder("losses", loss.weighted, "B T")
    if loss.mean is not None:
        recorder("loss", loss.mean, "")
    return recorder.tensors


def at_step(tensor: TracedTensor, step: int) -> TracedTensor:
    """Return the part of a tensor that belongs to a step, if it is one of `PER_STEP`; else the tensor."""
    if tensor.name not in PER_STEP or tensor.step is not None:
        return tensor
    axes = tensor.symbolic_axes.replace("B T", "B")
    return replace(tensor, step=step, symbolic_axes=axes, values=tensor.values[:, step])


def _padded_targets(inputs: TraceInput) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the targets [B T] and their weights: 1 for a position with a target, else 0."""
    targets, counts = padded(inputs.targets)
    targets = np.pad(targets, ((0, 0), (0, inputs.mask.shape[1] - targets.shape[1])))
    return targets, (np.arange(targets.shape[1]) < counts[:, None]).astype(np.float32)


def _reverse_texts(hs: Floats, lengths: npt.NDArray[np.int64]) -> Floats:
    """Return outputs [B T H] with the positions of each text reversed, and the padding at its end."""
    aligned = np.zeros_like(hs)
    for row, outputs, length in zip(aligned, hs, lengths, strict=True):
        row[:length] = outputs[:length][::-1]
    return aligned
