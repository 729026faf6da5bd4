"""Write the files of an export: one file, or a folder that appears whole."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from charseq.errors import CharseqError, UsageError, quoted
from charseq.model.atomic_write import replace, sync_folder
from charseq.system.file_errors import reason, remedy


def require_free(path: Path, *, is_folder: bool, force: bool) -> None:
    """Raise UsageError for a path that cannot be written, or that exists, unless `force`."""
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {quoted(path.parent)} to write {quoted(path.name)} to",
            hint="create it, or choose another -o",
        )
    if path.is_symlink() or (os.path.lexists(path) and path.is_dir() != is_folder):
        kind = "folder" if is_folder else "regular file"
        raise UsageError(f"{quoted(path)} exists and is not a {kind}", hint="choose another -o")
    if os.path.lexists(path) and not force:
        raise UsageError(
            f"{quoted(path)} already exists", hint="add --force to replace it, or choose another -o"
        )


def write(path: Path, files: Mapping[str, bytes], *, is_folder: bool, force: bool) -> None:
    """Write an export; an existing one is replaced only if all of it can be written.

    A folder is replaced only if it has no other files than those of an export.  Raises UsageError as
    `require_free` does, and CharseqError if writing fails.
    """
    require_free(path, is_folder=is_folder, force=force)
    if not is_folder:
        (data,) = files.values()
        replace(path, data)
        return
    if path.exists() and (others := sorted(each.name for each in path.iterdir() if each.name not in files)):
        raise UsageError(
            f"{quoted(path)} has other files, such as {quoted(others[0])}", hint="choose another -o"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_folder(temporary, files)
        if path.exists():
            for name in files:
                (temporary / name).replace(path / name)
            temporary.rmdir()
        else:
            temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise CharseqError(f"cannot write {quoted(path)}: {reason(error)}", hint=remedy(error)) from error
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary)


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, data in files.items():
        with (folder / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)
