"""Replace files atomically."""

import glob
import os
from pathlib import Path

from charseq.errors import CharseqError, quoted
from charseq.system.file_errors import reason, remedy


def replace(path: Path, data: bytes) -> None:
    """Replace the content of a file atomically: a reader sees the old bytes or the new ones.

    Raises CharseqError if the file cannot be written; the old file is then unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CharseqError(f"{quoted(path)} is not a regular file", hint="move it away, or use --out")
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
            leftover.unlink()
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        unchanged = "the previous file is unchanged" if os.path.lexists(path) else ""
        raise CharseqError(
            f"cannot write {quoted(path)}: {reason(error)}",
            hint="; ".join(filter(None, [remedy(error), unchanged])),
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
