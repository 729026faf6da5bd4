"""Read a state_dict of PyTorch in safetensors: a network that was trained elsewhere, or an exported one.

The names of an exported network are those that its vocabulary.json describes; any other network is recognized
by the names and shapes of its tensors.  Nothing is executed, and pickles are never opened.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from charseq.errors import ModelFileError, UsageError, quoted
from charseq.export.torch_names import torch_names
from charseq.export.torch_predict import MODEL, VOCABULARY
from charseq.export.torch_recognition import Recognized, recognize
from charseq.export.vocabulary_reader import VocabularyFile, read_vocabulary
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import Floats
from charseq.model.tensor_file import Entry, TensorFile, open_tensors
from charseq.text.vocabulary import Vocabulary

FLOAT_KINDS = ("F32", "F16", "BF16", "F64")
"""The types of tensors that are read; others than the first are converted to it."""
OPENINGS = ("\n", " ")
"""The symbols that a text begins with where the vocabulary file does not have it; the first known one."""
DAMAGED_HINT = "save the state_dict again, or use another copy"


class StateDict(NamedTuple):
    """A model of a state_dict, and sentences about how it was read."""

    model: Model
    notes: tuple[str, ...]


def read(path: Path, vocabulary: Path | None = None, *, cell: str | None = None) -> Model:
    """Return the model of `read_state_dict`."""
    return read_state_dict(path, vocabulary, cell=cell).model


def read_state_dict(path: Path, vocabulary: Path | None = None, *, cell: str | None = None) -> StateDict:
    """Read a .safetensors file, or that of an exported folder, and a vocabulary file.

    Without a `vocabulary`, it is vocabulary.json beside the tensors.  `cell` tells rnn-relu from rnn.  Raises
    ModelFileError, and UsageError without a vocabulary or for a cell that the tensors are not of.
    """
    path = path / MODEL if path.is_dir() else path
    beside = path.with_name(VOCABULARY)
    if vocabulary is None and not beside.is_file():
        raise UsageError(
            f"{quoted(path)} has weights, and no vocabulary", hint="name a file with the symbols by id"
        )
    with open_tensors(path, described=False) as file:
        symbols = read_vocabulary(vocabulary or beside)
        try:
            described = _described(symbols, file.entries)
            shapes = {name: entry.shape for name, entry in file.entries.items()}
            network, sources = described or recognize(shapes, cell)
            if cell not in (None, network.cell_name):
                raise UsageError(
                    f"{quoted(path)} is a network of the cell {network.cell_name}, not {quoted(cell)}",
                    hint="omit --cell",
                )
            symbols = symbols.of_size(network.vocabulary_size)
            _check_entries(network, sources, file.entries)
            arrays = {name: _array(file, source) for name, source in sources.items()}
            network = _with_shared_weights(network, arrays)
            notes = (*_notes(file, network, sources, is_described=described is not None, cell=cell),)
            return StateDict(_model(network, arrays, symbols, is_described=described is not None), notes)
        except ModelFileError as error:
            raise ModelFileError(
                f"{quoted(path)} cannot be used: {error.message}", hint=error.hint
            ) from error


def _described(symbols: VocabularyFile, entries: Mapping[str, Entry]) -> Recognized | None:
    """Return the network that charseq described, if the tensors have its names."""
    network = symbols.network
    if network is None or network.layers > len(entries):
        return None
    sources = torch_names(network)
    if network.tie_weights:
        sources["head.W"] = "head.weight"
        shared = ("embedding.W", "head.W")
        present = {sources[name] for name in shared} & entries.keys()
        if len(present) == 1:  # safetensors.torch.save_model saves a shared matrix once
            sources |= dict.fromkeys(shared, present.pop())
    return Recognized(network, sources) if {*sources.values()} == entries.keys() else None


def _check_entries(network: Network, sources: Mapping[str, str], entries: Mapping[str, Entry]) -> None:
    """Check types and shapes of the tensors before they are read.  Raises ModelFileError."""
    specs = network.parameter_specs()
    for name, source in sources.items():
        entry, shape = entries[source], specs["embedding.W" if name not in specs else name].shape
        if entry.kind not in FLOAT_KINDS:
            raise ModelFileError(
                f"tensor {quoted(source)} has the type {entry.kind}",
                hint="save the state_dict as float32: quantized weights cannot be read",
            )
        if entry.shape != shape:
            raise ModelFileError(
                f"tensor {quoted(source)} has the shape {list(entry.shape)}, where {list(shape)} fits",
                hint=DAMAGED_HINT,
            )


def _array(file: TensorFile, name: str) -> Floats:
    """Return a tensor as float32.  Raises ModelFileError for a value that is NaN or infinite."""
    array = file.read_unverified(name)
    if file.entries[name].kind == "BF16":  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        floats: Floats = array.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise ModelFileError(
            f"tensor {quoted(name)} has a value that is NaN or infinite", hint="use an earlier checkpoint"
        )
    return floats


def _with_shared_weights(network: Network, arrays: dict[str, Floats]) -> Network:
    """Return the network with tied weights if the embedding and the head are equal, else without.

    Adds biases that the state_dict lacks, as zeros, to `arrays`.
    """
    head, embedding = arrays.get("head.W"), arrays.get("embedding.W")
    if head is not None and embedding is not None:
        is_tied = np.array_equal(head, embedding)
        network = replace(network, tie_weights=is_tied)
        if is_tied:
            del arrays["head.W"]
    for name, spec in network.parameter_specs().items():
        if name not in arrays:
            arrays[name] = np.zeros(spec.shape, np.float32)
    return network


def _model(
    network: Network, arrays: Mapping[str, Floats], symbols: VocabularyFile, *, is_described: bool
) -> Model:
    """Return the model; the boundary is moved to the front of its vocabulary.  Raises ModelFileError."""
    vocabulary, order = symbols.vocabulary(), symbols.order()
    if order != [*range(len(order))]:
        arrays = _reordered(network, arrays, order)
    opening = symbols.opening
    if opening is None:
        opening = _opening(vocabulary)
    memorized = symbols.memorized if is_described else ()
    try:
        for text in (*memorized, opening):
            vocabulary.encode(text)
    except UsageError as error:
        raise ModelFileError(error.message, hint="use the vocabulary file of the export") from error
    if memorized and vocabulary.boundary:
        raise ModelFileError("a model of lines has memorized strings", hint=DAMAGED_HINT)
    return Model(
        network,
        vocabulary,
        {name: np.ascontiguousarray(arrays[name]) for name in network.parameter_specs()},
        memorized,
        opening,
        {"settings": dict(symbols.settings)} if is_described else {},
        label_counts=symbols.label_counts,
    )


def _reordered(network: Network, arrays: Mapping[str, Floats], order: list[int]) -> dict[str, Floats]:
    """Return the arrays of a vocabulary in another order."""
    if network.head == "none":
        raise ModelFileError(
            "its output is the logits, so the boundary must be the first symbol",
            hint="train it with the boundary as the first symbol",
        )
    reordered = dict(arrays)
    for name in ("embedding.W", "head.W", "head.b"):
        if name in arrays:
            reordered[name] = arrays[name][order]
    if not network.embedding_size:
        reordered["layers.0.W_x"] = arrays["layers.0.W_x"][:, order]
    return reordered


def _opening(vocabulary: Vocabulary) -> str:
    """Return the symbol that a text begins with, if the model does not say so."""
    if vocabulary.boundary:
        return ""
    return next((symbol for symbol in OPENINGS if symbol in vocabulary.symbols), vocabulary.symbols[0])


def _notes(
    file: TensorFile, network: Network, sources: Mapping[str, str], *, is_described: bool, cell: str | None
) -> Iterator[str]:
    kinds = {file.entries[source].kind for source in sources.values()}
    for kind in FLOAT_KINDS[1:]:
        if kind in kinds:
            yield f"tensors of type {kind} were converted to float32"
    if is_described:
        return
    if network.cell_name == "rnn" and cell is None:
        yield "read as rnn, with tanh; for relu, use --cell rnn-relu"
    if network.tie_weights and "head.W" in sources:
        yield "the embedding and the linear layer are equal, and were read as tied weights"
    if network.layer_norm:
        yield f"{quoted(sources['layers.0.norm.gain'])} was read as a LayerNorm before the linear layer"
