"""Traces of networks with initial weights and of trained models."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from charseq.cells import cell_named
from charseq.errors import TextError, UsageError, cannot_combine
from charseq.inspection.sequence_loss import SequenceLoss
from charseq.inspection.tracing import (
    TracedTensor,
    TraceInput,
    at_step,
    parameter_tensors,
    text_loss,
    trace,
    trace_bidirectional,
)
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary


class Trace(NamedTuple):
    """A network, its batch of texts, and its tensors in order."""

    inputs: TraceInput
    tensors: Sequence[TracedTensor]

    def select(self, step: int | None, layer: int | None) -> list[TracedTensor]:
        """Return the tensors of a step and a layer; None selects all, and parameters belong to every step.

        Of the tensors that follow the layers, from the logits on, a step has its own part.

        Raises UsageError if there is no such step or layer.
        """
        for name, number in (("step", step), ("layer", layer)):
            numbers = [n for n in (getattr(tensor, name) for tensor in self.tensors) if n is not None]
            if number is not None and number not in numbers:
                last = max(numbers)
                existing = f"{name}s are numbered from 0 to {last}" if last else f"the only {name} is 0"
                raise UsageError(
                    f"there is no {name} {number}; {existing}",
                    hint=f"use --{name} {last} for the last one" if last else f"omit --{name}",
                )
        parameters: Collection[str] = self.inputs.arrays
        return [
            tensor
            for tensor in (self.tensors if step is None else [at_step(each, step) for each in self.tensors])
            if (step in (None, tensor.step) or tensor.name in parameters) and layer in (None, tensor.layer)
        ]


def trace_initial(
    strings: Sequence[str],
    vocabulary: Vocabulary,
    sizes: Mapping[str, Any],
    *,
    seed: int,
    bidirectional: bool = False,
    weights: bool = False,
) -> Trace:
    """Trace a network with initial weights; `sizes` are the explicit arguments of Network, and the cell.

    `weights` adds the parameters.  Without a head in `sizes`, the trace ends at the output of the last cell.
    Raises UsageError, TextError.
    """
    _require_characters(strings)
    head = sizes.get("head")
    if bidirectional and head:
        raise cannot_combine(
            "--bidirectional", [f"--head {head}"], "the backward network has already read the next character"
        )
    network, draw = _initial_network(vocabulary, sizes), SeededDraw(seed)
    inputs = TraceInput.of(network, vocabulary, network.draw(draw), strings)
    if not bidirectional:
        parameters = parameter_tensors(inputs, head=head is not None) if weights else ()
        return Trace(inputs, (*parameters, *trace(inputs, read_out=head is not None)))
    backward = network.draw(draw)
    parameters = ()
    if weights:
        parameters = parameter_tensors(inputs, head=False, direction="forward")
        parameters += parameter_tensors(inputs.reversed(backward), head=False, direction="backward")
    return Trace(inputs, (*parameters, *trace_bidirectional(inputs, backward)))


def trace_model(
    model: Model, strings: Sequence[str], *, weights: bool = False, label: str | None = None
) -> Trace:
    """Trace a trained model up to its loss; `weights` adds the parameters.

    `label` is that of all strings, for a model with labels.  Raises TextError.
    """
    _require_characters(strings)
    inputs = TraceInput.of(model.network, model.vocabulary, model.arrays, strings, label)
    parameters = parameter_tensors(inputs, head=True) if weights else ()
    return Trace(inputs, (*parameters, *trace(inputs, read_out=True)))


def initial_loss(
    strings: Sequence[str], vocabulary: Vocabulary, sizes: Mapping[str, Any], *, seed: int
) -> tuple[TraceInput, SequenceLoss]:
    """Return the loss of a network with initial weights, as `trace_initial` has it, and its batch of texts.

    Raises UsageError, and TextError if no text has a second symbol.
    """
    _require_characters(strings)
    network = _initial_network(vocabulary, sizes)
    return _loss(TraceInput.of(network, vocabulary, network.draw(SeededDraw(seed)), strings))


def model_loss(
    model: Model, strings: Sequence[str], *, label: str | None = None
) -> tuple[TraceInput, SequenceLoss]:
    """Return the loss of a trained model, and its batch of texts.

    Raises UnknownCharacter, and TextError if no text has a second symbol.
    """
    _require_characters(strings)
    return _loss(TraceInput.of(model.network, model.vocabulary, model.arrays, strings, label))


def _loss(inputs: TraceInput) -> tuple[TraceInput, SequenceLoss]:
    if not any(map(len, inputs.targets)):
        raise TextError(
            f"the text has 1 {inputs.vocabulary.unit}, and none after it to predict",
            hint=f"give a text of at least 2 {inputs.vocabulary.unit}s",
        )
    return inputs, text_loss(inputs)


def _initial_network(vocabulary: Vocabulary, sizes: Mapping[str, Any]) -> Network:
    """Return the network that `sizes` describe, by default a gru of 2 units.  Raises UsageError."""
    details = dict(sizes)
    cell = cell_named(details.pop("cell", "gru"))
    hidden_size = details.pop("hidden_size", len(vocabulary) if details.get("head") == "none" else 2)
    network = Network(cell.name, len(vocabulary), hidden_size, **details)
    if network.layer_norm:
        network.require_layer_norm()
    return network


def _require_characters(strings: Sequence[str]) -> None:
    if "" in strings:
        raise TextError("one of the texts is empty", hint="a text needs at least one character")
