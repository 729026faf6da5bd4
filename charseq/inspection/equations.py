"""Say what a tensor is: its equation, and how many parameters a network has, and why."""

import math
import re
from collections.abc import Mapping

from charseq.cells.cell import formula, shape_of
from charseq.cells.ops import VARIANCE_FLOOR
from charseq.inspection.tracing import Row, Subject
from charseq.model.network import Network

NETWORK_EQUATIONS = {
    "output.forward": "every h, read from the beginning",
    "output.backward": "every h, read from the end",
    "flattened": "output, place after place",
    "flat_logits": "W flattened + b",
    "probabilities": "exp(logits) / sum(exp(logits))",
    "targets": "the id of the next character",
    "weights": "1 where a character follows, else 0",
    "losses": "-log(probability of the target) * weight",
    "loss": "sum(losses) / sum(weights), in nats",
}


def equation_of(row: Row, subject: Subject) -> str:
    """What a tensor is computed as; empty where nobody has said."""
    network = subject.network
    kind, _, field = row.name.partition(".")
    if row.step is not None:
        return network.cell.equations().get(row.name, "")
    if row.name in network.slots():
        return f"{kind if kind != 'layers' else 'layer ' + str(row.layer)}: {math.prod(row.shape):,} learned"
    if row.name in ("sum", "normalized"):
        return _within_stack(row, network)
    if kind == "initial":
        learned = network.initial_state == "learned" and field in network.cell.learned_start
        return f"{field} before the first step, {'learned' if learned else 'zero'}"
    if kind == "state":
        return f"{field} after the {'first' if row.direction == 'backward' else 'last'} character"
    if row.name == "input":
        return "a row of the embedding" if network.embedding_size else "one-hot: a single 1, at the id"
    if row.name == "output":
        return "both, side by side" if row.letters.endswith("2H") else _output(network)
    if row.name == "logits":
        return "flat_logits, back in places" if network.head == "linear" else "output"
    return NETWORK_EQUATIONS.get(row.name, "")


def parameter_count(network: Network, *, head: bool) -> list[str]:
    """The number of parameters, derived part by part, as in
    "layer 0: W_x 4H I, b_x 4H: 4H (I + 1) = 8 * (4 + 1) = 40".

    Without its `head`, where that is not looked at.
    """
    parts: dict[str, dict[str, str]] = {}
    for name, slot in network.slots().items():
        if head or not name.startswith("head."):
            part, _, own = name.rpartition(".")
            parts.setdefault(part, {})[own] = slot.param.axes
    return [_derived(network, part, axes) for part, axes in parts.items()]


def _derived(network: Network, part: str, tensors: Mapping[str, str]) -> str:
    """One part: the axes of its tensors, what they come to in letters, and in numbers."""
    axes = list(tensors.values())
    first = part.split(".")[:2] in (["layers", "0"], ["embedding"])
    sizes = {
        "I": network.input_size if first else network.hidden_size,
        "H": network.hidden_size,
        "V": network.vocabulary_size,
        "E": network.embedding_size,
    }
    symbols = formula(axes)
    numbers = re.sub(r"(\d*)([A-Z])", lambda found: str(math.prod(shape_of(found[0], sizes))), symbols)
    numbers = re.sub(r"(?<=[\d)]) (?=[\d(])", " * ", numbers)
    count = sum(math.prod(shape_of(product, sizes)) for product in axes)
    shown = part.replace("layers.", "layer ").replace(".", ", ")
    listed = ", ".join(f"{name} {letters}" for name, letters in tensors.items())
    worked_out = f" = {numbers}" if numbers != str(count) else ""
    return f"{shown}: {listed}: {symbols}{worked_out} = {count:,}"


def _within_stack(row: Row, network: Network) -> str:
    """What a residual connection adds, or what a normalisation reads: its layer's sum or h."""
    layer = row.layer or 0
    if row.name == "sum":
        below = "sum" if layer and network.is_residual(layer - 1) else "h"
        return f"{below} of layer {layer - 1} + h" if layer else "input + h"
    v = "sum" if network.is_residual(layer) else "h"
    return f"gain * ({v} - mean({v})) / sqrt(variance({v}) + {VARIANCE_FLOOR:g}) + bias"


def _output(network: Network) -> str:
    last = network.layers - 1
    name = "normalized" if network.is_normalised(last) else "sum" if network.is_residual(last) else "h"
    return f"{'the last layer, ' if last else ''}{name} of every step"
