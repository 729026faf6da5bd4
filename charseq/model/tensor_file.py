"""The container of a model: safetensors, read a tensor at a time and never trusted.

The header is held against the size of the file before anything is allocated, and nothing is executed.
"""

import contextlib
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError
from charseq.model.atomic_write import replace
from charseq.system.file_errors import reason, remedy

AGAIN = "train it again, or take another copy"
KINDS = {"F32": "<f4", "U64": "<u8", "U8": "|u1"}
"""The types of tensors that there are, as NumPy calls them."""

MOST_AXES = 8

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Entry:
    """What the header says of a tensor: its type and shape, and where its bytes begin and end."""

    kind: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class TensorFile:
    """A file that is open for reading: what its header says, and the tensors on request."""

    path: Path
    size: int
    """Bytes of the file."""
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    _file: BufferedReader
    _first: int
    """Where the first tensor begins in the file."""

    def read(self, name: str, digest: str | None) -> Array:
        """One tensor, verified by its SHA-256.  Raises ModelFileError."""
        entry = self.entries[name]
        data = bytearray(entry.end - entry.start)
        try:
            self._file.seek(self._first + entry.start)
            self._file.readinto(data)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelFileError(
                f"{named(self.path)} is damaged: tensor {name!r} is not what was written", hint=AGAIN
            )
        return np.frombuffer(data, KINDS[entry.kind]).reshape(entry.shape)


@contextlib.contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a file and check its header.  Raises ModelFileError, which says what is wrong with it."""
    with contextlib.ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise ModelFileError(
                    f"{named(path)} is not a file", hint="give a run's folder or a model file"
                )
            file = stack.enter_context(path.open("rb"))
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= size - 8 else b""  # no header is longer than its file
        except FileNotFoundError:
            raise ModelFileError(
                f"there is no model {named(path)}", hint="'charseq runs' lists the trained models"
            ) from None
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        told = _header(path, header)
        metadata = told.pop("__metadata__")
        first = 8 + length
        yield TensorFile(path, size, _entries(path, told, size - first), metadata, file, first)


def save(path: Path, arrays: Mapping[str, Array], metadata: dict[str, str]) -> None:
    """Replace the file at `path` in one step.  Raises CharseqError; what was there is then untouched."""
    from safetensors import numpy as safetensors  # whoever only reads is spared it

    replace(path, safetensors.save(dict(arrays), metadata))


def digest(array: Array) -> str:
    """The SHA-256 of a tensor's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).data if array.size else b"").hexdigest()


def parsed(text: str | bytes) -> Any:
    """JSON without NaN and infinity, in which no name stands twice in an object.  Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def named(path: Path) -> str:
    """A file in a message."""
    return repr(str(path))


def _header(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = parsed(data.decode())
        if not isinstance(header, dict) or not isinstance(header["__metadata__"]["charseq"], str):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ModelFileError(
            f"{named(path)} is not a charseq model, or is damaged",
            hint="name a run's folder, or its model.safetensors",
        ) from None
    return header


def _entries(path: Path, header: Mapping[str, Any], size: int) -> dict[str, Entry]:
    """The tensors of a header, which must fill so many bytes without gaps."""
    try:
        entries = {name: _entry(**told) for name, told in header.items()}
        end = 0
        for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.end)):
            if entry.start != end:
                raise ValueError
            end = entry.end
        if end != size:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise ModelFileError(f"{named(path)} is damaged: its tensors are not whole", hint=AGAIN) from None
    return entries


def _entry(dtype: str, shape: list[int], data_offsets: list[int]) -> Entry:
    start, end = data_offsets
    if len(shape) > MOST_AXES or any(
        type(number) is not int or number < 0 for number in [*shape, start, end]
    ):
        raise ValueError
    if end - start != math.prod(shape) * np.dtype(KINDS[dtype]).itemsize:
        raise ValueError
    return Entry(dtype, tuple(shape), start, end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _unreadable(path: Path, error: OSError | ValueError) -> ModelFileError:
    return ModelFileError(f"cannot read {named(path)}: {reason(error)}", hint=remedy(error))
