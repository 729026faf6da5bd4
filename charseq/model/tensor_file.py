"""The container of a model: a safetensors file, read one tensor at a time and never trusted.

The header is checked against the size of the file before anything is allocated, and nothing is executed.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.errors import ModelFileError, quoted
from charseq.model.atomic_write import replace
from charseq.system.file_errors import reason, remedy
from charseq.text.file_types import is_export_config

DAMAGED_HINT = "train it again, or use another copy"
DTYPES = {"F32": "<f4", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"}
"""The tensor types of safetensors that are accepted, as NumPy dtypes."""

MAX_AXES = 8
EXPORT_CONFIG = "config.json"
"""The file that an exported model has beside its tensors."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Entry:
    """The header's entry for a tensor: type, shape, and byte offsets."""

    kind: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class TensorFile:
    """A file open for reading: its checked header, and tensors on request."""

    path: Path
    size: int
    """The size of the file in bytes."""
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    _file: io.BufferedReader | io.BytesIO
    _data_start: int
    """The file offset that the offsets of tensors count from."""

    def read(self, name: str, digest: str | None) -> Array:
        """Read a tensor and verify its SHA-256.  Raises ModelFileError."""
        entry, data = self.entries[name], self._bytes(name)
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelFileError(
                f"{quoted(self.path)} is damaged: tensor '{name}' does not match its SHA-256",
                hint=DAMAGED_HINT,
            )
        return np.frombuffer(data, DTYPES[entry.kind]).reshape(entry.shape)

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a tensor of a file that has no digests of its own.  Raises ModelFileError."""
        return hashlib.sha256(self._bytes(name)).hexdigest()

    def _bytes(self, name: str) -> bytearray:
        entry = self.entries[name]
        data = bytearray(entry.end - entry.start)
        try:
            self._file.seek(self._data_start + entry.start)
            self._file.readinto(data)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        return data


@contextlib.contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a file and check its header.  Raises ModelFileError."""
    with contextlib.ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise ModelFileError(
                    f"{quoted(path)} is not a file", hint="name a run's folder or a model file"
                )
            file = stack.enter_context(path.open("rb"))
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            data = file.read(length) if length <= size - 8 else b""  # never allocate more than the file has
        except FileNotFoundError:
            raise ModelFileError(
                f"there is no model {quoted(path)}", hint="'charseq runs' lists the trained models"
            ) from None
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        yield _checked(path, file, size, data, _parse_model_header)


def parse_tensors(path: Path, data: bytes) -> TensorFile:
    """Check the header of a file of any program, whose content is in memory.  Raises ModelFileError.

    Its metadata are empty if the file has none.  `path` is what messages name.
    """
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length] if length <= len(data) - 8 else b""
    return _checked(path, io.BytesIO(data), len(data), header, _parse_header)


def _checked(
    path: Path,
    file: io.BufferedReader | io.BytesIO,
    size: int,
    data: bytes,
    parse: Callable[[Path, bytes], dict[str, Any]],
) -> TensorFile:
    """Return an open file of `size` bytes whose header `data` is consistent with its size."""
    header = parse(path, data)
    metadata = header.pop("__metadata__", {})
    data_start = 8 + len(data)
    entries = _parse_entries(path, header, size - data_start)
    return TensorFile(path, size, entries, metadata, file, data_start)


def save(path: Path, arrays: Mapping[str, Array], metadata: dict[str, str]) -> None:
    """Replace a file atomically.  Raises CharseqError; the previous file is then unchanged."""
    from safetensors import numpy as safetensors  # not needed for reading

    replace(path, safetensors.save(dict(arrays), metadata))


def digest(array: Array) -> str:
    """Return the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).data if array.size else b"").hexdigest()


def parse_json(text: str | bytes) -> Any:
    """Parse JSON without NaN, infinity and duplicate keys.  Raises ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _parse_model_header(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = _parse_header(path, data)
    except ModelFileError:
        header = {}
    if not isinstance(header.get("__metadata__", {}).get("charseq"), str):
        raise _no_model(path, header)
    return header


def _parse_header(path: Path, data: bytes) -> dict[str, Any]:
    """Return a header whose metadata, if there are any, are strings by name."""
    try:
        header = parse_json(data.decode())
        if not isinstance(header, dict):
            raise ValueError
        metadata = header.get("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
    except ValueError:
        raise ModelFileError(
            f"{quoted(path)} is not a safetensors file, or is damaged", hint=DAMAGED_HINT
        ) from None
    return header


def _no_model(path: Path, header: Mapping[str, Any]) -> ModelFileError:
    """Return the error for a file that is no charseq model, by its header, which is empty if it has none."""
    hint = "name a run's folder, or its model.safetensors"
    if (header or path.name == EXPORT_CONFIG) and is_exported(path.parent):
        folder = shlex.quote(str(path.parent))
        return ModelFileError(
            f"{quoted(path.parent)} is an exported model, not a run",
            hint=f"run 'charseq import {folder}' on it first, and use the run that it makes",
        )
    if header:
        hint = "import a state_dict of an RNN, LSTM or GRU first: charseq import FILE --vocabulary-file FILE"
    return ModelFileError(f"{quoted(path)} is not a charseq model, or is damaged", hint=hint)


def is_exported(folder: Path) -> bool:
    """Return whether a folder was written by `charseq export --format safetensors`, by its config.json."""
    config = folder / EXPORT_CONFIG
    try:
        if not stat.S_ISREG(config.lstat().st_mode):  # a named pipe would block
            return False
        with config.open("rb") as file:
            return is_export_config(file.read(1 << 12))
    except (OSError, ValueError):
        return False


def _parse_entries(path: Path, header: Mapping[str, Any], size: int) -> dict[str, Entry]:
    """Return the entries of a header; the tensors must fill `size` bytes without gaps."""
    try:
        entries = {name: _parse_entry(**values) for name, values in header.items()}
        end = 0
        for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.end)):
            if entry.start != end:
                raise ValueError
            end = entry.end
        if end != size:
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise ModelFileError(
            f"{quoted(path)} is damaged: its tensors do not match its header", hint=DAMAGED_HINT
        ) from None
    return entries


def _parse_entry(dtype: str, shape: list[int], data_offsets: list[int]) -> Entry:
    start, end = data_offsets
    if len(shape) > MAX_AXES or any(type(number) is not int or number < 0 for number in [*shape, start, end]):
        raise ValueError
    if end - start != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError
    return Entry(dtype, tuple(shape), start, end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("duplicate key")
    return values


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unreadable(path: Path, error: OSError | ValueError) -> ModelFileError:
    return ModelFileError(f"cannot read {quoted(path)}: {reason(error)}", hint=remedy(error))
