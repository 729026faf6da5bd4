"""One model, one file: tensors with the whole description as JSON in the metadata beside them.

The description holds the network's plan, the vocabulary, what the run knew, a SHA-256 of every tensor and
one of itself, so that a changed bit anywhere is found.  Nothing in a model file is ever executed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq import __version__, tensor_file
from charseq.cells import cell_named
from charseq.errors import ModelFileError, UsageError
from charseq.held import Digests
from charseq.json_types import fitting, json_object, typed
from charseq.network import Network, Weights
from charseq.tensor_file import AGAIN, Array, Entry, TensorFile, named
from charseq.units import can_segment
from charseq.vocabulary import Vocabulary

FORMAT = 3
"""The version of the description; a program refuses a newer one, and reads every older one.

2 keeps, beside the model, what a run needs to be resumed.  3 does so for runs that hold out text spread over
the whole; a run of format 2 read its text in other batches, and cannot be resumed.
"""

MEASURES: Mapping[str, Any] = {
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

LINES = "lines"
"""The name of the tensor that has their digests."""
STATE = "training."
"""What the names of tensors begin with that only a run needs to go on."""

Arrays = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class State:
    """What a run needs, beside its model, to go on as if it had never stopped."""

    place: Mapping[str, Any]
    """How far it is, and the text that it learns, as JSON has it."""
    tensors: Mapping[str, Array]
    """Present weights, what the optimizer remembers, generators, carried states, by name."""


@dataclass(frozen=True)
class Model:
    """A trained network with all that is needed to use it."""

    network: Network
    vocabulary: Vocabulary
    arrays: Arrays
    """Parameters by name, float32."""
    learned: tuple[str, ...] = ()
    """The strings, where the text was short and learned whole."""
    opening: str = ""
    """The first symbol of the text."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the run, and the measures of the epoch that was kept."""
    lines: Digests | None = None
    """Of a model of lines, the digests of all that its text held, unless they were too many."""

    @property
    def weights(self) -> Weights:
        """The arrays arranged for use."""
        return self.network.arrange(self.arrays)


@dataclass(frozen=True)
class Description:
    """What a model file says of itself."""

    network: Network
    vocabulary: Vocabulary
    learned: tuple[str, ...]
    opening: str
    training: Mapping[str, Any]
    place: Mapping[str, Any] | None
    """Where the run was that wrote it; None where it cannot go on."""
    charseq: str
    """The version that wrote it."""
    format: int
    digests: Mapping[str, str]
    """SHA-256 of every tensor, by name."""
    shapes: Mapping[str, tuple[int, ...]]
    size: int
    """Bytes of the file."""


def write(path: Path, model: Model, state: State | None = None) -> None:
    """Replace the file at `path` in one step; whoever reads sees the old model or the new one.

    Raises CharseqError where it cannot be written; an old model is then untouched.
    """
    arrays: dict[str, Array] = {n: np.ascontiguousarray(a) for n, a in model.arrays.items()}
    if model.lines is not None:
        arrays[LINES] = model.lines
    if state is not None:
        arrays |= {STATE + name: np.ascontiguousarray(array) for name, array in state.tensors.items()}
    description = {
        "format": FORMAT,
        "charseq": __version__,
        "network": asdict(model.network),
        "vocabulary": asdict(model.vocabulary),
        "learned": model.learned,
        "opening": model.opening,
        "training": dict(model.training),
        "place": None if state is None else dict(state.place),
        "tensors": {name: tensor_file.digest(array) for name, array in arrays.items()},
    }
    tensor_file.save(path, arrays, {"charseq": _json({**description, "sha256": _digest(description)})})


def read(path: Path) -> Model:
    """Read and verify a model.  Raises ModelFileError, which says what is wrong with it."""
    with tensor_file.opened(path) as file:
        return _model(file, _told(file))


def read_state(path: Path) -> tuple[Model, State]:
    """Read and verify a model, and what its run needs to go on.  Raises ModelFileError."""
    with tensor_file.opened(path) as file:
        told = _told(file)
        if told.place is None:
            raise ModelFileError(
                f"{named(path)} holds no run that could go on: it diverged, or is of an earlier charseq",
                hint="train again, without --resume",
            )
        if told.format < FORMAT:
            raise ModelFileError(
                f"{named(path)} was saved by an earlier charseq, which split its text in another way",
                hint="the model can be used as it is; to train further, train again, without --resume",
            )
        names = [name for name in file.entries if name.startswith(STATE)]
        tensors = {name.removeprefix(STATE): file.read(name, told.digests.get(name)) for name in names}
        return _model(file, told), State(told.place, tensors)


def describe(path: Path, *, verify: bool = False) -> Description:
    """What a model file says of itself, verified; without `verify`, its tensors are not read.

    Raises ModelFileError, as `read` does.
    """
    with tensor_file.opened(path) as file:
        told = _told(file)
        for name in file.entries if verify else ():
            file.read(name, told.digests.get(name))
        return told


def _model(file: TensorFile, told: Description) -> Model:
    names = [name for name in file.entries if not name.startswith(STATE)]
    arrays = {name: file.read(name, told.digests.get(name)) for name in names}
    lines = arrays.pop(LINES, None)
    if lines is not None and (lines[1:] <= lines[:-1]).any():
        raise ModelFileError(
            f"{named(file.path)} does not fit together: its lines are not sorted", hint=AGAIN
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                f"{named(file.path)} cannot be used: tensor {name!r} has a number that is NaN or infinite",
                hint=AGAIN,
            )
    return Model(told.network, told.vocabulary, arrays, told.learned, told.opening, told.training, lines)


def _told(file: TensorFile) -> Description:
    """What a file says of itself, held together."""
    path = file.path
    description = _description(file)
    try:
        network = json_object(description["network"], "network")
        _require_cell(path, network["cell_name"])
        place = description["place"] if description["format"] > 1 else None
        training = json_object(description["training"], "training")
        told = Description(
            typed(Network, network),
            typed(Vocabulary, description["vocabulary"]),
            fitting(description["learned"], tuple[str, ...], "learned"),
            fitting(description["opening"], str, "opening"),
            {
                name: fitting(training[name], kind, name)
                for name, kind in MEASURES.items()
                if name in training
            },
            None if place is None else json_object(place, "place"),
            fitting(description["charseq"], str, "charseq"),
            description["format"],
            json_object(description["tensors"], "tensors"),
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
    if any(type(size) is not int for size in sizes) or min(*sizes[:3], sizes[3] + 1) < 1:
        raise ValueError(f"sizes {sizes}")
    if len(vocabulary) != network.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} symbols for a vocabulary of {network.vocabulary_size}")
    if told.digests.keys() != entries.keys():
        raise ValueError("it has other tensors than it says")
    kept = told.place is not None
    tensors = {name: e for name, e in entries.items() if not (kept and name.startswith(STATE))}
    if network.layers > len(tensors):
        raise ValueError(f"{network.layers} layers in {len(tensors)} tensors")
    lines = tensors.pop(LINES, None)
    if lines is not None and (lines.kind != "U64" or len(lines.shape) != 1 or not vocabulary.boundary):
        raise ValueError(f"tensor {LINES} is {lines.kind} {lines.shape}")
    slots = network.slots()
    if slots.keys() != tensors.keys():
        raise ValueError(f"tensors missing or extra: {sorted(slots.keys() ^ tensors.keys())[:3]}")
    for name, slot in slots.items():
        if tensors[name].shape != slot.shape or tensors[name].kind != "F32":
            raise ValueError(f"tensor {name} is {tensors[name].kind} {tensors[name].shape}")


def _check_texts(told: Description) -> None:
    """Hold the texts that a model begins with and ends at against the symbols that it knows."""
    vocabulary = told.vocabulary
    if told.learned and vocabulary.boundary:
        raise ValueError("a model of lines has memorized strings")
    if can_segment(vocabulary.unit):
        for text in (*told.learned, told.opening):
            vocabulary.encode(text)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(description: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(description).encode()).hexdigest()
