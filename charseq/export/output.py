"""Write the files of an export: one file, or a folder that appears whole.

A folder is written beside its path under a hidden name, then renamed.  To replace a former export, that one
is renamed first: for a moment neither has the name, and both are whole.  What a killed export leaves, the
next one to the same path removes, after it has given a former export its name back.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from charseq.errors import CharseqError, UsageError, quoted
from charseq.model.atomic_write import replace, sync_folder
from charseq.runs.folder import LOG
from charseq.system.file_errors import reason, remedy

HTML_START = b"<!doctype html>"
"""How a page begins, in any case."""
FORCE_HINT = "choose another -o: --force replaces only a former export"
NEW, OLD = "tmp", "old"
"""The endings of the hidden names: of a new export, and of one that is being replaced."""


def require_free(path: Path, *, is_folder: bool, force: bool) -> None:
    """Raise UsageError for a path that cannot be written, or that exists, unless `force`.

    An empty folder is free.
    """
    if "\0" in str(path):
        raise UsageError(f"{quoted(path)} has characters that no path can have", hint="choose another -o")
    try:
        if not path.parent.is_dir():
            raise UsageError(
                f"there is no folder {quoted(path.parent)} to write {quoted(path.name)} to",
                hint="create it, or choose another -o",
            )
        _restore(path)
        exists = os.path.lexists(path)
        if path.is_symlink() or (exists and path.is_dir() != is_folder) or path.name in ("", ".."):
            kind = "folder of its own" if is_folder else "regular file"
            raise UsageError(f"{quoted(path)} exists and is not a {kind}", hint="choose another -o")
        if exists and not force and not (is_folder and not any(path.iterdir())):
            raise UsageError(
                f"{quoted(path)} already exists", hint="add --force to replace it, or choose another -o"
            )
    except OSError as error:
        raise _cannot_write(path, error) from error


def write(path: Path, files: Mapping[str, bytes], *, is_folder: bool, force: bool) -> None:
    """Write an export; a former one is replaced only if all of it can be written.

    Raises UsageError as `require_free` does, and for anything but a former export; CharseqError if writing
    fails.
    """
    require_free(path, is_folder=is_folder, force=force)
    try:
        if is_folder:
            _require_former_export(path, files)
            _write_folder(path, files)
        else:
            _require_page(path)
            (data,) = files.values()
            replace(path, data)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _require_former_export(path: Path, files: Collection[str]) -> None:
    """Raise UsageError for a folder that exists, is not empty, and is no export of the same format."""
    names = sorted(each.name for each in path.iterdir()) if path.exists() else []
    if others := [name for name in names if name not in files or not (path / name).is_file()]:
        what = "is a run: it has" if LOG in others else "has other files, such as"
        other = LOG if LOG in others else others[0]
        raise UsageError(f"{quoted(path)} {what} {quoted(other)}", hint=FORCE_HINT)
    if missing := [name for name in files if names and name not in names]:
        raise UsageError(f"{quoted(path)} is not an export: it has no {quoted(missing[0])}", hint=FORCE_HINT)


def _require_page(path: Path) -> None:
    """Raise UsageError for a file that exists and is no page."""
    if path.exists():
        with path.open("rb") as file:
            if file.read(len(HTML_START)).lower() != HTML_START:
                raise UsageError(f"{quoted(path)} is not an exported page", hint=FORCE_HINT)


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    new, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in (NEW, OLD))
    try:
        new.mkdir()
        for name, data in files.items():
            with (new / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(new)
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(new)
        _remove_export(old, files)


def _remove_export(folder: Path, files: Collection[str]) -> None:
    """Remove the files of an export, and its folder if nothing else is in it."""
    with contextlib.suppress(OSError):
        if not folder.is_symlink() and folder.is_dir():
            for name in files:
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def _restore(path: Path) -> None:
    """Remove what killed exports to a path have left, after a former export got its name back."""
    for leftover in _leftovers(path, OLD):
        if not os.path.lexists(path):
            leftover.rename(path)
        else:
            _remove_export(leftover, [each.name for each in path.iterdir()] if path.is_dir() else [])
    for leftover in _leftovers(path, NEW):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)


def _leftovers(path: Path, end: str) -> Iterator[Path]:
    pattern = re.compile(rf"\.{re.escape(path.name)}\.\d+\.{end}")
    return (each for each in [*path.parent.iterdir()] if pattern.fullmatch(each.name))


def _cannot_write(path: Path, error: OSError) -> CharseqError:
    return CharseqError(f"cannot write {quoted(path)}: {reason(error)}", hint=remedy(error))
