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
from collections.abc import Iterator, Mapping
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

OTHER_DTYPES = {
    **DTYPES,
    "F64": "<f8",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "BOOL": "|b1",
    "F8_E4M3": "|u1",
    "F8_E5M2": "|u1",
}
"""The tensor types in files of other programs; those that NumPy lacks, as unsigned integers of their size."""

MAX_AXES = 8
EXPORT_CONFIG = "config.json"
"""The file that an exported model has beside its tensors."""
TORCH_VOCABULARY = "vocabulary.json"
"""The file that a model exported for PyTorch has beside its tensors."""

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
        array = self.read_unverified(name)
        if hashlib.sha256(array.data if array.size else b"").hexdigest() != digest:
            raise ModelFileError(
                f"{quoted(self.path)} is damaged: tensor '{name}' does not match its SHA-256",
                hint=DAMAGED_HINT,
            )
        return array

    def read_unverified(self, name: str) -> Array:
        """Read a tensor of a file without SHA-256.  Raises ModelFileError."""
        entry = self.entries[name]
        data = bytearray(entry.end - entry.start)
        try:
            self._file.seek(self._data_start + entry.start)
            count = self._file.readinto(data)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        if count < len(data):
            raise ModelFileError(f"{quoted(self.path)} became shorter while it was read", hint=DAMAGED_HINT)
        return np.frombuffer(data, OTHER_DTYPES[entry.kind]).reshape(entry.shape)


@contextlib.contextmanager
def open_tensors(path: Path, *, described: bool = True) -> Iterator[TensorFile]:
    """Open a file and check its header.  Raises ModelFileError.

    A file that is not `described` is of another program: it has no description of charseq, may have no
    metadata, and its tensors may have any type.
    """
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
        yield _checked(path, file, size, data, described=described)


def parse_tensors(path: Path, data: bytes) -> TensorFile:
    """Return the content of a file that is not described, as `open_tensors` does; `path` is for messages."""
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length] if length <= len(data) - 8 else b""
    return _checked(path, io.BytesIO(data), len(data), header, described=False)


def _checked(
    path: Path, file: io.BufferedReader | io.BytesIO, size: int, data: bytes, *, described: bool
) -> TensorFile:
    """Return an open file of `size` bytes, after checking its header `data`."""
    header = _parse_header(path, data) if described else _parse_other_header(path, data)
    metadata = header.pop("__metadata__", {})
    data_start = 8 + len(data)
    entries = _parse_entries(path, header, size - data_start, DTYPES if described else OTHER_DTYPES)
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


def _parse_header(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = _parse_other_header(path, data)
    except ModelFileError:
        header = {}
    if not isinstance(header.get("__metadata__", {}).get("charseq"), str):
        raise _no_model(path, header)
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
    if header and (path.parent / TORCH_VOCABULARY).is_file():
        hint = f"if 'charseq export' wrote it, run 'charseq import {shlex.quote(str(path.parent))}' first"
    elif header:
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


def _parse_other_header(path: Path, data: bytes) -> dict[str, Any]:
    try:
        header = parse_json(data.decode())
        if not isinstance(header, dict):
            raise ValueError
        metadata = header.get("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError
    except ValueError:
        raise ModelFileError(
            f"{quoted(path)} is not a safetensors file, or is damaged",
            hint="save the state_dict with safetensors.torch.save_file; pickles are never opened",
        ) from None
    return header


def _parse_entries(
    path: Path, header: Mapping[str, Any], size: int, dtypes: Mapping[str, str]
) -> dict[str, Entry]:
    """Return the entries of a header; the tensors must fill `size` bytes without gaps."""
    try:
        entries = {name: _parse_entry(dtypes, **values) for name, values in header.items()}
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


def _parse_entry(dtypes: Mapping[str, str], dtype: str, shape: list[int], data_offsets: list[int]) -> Entry:
    start, end = data_offsets
    if len(shape) > MAX_AXES or any(type(number) is not int or number < 0 for number in [*shape, start, end]):
        raise ValueError
    if end - start != math.prod(shape) * np.dtype(dtypes[dtype]).itemsize:
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
