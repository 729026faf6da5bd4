"""Folders as sources of text: every text file below them."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from charseq.errors import TextError, quoted
from charseq.system.file_errors import reason, remedy
from charseq.text.file_types import file_type, is_export_file
from charseq.text.units import Unit
from charseq.text.utf8 import SAMPLE_BYTES, bom_encoding, unmarked_encoding

RUN_FILES = (b'{"event": "start", "schema": ', b'{"line": 2, "passes": ')
"""How the log and the times of a run begin: they are no text to learn."""


def text_files(
    folder: str, unit: Unit, report: Callable[[str], None], *, has_nuls: bool = False
) -> list[str]:
    """Return the names of all text files below a folder, in the order of the bytes of their paths.

    Hidden and empty files, links to folders, and what is no regular file are left out.  So are binary files
    and the files of runs and of exported models, which are reported, unless the unit is byte.  Files with
    NUL bytes are binary unless text `has_nuls`, as in UTF-16.  Raises TextError if there is no text file, or
    if a folder or file cannot be read.
    """
    names = sorted(_regular_files(folder), key=os.fsencode)
    kinds = {} if unit == "byte" else {name: kind for name in names if (kind := _binary_type(name, has_nuls))}
    texts = [name for name in names if name not in kinds]
    if kinds:
        first, kind = next(iter(kinds.items()))
        count = f"{len(kinds):,} files" if len(kinds) > 1 else "1 file"
        others = "" if len(kinds) == 1 else ", the first of them,"
        are = "is" if len(kinds) == 1 else "are"
        report(f"{count} in {quoted(folder)} {are} left out: {quoted(first)}{others} is {kind}")
    if not texts:
        raise TextError(
            f"the folder {quoted(folder)} has no text file",
            hint="name a folder with text files; hidden, empty and binary files are left out",
        )
    return texts


class ReopenedFile:
    """A file that is open only while it is read: a folder may have more files than a process may open."""

    def __init__(self, name: str) -> None:
        self._name, self._position = name, 0
        self._identity = _identity(Path(name).stat())

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, counted from the beginning or (SEEK_END) from the end, and return it."""
        self._position = offset + (self._identity[2] if whence == os.SEEK_END else 0)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes.  Raises TextError if the file has changed since it was listed."""
        with Path(self._name).open("rb") as file:
            if _identity(os.fstat(file.fileno())) != self._identity:
                raise TextError(
                    f"{quoted(self._name)} has changed while it was read",
                    hint="repeat the command once nothing writes to the file",
                )
            file.seek(self._position)
            data = file.read(size)
        self._position += len(data)
        return data


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _regular_files(folder: str) -> Iterator[str]:
    """Yield the names of the regular files below a folder that are neither hidden nor empty."""
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                path = os.path.join(parent, name)  # noqa: PTH118 (keeps the name as it was given)
                if not name.startswith(".") and _has_content(path):
                    yield path
    except OSError as error:
        name = quoted(error.filename or folder)
        raise TextError(f"cannot read {name}: {reason(error)}", hint=remedy(error)) from None


def _raise(error: OSError) -> None:
    raise error


def _has_content(path: str) -> bool:
    """Return whether a path is a regular file that is not empty, or a link to one."""
    try:
        status = os.stat(path)  # noqa: PTH116 (no Path for each of many files)
    except FileNotFoundError:  # a broken link
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0


def _binary_type(name: str, has_nuls: bool) -> str:
    """Return why a file is not text; empty if it may be text, in whatever encoding.  Raises TextError."""
    try:
        with Path(name).open("rb") as file:
            data = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise TextError(f"cannot read {quoted(name)}: {reason(error)}", hint=remedy(error)) from None
    if kind := file_type(data):
        return kind.name
    if data.startswith(RUN_FILES):
        return "a file of a charseq run"
    if is_export_file(data):
        return "a file of an exported charseq model"
    has_nuls = has_nuls or bool(bom_encoding(data) or unmarked_encoding(data))
    return "binary: it has NUL bytes" if 0 in data and not has_nuls else ""
