"""Say what a tensor is: its equation, and how many parameters a network has, and why."""

import math
import re
from collections.abc import Sequence

from charseq.cells.cell import formula, shape_of
from charseq.network import Network
from charseq.shapes import Row, Subject

NETWORK_EQUATIONS = {
    "sum": "what the layer read + h",
    "normalized": "gain * (x - mean(x)) / deviation(x) + bias",
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
    if kind == "initial":
        learned = network.initial_state == "learned" and field in network.cell.learned_start
        return f"{field} before the first step, {'learned' if learned else 'zero'}"
    if kind == "state":
        return f"{field} after the last character"
    if row.name == "input":
        return "a row of the embedding" if network.embedding_size else "one-hot: a single 1, at the id"
    if row.name == "output":
        return "both, side by side" if row.letters.endswith("2H") else _output(network)
    if row.name == "logits":
        return "flat_logits, back in places" if network.head == "linear" else "output"
    return NETWORK_EQUATIONS.get(row.name, "")


def parameter_count(network: Network, *, head: bool) -> list[str]:
    """The number of parameters, derived part by part: "layer 0: 4H (I + H + 2) = 8 (4 + 2 + 2) = 64".

    Without its `head`, where that is not looked at.
    """
    parts: dict[str, list[str]] = {}
    for name, slot in network.slots().items():
        if head or not name.startswith("head."):
            parts.setdefault(name.rpartition(".")[0], []).append(slot.param.axes)
    return [_derived(network, part, axes) for part, axes in parts.items()]


def _derived(network: Network, part: str, axes: Sequence[str]) -> str:
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
    return f"{shown}: {symbols} = {numbers} = {count:,}"


def _output(network: Network) -> str:
    last = "the last layer's " if network.layers > 1 else ""
    return f"{last}{'normalized' if network.layer_norm else 'h'} of every step"
