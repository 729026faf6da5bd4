"""Write the files of an export: one file, or a folder that appears whole.

A folder is written beside its path under a hidden name, then renamed.  To replace a former export, that one
is renamed first: for a moment neither has the name, and both are whole.  What a killed export leaves, the
next one to the same path removes, after it has given a former export its name back.

A license that was added to a folder stays when the folder is replaced.
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
FORCE_HINT = "choose another -o: --force replaces only a previous export of the same format"
LICENSES = ("LICENSE", "LICENSE.md", "LICENSE.txt")
"""The files that may be added to an exported folder: `--force` keeps them."""
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
            raise UsageError(f"{quoted(path)} exists and is {_kind(path)}", hint="choose another -o")
        if exists and not force and not (is_folder and not any(path.iterdir())):
            raise UsageError(
                f"{quoted(path)} already exists", hint="add --force to replace it, or choose another -o"
            )
        if exists and is_folder and any(path.iterdir()) and not os.access(path, os.W_OK | os.X_OK):
            raise CharseqError(
                f"cannot replace {quoted(path)}: the folder is read-only, so its files cannot be removed",
                hint="make it writable, or choose another -o",
            )
    except OSError as error:
        raise _cannot_write(path, error) from error


def _kind(path: Path) -> str:
    """Return what an existing path is that no export can replace."""
    if path.is_symlink():
        return "a symbolic link"
    if path.name in ("", ".."):
        return "the current folder" if path == Path() else "a folder that contains the current one"
    return "a folder" if path.is_dir() else "a file" if path.is_file() else "a special file"


def write(path: Path, files: Mapping[str, bytes], *, is_folder: bool, force: bool) -> tuple[str, ...]:
    """Write an export; a former one is replaced only if all of it can be written.

    Returns sentences about what is left of a former export, if anything.  Raises UsageError as `require_free`
    does, and for anything but a former export; CharseqError if writing fails.
    """
    require_free(path, is_folder=is_folder, force=force)
    try:
        if is_folder:
            _require_former_export(path, files)
            return _write_folder(path, files)
        _require_page(path)
        (data,) = files.values()
        replace(path, data)
    except OSError as error:
        raise _cannot_write(path, error) from error
    return ()


def _require_former_export(path: Path, files: Collection[str]) -> None:
    """Raise UsageError for a folder that exists, is not empty, and is no export of the same format."""
    names = sorted(each.name for each in path.iterdir()) if path.exists() else []
    names = [name for name in names if not _is_license(path / name)]
    if _is_other_export(names, files):
        raise UsageError(f"{quoted(path)} is an export of another format", hint=FORCE_HINT)
    if others := [name for name in names if name not in files or not (path / name).is_file()]:
        what = "is a run: it has" if LOG in others else "has other files, such as"
        other = LOG if LOG in others else others[0]
        raise UsageError(f"{quoted(path)} {what} {quoted(other)}", hint=FORCE_HINT)
    if missing := [name for name in files if names and name not in names]:
        raise UsageError(f"{quoted(path)} is not an export: it has no {quoted(missing[0])}", hint=FORCE_HINT)


def _is_other_export(names: Collection[str], files: Collection[str]) -> bool:
    """Return whether the names in a folder are those of an export of another format."""
    distinct = {"config.json", "vocabulary.json", "step.onnx"}
    return "README.md" in names and len(distinct & {*names}) == 1 and not distinct & {*names} & {*files}


def _is_license(path: Path) -> bool:
    return path.name in LICENSES and path.is_file() and not path.is_symlink()


def _require_page(path: Path) -> None:
    """Raise UsageError for a file that exists and is no page."""
    if path.exists():
        with path.open("rb") as file:
            if file.read(len(HTML_START)).lower() != HTML_START:
                raise UsageError(f"{quoted(path)} is not an exported page", hint=FORCE_HINT)


def _write_folder(path: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    licenses = [path / name for name in LICENSES if _is_license(path / name)]
    files = {**files, **{license.name: license.read_bytes() for license in licenses}}
    new, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in (NEW, OLD))
    try:
        new.mkdir()
        for name, data in files.items():
            with (new / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(new)
        try:
            if path.exists():
                path.rename(old)
            new.rename(path)
        except BaseException:
            if old.exists() and not os.path.lexists(path):
                old.rename(path)
            raise
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(new)
        if os.path.lexists(path):
            _remove_export(old, files)
    if os.path.lexists(old):
        return (f"the previous export could not be removed: it is left in {quoted(old)}",)
    return ()


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
