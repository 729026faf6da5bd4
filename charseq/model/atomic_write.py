"""Files that are replaced in one step."""

import os
from pathlib import Path

from charseq.errors import CharseqError
from charseq.system.file_errors import reason, remedy


def replace(path: Path, data: bytes) -> None:
    """Let a file hold other bytes; whoever reads it finds the old ones or the new ones, whatever happens.

    Raises CharseqError where it cannot be written; what was there is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CharseqError(f"{str(path)!r} is not a regular file", hint="move it away, or use --out")
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):
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
        _sync_folder(path.parent)
    except OSError as error:
        before = "what was there is untouched" if os.path.lexists(path) else ""
        raise CharseqError(
            f"cannot write {str(path)!r}: {reason(error)}",
            hint="; ".join(filter(None, [remedy(error), before])),
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
