"""Recognize a network in the names and shapes of a state_dict of PyTorch, whatever its modules are called.

It has one stack of torch.nn.RNN, LSTM or GRU, or of their cells, and a linear layer [V H]; optional are an
embedding [V E], biases, and, after a single layer, a LayerNorm [H].  Without an embedding the input is
one-hot.  A matrix that is both the embedding and the linear layer may be there once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from charseq.errors import ModelFileError, UsageError, quoted
from charseq.export.torch_names import NORM_PARAMETERS, TORCH_CELLS, TORCH_PARAMETERS
from charseq.model.network import Network

SUPPORTED = (
    "supported are one stack of torch.nn.RNN, LSTM or GRU in one direction, at most one Embedding, one "
    "Linear, and after a single layer a LayerNorm"
)
CELLS_BY_RATIO = {1: ("rnn", "rnn-relu"), 3: ("gru",), 4: ("lstm",)}
"""The cells by the number of rows of weight_hh, relative to the hidden size."""
RECURRENT = re.compile(r"(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))(?:_l([0-9]{1,4})(_reverse)?)?")
EMBEDDING_NAME = re.compile(r"emb|encoder|lookup|wte", re.IGNORECASE)
MAX_LISTED = 4

Shape = tuple[int, ...]


class Recognized(NamedTuple):
    """A network, and where its parameters are in the state_dict."""

    network: Network
    sources: Mapping[str, str]
    """The name in the state_dict of each parameter; missing ones are biases, which are zeros."""


@dataclass
class _Module:
    """The tensors of a module other than the recurrent one: its weight, its bias, or both."""

    name: str
    shapes: dict[str, Shape] = field(default_factory=dict)

    @property
    def weight(self) -> Shape:
        """The shape of its weight; empty if it has none."""
        return self.shapes.get("weight", ())

    def tensor(self, kind: str) -> str:
        """Return the name of its weight or bias."""
        return f"{self.name}.{kind}" if self.name else kind


def recognize(shapes: Mapping[str, Shape], cell: str | None = None) -> Recognized:
    """Return the network of tensors, by their shapes.

    `cell` tells rnn-relu from rnn, which is the default: their tensors have the same shapes.
    Raises ModelFileError, which names the tensors that are not supported.
    """
    recurrent, others = _separate(shapes)
    sources, sizes = _recurrent_sources(shapes, recurrent)
    cell_name = _cell_name(sizes, cell)
    modules = _modules(others, shapes)
    norms = [module for module in modules if len(module.weight) == 1]
    matrices = [module for module in modules if len(module.weight) == 2]
    biases = [module for module in modules if not module.weight]
    head, embedding, bias = _head_and_embedding(matrices, biases, sizes)
    if norms:
        if not head:
            raise _unsupported("it has a normalization and no linear layer", [norms[0].tensor("weight")])
        sources |= _norm_sources(norms, sizes)
    if embedding:
        sources["embedding.W"] = embedding.tensor("weight")
    if head and head is not embedding:
        sources["head.W"] = head.tensor("weight")
    if bias:
        sources["head.b"] = bias.tensor("bias")
    vocabulary_size = head.weight[0] if head else sizes.hidden
    _check_vocabulary(vocabulary_size, head, embedding, bias, sizes)
    try:
        network = Network(
            cell_name,
            vocabulary_size,
            sizes.hidden,
            sizes.layers,
            embedding.weight[1] if embedding else 0,
            head="linear" if head else "none",
            layer_norm=bool(norms),
            tie_weights=head is not None and head is embedding,
        )
    except UsageError as error:
        raise ModelFileError(error.message, hint=SUPPORTED) from error
    return Recognized(network, sources)


class _Sizes(NamedTuple):
    """The sizes of the recurrent stack."""

    ratio: int
    inputs: int
    hidden: int
    layers: int


def _separate(shapes: Mapping[str, Shape]) -> tuple[dict[tuple[int, str], str], list[str]]:
    """Return the tensors of the recurrent stack by layer and kind, and the names of all others."""
    stacks: dict[str, dict[tuple[int, str], str]] = {}
    others = []
    for name in shapes:
        match = RECURRENT.fullmatch(name)
        if match is None:
            others.append(name)
            continue
        if match[4]:
            raise _unsupported("it reads text in both directions", [name])
        if match[2].endswith("hr"):
            raise _unsupported("its LSTM has a projection", [name])
        tensors, key = stacks.setdefault(match[1] or "", {}), (int(match[3] or 0), match[2])
        if key in tensors:
            raise _unsupported("two tensors of a layer are the same", [tensors[key], name])
        tensors[key] = name
    if not stacks:
        raise _unsupported("it has no tensors weight_ih and weight_hh of a recurrent layer", others)
    if len(stacks) > 1:
        firsts = [next(iter(tensors.values())) for tensors in stacks.values()]
        raise _unsupported(f"it has {len(stacks):,} recurrent modules", firsts)
    return next(iter(stacks.values())), others


def _recurrent_sources(
    shapes: Mapping[str, Shape], tensors: Mapping[tuple[int, str], str]
) -> tuple[dict[str, str], _Sizes]:
    """Return the sources of all layers, and their sizes, which are checked."""
    layers = len({layer for layer, _ in tensors})
    first = shapes.get(tensors.get((0, "weight_ih"), ""), ())
    square = shapes.get(tensors.get((0, "weight_hh"), ""), ())
    if max(layer for layer, _ in tensors) >= layers or len(first) != 2 or len(square) != 2 or not square[1]:
        raise _unsupported("its recurrent layers are incomplete", tensors.values())
    ratio, rest = divmod(square[0], square[1])
    if rest or ratio not in CELLS_BY_RATIO:
        raise _unsupported(f"weight_hh has the shape {list(square)}", [tensors[0, "weight_hh"]])
    sizes = _Sizes(ratio, first[1], square[1], layers)
    sources = {}
    for layer in range(layers):
        inputs = sizes.hidden if layer else sizes.inputs
        expected: dict[str, Shape] = {"weight_ih": (square[0], inputs), "weight_hh": square}
        has_bias = any((layer, bias) in tensors for bias in ("bias_ih", "bias_hh"))
        if has_bias:
            expected |= {"bias_ih": square[:1], "bias_hh": square[:1]}
        for name, kind in TORCH_PARAMETERS.items():
            if kind not in expected:
                continue
            tensor = tensors.get((layer, kind))
            if tensor is None:
                raise _unsupported(f"layer {layer} has no {kind}", tensors.values())
            if shapes[tensor] != expected[kind]:
                raise _wrong_shape(tensor, shapes[tensor], expected[kind])
            sources[f"layers.{layer}.{name}"] = tensor
    return sources, sizes


def _cell_name(sizes: _Sizes, cell: str | None) -> str:
    names = CELLS_BY_RATIO[sizes.ratio]
    if cell is not None and cell not in names:
        known = "" if cell in TORCH_CELLS else f"; a state_dict is read as {', '.join(TORCH_CELLS)}"
        raise UsageError(
            f"the tensors are not those of the cell {quoted(cell)}: weight_hh has {sizes.ratio} "
            f"{'row' if sizes.ratio == 1 else 'rows'} for each hidden unit",
            hint=f"use --cell {' or '.join(names)}{known}",
        )
    return cell or names[0]


def _modules(names: Iterable[str], shapes: Mapping[str, Shape]) -> list[_Module]:
    """Group other tensors by module."""
    modules: dict[str, _Module] = {}
    for name in names:
        prefix, _, kind = name.rpartition(".")
        axes = len(shapes[name])
        if not (kind == "weight" and axes in (1, 2)) and not (kind == "bias" and axes == 1):
            raise _unsupported("it has other tensors", [name])
        modules.setdefault(prefix, _Module(prefix)).shapes[kind] = shapes[name]
    return [*modules.values()]


def _norm_sources(norms: list[_Module], sizes: _Sizes) -> dict[str, str]:
    names = [module.tensor("weight") for module in norms]
    if len(norms) > 1:
        raise _unsupported(f"it has {len(norms)} normalizations", names)
    if norms[0].shapes.get("bias") != norms[0].weight:
        raise _unsupported("its normalization has no bias as that of LayerNorm has", names)
    if norms[0].weight != (sizes.hidden,):
        raise _wrong_shape(names[0], norms[0].weight, (sizes.hidden,))
    if sizes.layers > 1:
        raise _unsupported(f"it has a LayerNorm and {sizes.layers} layers", names)
    return {f"layers.0.norm.{name}": norms[0].tensor(kind) for name, kind in NORM_PARAMETERS.items()}


def _head_and_embedding(
    matrices: list[_Module], biases: list[_Module], sizes: _Sizes
) -> tuple[_Module | None, _Module | None, _Module | None]:
    """Return the linear layer, the embedding, and the module that has the bias of the linear layer.

    The linear layer and the embedding are the same module if their weights are tied.
    """
    biased = [module for module in matrices if "bias" in module.shapes]
    heads = biased + biases
    if len(heads) > 1 or len(matrices) > 2:
        names = [
            module.tensor(next(iter(module.shapes))) for module in (heads if len(heads) > 1 else matrices)
        ]
        raise _unsupported(f"it has {len(names)} linear layers or embeddings", names)
    bias = heads[0] if heads else None
    if len(matrices) == 2:
        head = biased[0] if biased else _head_of_two(matrices, sizes)
        return head, next(module for module in matrices if module is not head), bias
    if not matrices:
        return None, None, bias
    only, rows = matrices[0], matrices[0].weight[0]
    is_one_hot = sizes.inputs == rows
    if biases or (not is_one_hot and sizes.inputs == sizes.hidden):
        return only, only, bias  # tied
    if is_one_hot or biased:
        return only, None, bias
    return None, only, None


def _head_of_two(matrices: list[_Module], sizes: _Sizes) -> _Module:
    """Return which of two matrices without a bias is the linear layer."""
    fitting = [
        module
        for module, other in (matrices, matrices[::-1])
        if module.weight[1] == sizes.hidden and other.weight[1] == sizes.inputs
    ]
    if len(fitting) == 2:
        fitting = [module for module in fitting if not EMBEDDING_NAME.search(module.name)]
    if len(fitting) != 1:
        names = [module.tensor("weight") for module in matrices]
        raise _unsupported("neither of two matrices is clearly the linear layer", names)
    return fitting[0]


def _check_vocabulary(
    size: int, head: _Module | None, embedding: _Module | None, bias: _Module | None, sizes: _Sizes
) -> None:
    """Check that the linear layer, the embedding and the input have the same number of symbols."""
    if not size:
        raise ModelFileError("its vocabulary is empty", hint=SUPPORTED)
    if head and head.weight[1] != sizes.hidden:
        raise _wrong_shape(head.tensor("weight"), head.weight, (size, sizes.hidden))
    if embedding and embedding.weight != (size, sizes.inputs):
        raise _wrong_shape(embedding.tensor("weight"), embedding.weight, (size, sizes.inputs))
    if bias and bias.shapes["bias"] != (size,):
        raise _wrong_shape(bias.tensor("bias"), bias.shapes["bias"], (size,))
    if not embedding and sizes.inputs != size:
        raise ModelFileError(
            f"it has no embedding, its recurrent layer reads {sizes.inputs:,} values, and its output has "
            f"{size:,} symbols",
            hint=SUPPORTED,
        )


def _unsupported(why: str, names: Iterable[str]) -> ModelFileError:
    listed = sorted(names)
    shown = ", ".join(quoted(name[:80]) for name in listed[:MAX_LISTED])
    more = f" and {len(listed) - MAX_LISTED:,} more" if len(listed) > MAX_LISTED else ""
    return ModelFileError(f"{why}: {shown or 'no tensors'}{more}", hint=SUPPORTED)


def _wrong_shape(name: str, shape: Shape, expected: Shape) -> ModelFileError:
    return ModelFileError(
        f"tensor {quoted(name[:80])} has the shape {list(shape)}, where {list(expected)} fits", hint=SUPPORTED
    )
