"""The equation of every traced tensor, and the number of parameters with its derivation."""

import math
import re
from collections.abc import Mapping

from charseq.cells.cell import formula, shape_of
from charseq.cells.ops import VARIANCE_FLOOR
from charseq.inspection.tracing import TracedTensor, TraceInput
from charseq.model.network import Network

NETWORK_EQUATIONS = {
    "output.forward": "h of every step, read from the beginning",
    "output.backward": "h of every step, read from the end",
    "flattened": "output, batch and sequence joined",
    "flat_logits": "W flattened + b",
    "probabilities": "exp(logits) / sum(exp(logits))",
    "targets": "the id of the next character",
    "weights": "1 where a character follows, else 0",
    "losses": "-log(probability of the target) * weight",
    "loss": "sum(losses) / sum(weights), in nats",
}
"""Equations of the tensors outside the layers, by name."""


def equation_of(tensor: TracedTensor, inputs: TraceInput) -> str:
    """Return the equation of a tensor; empty if it has none."""
    network = inputs.network
    kind, _, field = tensor.name.partition(".")
    if tensor.step is not None and tensor.layer is not None:
        return network.cell.equations().get(tensor.name, "")
    if tensor.name in network.parameter_specs():
        part = f"layer {tensor.layer}" if kind == "layers" else kind
        return f"{part}: {math.prod(tensor.shape):,} parameters"
    if tensor.name in ("sum", "normalized"):
        return _between_layers(tensor, network)
    if kind == "initial":
        learned = network.initial_state == "learned" and field in network.cell.learned_start
        return f"{field} before the first step, {'learned' if learned else 'zero'}"
    if kind == "state":
        return f"{field} after the {'first' if tensor.direction == 'backward' else 'last'} character"
    if tensor.name == "input":
        return "a row of the embedding" if network.embedding_size else "one-hot: a single 1, at the id"
    if tensor.name == "output":
        return "both, concatenated" if tensor.symbolic_axes.endswith("2H") else _output(network)
    if tensor.name == "logits":
        if tensor.step is not None and network.head == "linear":
            return "W output[t] + b"
        return "flat_logits, batch and sequence split" if network.head == "linear" else "output"
    return NETWORK_EQUATIONS.get(tensor.name, "")


def parameter_count(network: Network, *, head: bool) -> list[str]:
    """Return a derivation of the number of parameters for each part of a network; the head's if `head`.

    For example "layer 0: W_x 4H I, b_x 4H: 4H (I + 1) = 8 * (4 + 1) = 40".
    """
    axes_of: dict[str, dict[str, str]] = {}
    for name, spec in network.parameter_specs().items():
        if head or not name.startswith("head."):
            part, _, tensor = name.rpartition(".")
            axes_of.setdefault(part, {})[tensor] = spec.param.axes
    return [_derivation(network, part, axes) for part, axes in axes_of.items()]


def _derivation(network: Network, part: str, tensors: Mapping[str, str]) -> str:
    """Return the axes of a part's tensors, their number of elements in letters, and in numbers."""
    axes = list(tensors.values())
    reads_input = part.split(".")[:2] in (["layers", "0"], ["embedding"])
    sizes = {
        "I": network.input_size if reads_input else network.hidden_size,
        "H": network.hidden_size,
        "V": network.vocabulary_size,
        "E": network.embedding_size,
    }
    in_letters = formula(axes)
    in_numbers = re.sub(r"(\d*)([A-Z])", lambda match: str(math.prod(shape_of(match[0], sizes))), in_letters)
    in_numbers = re.sub(r"(?<=[\d)]) (?=[\d(])", " * ", in_numbers)
    count = sum(math.prod(shape_of(product, sizes)) for product in axes)
    title = part.replace("layers.", "layer ").replace(".", ", ")
    listing = ", ".join(f"{name} {letters}" for name, letters in tensors.items())
    calculation = f" = {in_numbers}" if in_numbers != str(count) else ""
    return f"{title}: {listing}: {in_letters}{calculation} = {count:,}"


def _between_layers(tensor: TracedTensor, network: Network) -> str:
    """Return the equation of a residual connection, or of a normalization of its layer's sum or h."""
    layer = tensor.layer or 0
    if tensor.name == "sum":
        below = "sum" if layer and network.is_residual(layer - 1) else "h"
        return f"{below} of layer {layer - 1} + h" if layer else "input + h"
    v = "sum" if network.is_residual(layer) else "h"
    return f"gain * ({v} - mean({v})) / sqrt(variance({v}) + {VARIANCE_FLOOR:g}) + bias"


def _output(network: Network) -> str:
    last = network.layers - 1
    name = "normalized" if network.is_normalized(last) else "sum" if network.is_residual(last) else "h"
    return f"{'the last layer, ' if last else ''}{name} of every step"
