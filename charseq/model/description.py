"""The description in a model file: parse the JSON, and check every value before it is used.

The format is documented in `charseq.model.model_file`.  The SHA-256 of the description detects damage, not
manipulation: anyone who edits a description can compute a new one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from charseq._version import __version__
from charseq.cells import cell_named
from charseq.errors import ModelFileError, UsageError, quoted
from charseq.model import ngram_tensors, tensor_file
from charseq.model.json_types import parse_dataclass, parse_object, parse_value
from charseq.model.network import Network
from charseq.model.tensor_file import DAMAGED_HINT, Entry, TensorFile
from charseq.settings.train_settings import TrainSettings
from charseq.text.units import can_segment
from charseq.text.vocabulary import Vocabulary

FORMAT = 5
"""The format version of models with labels or an extended vocabulary.

Newer versions are refused, all older ones can be read.
"""
NGRAM_FORMAT = 4
"""The format version of other models with an n-gram model."""
NETWORK_FORMAT = 3
"""The format version of all other models, and the first whose runs can be resumed."""

TRAINING_FIELDS: Mapping[str, Any] = {
    "settings": dict,
    "epoch": int,
    "passes": float,
    "loss": float | None,
    "accuracy": float | None,
    "validation_loss": float | None,
    "cross_validation_loss": float | None,
    "network_validation_loss": float | None,
    "ngram_validation_loss": float | None,
    "selection_loss": float | None,
    "measured": bool,
    "diverged": bool,
    "imported": Mapping[str, str | None],
}
"""The fields of `training` and their types; all are optional, and others are ignored."""

LINE_DIGESTS = "lines"
"""The name of the tensor that holds the digests of the training lines."""
STATE_PREFIX = "training."
"""The prefix of the tensors that only resuming needs."""


@dataclass(frozen=True)
class Ancestor:
    """A model that another one was trained from."""

    model: str
    """The path of its file, as it was given."""
    sha256: str
    """The SHA-256 of its file, in hex."""


@dataclass(frozen=True)
class Description:
    """The description of a model file, parsed and checked."""

    network: Network
    vocabulary: Vocabulary
    label_counts: tuple[int, ...]
    """The number of training lines of each label of the vocabulary."""
    memorized: tuple[str, ...]
    opening: str
    training: Mapping[str, Any]
    progress: Mapping[str, Any] | None
    """The progress of the run that wrote the file; None if it cannot be resumed."""
    charseq: str
    """The version of charseq that wrote the file."""
    format: int
    digests: Mapping[str, str]
    """The SHA-256 of every tensor, by name."""
    shapes: Mapping[str, tuple[int, ...]]
    size: int
    """The size of the file in bytes."""
    ngram_bytes: int
    """The size of the n-gram model and its gate in the file; 0 without one."""
    lineage: tuple[Ancestor, ...] = ()
    """The models that it was trained from, nearest first."""


def signed_json(description: Mapping[str, Any]) -> str:
    """Return a description as JSON, including its SHA-256."""
    return _json({**description, "sha256": _digest(description)})


def read_description(file: TensorFile) -> Description:
    """Return the checked description of a file.  Raises ModelFileError."""
    return parse_description(file, _verified_json(file))


def parse_description(file: TensorFile, values: Mapping[str, Any]) -> Description:
    """Return the description of a file's tensors, of JSON values in the layout of a model file, checked.

    Raises ModelFileError.
    """
    name = quoted(file.path)
    try:
        network = parse_object(values["network"], "network")
        _require_cell(file.path, network["cell_name"])
        progress = values["place"] if values["format"] > 1 else None
        training = parse_object(values["training"], "training")
        _check_settings(training.get("settings", {}))
        description = Description(
            network=parse_dataclass(Network, network),
            vocabulary=parse_dataclass(Vocabulary, values["vocabulary"]),
            label_counts=parse_value(values.get("label_counts", []), tuple[int, ...], "label_counts"),
            memorized=parse_value(values["learned"], tuple[str, ...], "learned"),
            opening=parse_value(values["opening"], str, "opening"),
            training={
                field: parse_value(training[field], kind, field)
                for field, kind in TRAINING_FIELDS.items()
                if field in training
            },
            progress=None if progress is None else parse_object(progress, "place"),
            charseq=parse_value(values["charseq"], str, "charseq"),
            format=values["format"],
            digests=parse_object(values["tensors"], "tensors"),
            shapes={name: entry.shape for name, entry in file.entries.items()},
            size=file.size,
            ngram_bytes=sum(
                entry.end - entry.start
                for name, entry in file.entries.items()
                if name.startswith(ngram_tensors.PREFIX)
            ),
            lineage=tuple(parse_dataclass(Ancestor, a) for a in _list(values.get("lineage", []), "lineage")),
        )
        _check_labels(description)
        _check_tensors(description, file.entries)
        _check_texts(description)
    except ModelFileError:
        raise
    except UsageError as error:
        raise ModelFileError(f"{name} is inconsistent: {error.message}", hint=DAMAGED_HINT) from error
    except KeyError as error:
        raise ModelFileError(f"{name} is incomplete: {error} is missing", hint=DAMAGED_HINT) from error
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{name} is inconsistent: {error}", hint=DAMAGED_HINT) from error
    return description


def _verified_json(file: TensorFile) -> dict[str, Any]:
    """Return the JSON object of a description after checking its version and its SHA-256."""
    name, text = quoted(file.path), file.metadata["charseq"]
    try:
        values = tensor_file.parse_json(text)
        claimed = values.pop("sha256")
        version = values["format"]
        digest = _digest(values)
        canonical = _json({**values, "sha256": digest})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(f"{name} is damaged: its description is invalid", hint=DAMAGED_HINT) from None
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise ModelFileError(
            f"{name} has format {version!r}; this charseq ({__version__}) reads formats up to {FORMAT}",
            hint=f"install charseq {values.get('charseq', '')} or later",
        )
    if claimed != digest or text != canonical:
        raise ModelFileError(
            f"{name} is damaged: its description does not match its SHA-256", hint=DAMAGED_HINT
        )
    return values  # type: ignore[no-any-return]


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return value


def _require_cell(path: Path, name: object) -> None:
    try:
        cell_named(str(name))
    except UsageError as error:
        raise ModelFileError(
            f"{quoted(path)} cannot be used here: {error.message}",
            hint="install the package that provides this cell",
        ) from error


def _check_tensors(description: Description, entries: Mapping[str, Entry]) -> None:
    """Check names, shapes and types of the tensors before anything of their size is allocated."""
    network, vocabulary = description.network, description.vocabulary
    sizes = (network.vocabulary_size, network.hidden_size, network.layers, network.embedding_size)
    if min(*sizes[:3], sizes[3] + 1) < 1:
        raise ValueError(f"sizes {sizes}")
    if len(vocabulary) != network.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} symbols for a vocabulary of {network.vocabulary_size}")
    if description.digests.keys() != entries.keys():
        raise ValueError("its tensors are not those of its description")
    resumable = description.progress is not None
    tensors = {n: entry for n, entry in entries.items() if not (resumable and n.startswith(STATE_PREFIX))}
    if network.layers > len(tensors):
        raise ValueError(f"{network.layers} layers in {len(tensors)} tensors")
    lines = tensors.pop(LINE_DIGESTS, None)
    if lines is not None and (lines.kind != "U64" or len(lines.shape) != 1 or not vocabulary.boundary):
        raise ValueError(f"tensor {LINE_DIGESTS} is {lines.kind} {lines.shape}")
    ngram = {n: (e.kind, e.shape) for n, e in tensors.items() if n.startswith(ngram_tensors.PREFIX)}
    if description.format == NGRAM_FORMAT or (ngram and description.format > NGRAM_FORMAT):
        ngram_tensors.check_entries(ngram, network.hidden_size)
        tensors = {n: entry for n, entry in tensors.items() if n not in ngram}
    specs = network.parameter_specs()
    if specs.keys() != tensors.keys():
        raise ValueError(f"tensors missing or extra: {sorted(specs.keys() ^ tensors.keys())[:3]}")
    for name, spec in specs.items():
        if tensors[name].shape != spec.shape or tensors[name].kind != "F32":
            raise ValueError(f"tensor {name} is {tensors[name].kind} {tensors[name].shape}")


def _check_labels(description: Description) -> None:
    labels, counts = description.vocabulary.labels, description.label_counts
    if len(counts) != len(labels) or any(count < 0 for count in counts):
        raise ValueError(f"{len(counts)} counts of {len(labels)} labels")


def _check_settings(settings: Any) -> None:
    """Check types and ranges of the run's settings; settings of a newer charseq are ignored."""
    known = {field.name for field in fields(TrainSettings)}
    values = parse_object(settings, "settings")
    checked = parse_dataclass(TrainSettings, {name: value for name, value in values.items() if name in known})
    if checked.stride > checked.sequence_length:
        raise ValueError(f"a stride of {checked.stride} in windows of {checked.sequence_length}")


def _check_texts(description: Description) -> None:
    """Check that the vocabulary has all symbols of the memorized strings and of the opening."""
    vocabulary = description.vocabulary
    if description.memorized and vocabulary.boundary:
        raise ValueError("a model of lines has memorized strings")
    if can_segment(vocabulary.unit):
        for text in (*description.memorized, description.opening):
            vocabulary.encode(text)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(description: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(description).encode()).hexdigest()
