"""What a model file says of itself: read, held together, and held against the types that it promises.

The description is JSON, signed by its own SHA-256.  Whoever edits it can sign it again, so nothing in it is
used before it was checked.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from charseq._version import __version__
from charseq.cells import cell_named
from charseq.errors import ModelFileError, UsageError
from charseq.model import tensor_file
from charseq.model.json_types import parse_dataclass, parse_object, parse_value
from charseq.model.network import Network
from charseq.model.tensor_file import AGAIN, Entry, TensorFile, named
from charseq.settings.train_settings import TrainSettings
from charseq.text.units import can_segment
from charseq.text.vocabulary import Vocabulary

FORMAT = 3
"""The version of the description; a program refuses a newer one, and reads every older one.

2 keeps, beside the model, what a run needs to be resumed.  3 does so for runs that hold out text spread over
the whole; a run of format 2 read its text in other batches, and cannot be resumed.
"""

TRAINING_FIELDS: Mapping[str, Any] = {
    "settings": dict,
    "epoch": int,
    "passes": float,
    "loss": float | None,
    "accuracy": float | None,
    "validation_loss": float | None,
    "selection_loss": float | None,
    "measured": bool,
    "diverged": bool,
}
"""The types of what `training` may hold; any of it may be missing, and more is left out."""

LINE_DIGESTS = "lines"
"""The name of the tensor that has their digests."""
STATE_PREFIX = "training."
"""What the names of tensors begin with that only a run needs to go on."""


@dataclass(frozen=True)
class Description:
    """What a model file says of itself."""

    network: Network
    vocabulary: Vocabulary
    memorized: tuple[str, ...]
    opening: str
    training: Mapping[str, Any]
    progress: Mapping[str, Any] | None
    """Where the run was that wrote it; None where it cannot go on."""
    charseq: str
    """The version that wrote it."""
    format: int
    digests: Mapping[str, str]
    """SHA-256 of every tensor, by name."""
    shapes: Mapping[str, tuple[int, ...]]
    size: int
    """Bytes of the file."""


def signed_json(description: Mapping[str, Any]) -> str:
    """A description as JSON, with its SHA-256."""
    return _json({**description, "sha256": _digest(description)})


def read_description(file: TensorFile) -> Description:
    """What a file says of itself, held together.  Raises ModelFileError."""
    path = file.path
    description = _description(file)
    try:
        network = parse_object(description["network"], "network")
        _require_cell(path, network["cell_name"])
        place = description["place"] if description["format"] > 1 else None
        training = parse_object(description["training"], "training")
        _check_settings(training.get("settings", {}))
        told = Description(
            parse_dataclass(Network, network),
            parse_dataclass(Vocabulary, description["vocabulary"]),
            parse_value(description["learned"], tuple[str, ...], "learned"),
            parse_value(description["opening"], str, "opening"),
            {
                name: parse_value(training[name], kind, name)
                for name, kind in TRAINING_FIELDS.items()
                if name in training
            },
            None if place is None else parse_object(place, "place"),
            parse_value(description["charseq"], str, "charseq"),
            description["format"],
            parse_object(description["tensors"], "tensors"),
            {name: entry.shape for name, entry in file.entries.items()},
            file.size,
        )
        _check_plan(told, file.entries)
        _check_texts(told)
    except ModelFileError:
        raise
    except UsageError as error:
        raise ModelFileError(f"{named(path)} does not fit together: {error.message}", hint=AGAIN) from error
    except KeyError as error:
        raise ModelFileError(f"{named(path)} is incomplete: it lacks {error}", hint=AGAIN) from error
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{named(path)} does not fit together: {error}", hint=AGAIN) from error
    return told


def _description(file: TensorFile) -> dict[str, Any]:
    path, text = file.path, file.metadata["charseq"]
    try:
        description = tensor_file.parsed(text)
        claimed = description.pop("sha256")
        version = description["format"]
        digest = _digest(description)
        written = _json({**description, "sha256": digest})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(f"{named(path)} is damaged: its description is broken", hint=AGAIN) from None
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise ModelFileError(
            f"{named(path)} has format {version!r}; this charseq ({__version__}) reads up to {FORMAT}",
            hint=f"install charseq {description.get('charseq', '')} or later",
        )
    if claimed != digest or text != written:
        raise ModelFileError(f"{named(path)} is damaged: its description was changed", hint=AGAIN)
    return description  # type: ignore[no-any-return]


def _require_cell(path: Path, name: object) -> None:
    try:
        cell_named(str(name))
    except UsageError as error:
        raise ModelFileError(
            f"{named(path)} cannot be used here: {error.message}",
            hint="install the package that brings this cell",
        ) from error


def _check_plan(told: Description, entries: Mapping[str, Entry]) -> None:
    """Hold the plan against the tensors that are there, before anything of their size is made."""
    network, vocabulary = told.network, told.vocabulary
    sizes = (network.vocabulary_size, network.hidden_size, network.layers, network.embedding_size)
    if min(*sizes[:3], sizes[3] + 1) < 1:
        raise ValueError(f"sizes {sizes}")
    if len(vocabulary) != network.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} symbols for a vocabulary of {network.vocabulary_size}")
    if told.digests.keys() != entries.keys():
        raise ValueError("it has other tensors than it says")
    kept = told.progress is not None
    tensors = {name: e for name, e in entries.items() if not (kept and name.startswith(STATE_PREFIX))}
    if network.layers > len(tensors):
        raise ValueError(f"{network.layers} layers in {len(tensors)} tensors")
    lines = tensors.pop(LINE_DIGESTS, None)
    if lines is not None and (lines.kind != "U64" or len(lines.shape) != 1 or not vocabulary.boundary):
        raise ValueError(f"tensor {LINE_DIGESTS} is {lines.kind} {lines.shape}")
    specs = network.parameter_specs()
    if specs.keys() != tensors.keys():
        raise ValueError(f"tensors missing or extra: {sorted(specs.keys() ^ tensors.keys())[:3]}")
    for name, spec in specs.items():
        if tensors[name].shape != spec.shape or tensors[name].kind != "F32":
            raise ValueError(f"tensor {name} is {tensors[name].kind} {tensors[name].shape}")


def _check_settings(settings: Any) -> None:
    """Hold the settings of the run against their types and ranges; of those of a newer charseq, some."""
    known = {field.name for field in fields(TrainSettings)}
    given = parse_object(settings, "settings")
    checked = parse_dataclass(TrainSettings, {name: value for name, value in given.items() if name in known})
    if checked.stride > checked.sequence_length:
        raise ValueError(f"a stride of {checked.stride} in windows of {checked.sequence_length}")


def _check_texts(told: Description) -> None:
    """Hold the texts that a model begins with and ends at against the symbols that it knows."""
    vocabulary = told.vocabulary
    if told.memorized and vocabulary.boundary:
        raise ValueError("a model of lines has memorized strings")
    if can_segment(vocabulary.unit):
        for text in (*told.memorized, told.opening):
            vocabulary.encode(text)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(description: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(description).encode()).hexdigest()
