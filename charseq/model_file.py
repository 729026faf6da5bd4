"""One model, one file: safetensors with the whole description as JSON in its metadata.

The description holds the network's plan, the vocabulary, what the run knew, a SHA-256 of every tensor and
one of itself, so that a changed bit anywhere is found.  Nothing in a model file is ever executed.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from charseq import __version__
from charseq.atomic import replace
from charseq.cells import cell_named
from charseq.errors import ModelFileError, UsageError
from charseq.held import Digests
from charseq.network import Network, Weights
from charseq.vocabulary import Vocabulary

FORMAT = 1
"""The version of the description; a program refuses a newer one."""

LINES = "lines"
"""The name of the tensor that has their digests."""

Arrays = Mapping[str, npt.NDArray[np.float32]]


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
    charseq: str
    """The version that wrote it."""
    format: int
    digests: Mapping[str, str]
    """SHA-256 of every tensor, by name."""
    shapes: Mapping[str, tuple[int, ...]]
    size: int
    """Bytes of the file."""


def write(path: Path, model: Model) -> None:
    """Replace the file at `path` in one step; whoever reads sees the old model or the new one.

    Raises CharseqError where it cannot be written; an old model is then untouched.
    """
    arrays: dict[str, npt.NDArray[Any]] = {n: np.ascontiguousarray(a) for n, a in model.arrays.items()}
    if model.lines is not None:
        arrays[LINES] = model.lines
    description = {
        "format": FORMAT,
        "charseq": __version__,
        "network": asdict(model.network),
        "vocabulary": asdict(model.vocabulary),
        "learned": model.learned,
        "opening": model.opening,
        "training": dict(model.training),
        "tensors": {name: _tensor_digest(array) for name, array in arrays.items()},
    }
    metadata = {"charseq": _json({**description, "sha256": _digest(description)})}
    replace(path, safetensors.save(arrays, metadata))


def read(path: Path) -> Model:
    """Read and verify a model file.  Raises ModelFileError, which says what is wrong with it."""
    data, size = _contents(path)
    told = _told(path, data, size)
    try:
        arrays = safetensors.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelFileError(f"{_name(path)} is damaged: its tensors are not whole", hint=_AGAIN) from error
    for name, array in arrays.items():
        if told.digests.get(name) != _tensor_digest(array):
            raise ModelFileError(
                f"{_name(path)} is damaged: tensor {name!r} is not what was written", hint=_AGAIN
            )
    lines = arrays.pop(LINES, None)
    if lines is not None and (lines[1:] <= lines[:-1]).any():
        raise ModelFileError(f"{_name(path)} does not fit together: its lines are not sorted", hint=_AGAIN)
    return Model(told.network, told.vocabulary, arrays, told.learned, told.opening, told.training, lines)


def describe(path: Path) -> Description:
    """What a model file says of itself, verified but for its tensors, which are not read.

    Raises ModelFileError, as `read` does.
    """
    data, size = _contents(path, header_only=True)
    return _told(path, data, size)


def _told(path: Path, data: bytes, size: int) -> Description:
    """The description at the beginning of a file of some size."""
    header = _header(path, data, size)
    description = _description(path, header)
    try:
        _require_cell(path, description["network"]["cell_name"])
        told = Description(
            Network(**description["network"]),
            Vocabulary(
                **{**description["vocabulary"], "symbols": tuple(description["vocabulary"]["symbols"])}
            ),
            tuple(map(str, description["learned"])),
            str(description["opening"]),
            dict(description["training"]),
            str(description["charseq"]),
            description["format"],
            dict(description["tensors"]),
            {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"},
            size,
        )
        _check_plan(told.network, told.vocabulary, header)
    except ModelFileError:
        raise
    except UsageError as error:
        raise ModelFileError(f"{_name(path)} does not fit together: {error.message}", hint=_AGAIN) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{_name(path)} is incomplete: {error}", hint=_AGAIN) from error
    return told


_AGAIN = "train it again, or take another copy"


def _contents(path: Path, *, header_only: bool = False) -> tuple[bytes, int]:
    """The bytes of a file, or those up to its tensors, and how many it has in all."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelFileError(f"{_name(path)} is not a file", hint="give a run's folder or a model file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(8)
            rest = int.from_bytes(data, "little") if header_only else -1
            if rest > size:  # no header is longer than its file; it is told as damaged
                rest = 0
            return data + file.read(rest), size
    except FileNotFoundError:
        raise ModelFileError(f"there is no model {_name(path)}", hint="charseq train makes one") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"cannot read {_name(path)}: {reason}", hint="check its permissions") from None


def _header(path: Path, data: bytes, size: int) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 or length > size - 8:
            raise ValueError
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_unique)
        if not isinstance(header, dict) or not isinstance(header["__metadata__"]["charseq"], str):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelFileError(
            f"{_name(path)} is not a charseq model, or a damaged one",
            hint="give the model.safetensors of a run; nothing else is opened",
        ) from None
    return header


def _description(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    try:
        description = json.loads(header["__metadata__"]["charseq"], object_pairs_hook=_unique)
        claimed = description.pop("sha256")
        version = description["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelFileError(f"{_name(path)} is damaged: its description is broken", hint=_AGAIN) from None
    if not isinstance(version, int) or version > FORMAT:
        raise ModelFileError(
            f"{_name(path)} has format {version!r}; this charseq ({__version__}) reads up to {FORMAT}",
            hint=f"install charseq {description.get('charseq', '')} or later",
        )
    written = _json({**description, "sha256": _digest(description)})
    if claimed != _digest(description) or header["__metadata__"]["charseq"] != written:
        raise ModelFileError(f"{_name(path)} is damaged: its description was changed", hint=_AGAIN)
    return description  # type: ignore[no-any-return]


def _require_cell(path: Path, name: object) -> None:
    try:
        cell_named(str(name))
    except UsageError as error:
        raise ModelFileError(
            f"{_name(path)} cannot be used here: {error.message}",
            hint="install the package that brings this cell",
        ) from error


def _check_plan(network: Network, vocabulary: Vocabulary, header: Mapping[str, Any]) -> None:
    """Hold the plan against the tensors that are there, before anything of their size is made."""
    sizes = (network.vocabulary_size, network.hidden_size, network.layers, network.embedding_size)
    if any(type(size) is not int for size in sizes) or min(*sizes[:3], sizes[3] + 1) < 1:
        raise ValueError(f"sizes {sizes}")
    if len(vocabulary) != network.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} symbols for a vocabulary of {network.vocabulary_size}")
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if network.layers > len(tensors):
        raise ValueError(f"{network.layers} layers in {len(tensors)} tensors")
    lines = tensors.pop(LINES, None)
    if lines is not None and (lines["dtype"] != "U64" or len(lines["shape"]) != 1 or not vocabulary.boundary):
        raise ValueError(f"tensor {LINES} is {lines['dtype']} {lines['shape']}")
    slots = network.slots()
    if slots.keys() != tensors.keys():
        raise ValueError(f"tensors missing or extra: {sorted(slots.keys() ^ tensors.keys())[:3]}")
    for name, slot in slots.items():
        if tensors[name]["shape"] != list(slot.shape) or tensors[name]["dtype"] != "F32":
            raise ValueError(f"tensor {name} is {tensors[name]['dtype']} {tensors[name]['shape']}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused where a name stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(description: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json(description).encode()).hexdigest()


def _tensor_digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def _name(path: Path) -> str:
    return repr(str(path))
