"""One training at a time in a folder: a lock that its holder's end frees, whatever that end is."""

import contextlib
import os
import time
from pathlib import Path

from charseq.errors import CharseqError

try:
    import fcntl
except ImportError:  # Windows has no such locks; there a folder is not guarded
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
"""Of the file in the folder; it holds the process id of whoever holds the lock."""
TRIES = 20
SECONDS_BETWEEN_TRIES = 0.005
"""Someone may only be asking who holds it, or its holder be about to write who it is."""


class Lock:
    """Held from its making to `release`, or to the end of the process.

    Raises CharseqError where another process holds it, and OSError where it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._taken()

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _taken(self) -> int | None:
        while fcntl:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                if not _locked(file):
                    raise _held(self._path.parent, _holder(file))
                if self._is_at_its_place(file):
                    self._sign(file)
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # whoever held it has just removed it
        return None

    def _sign(self, file: int) -> None:
        """Write who holds the lock; where that fails, leave no lock behind."""
        try:
            os.ftruncate(file, 0)
            os.write(file, b"%d\n" % os.getpid())
        except BaseException:
            with contextlib.suppress(OSError):
                self._path.unlink()
            raise

    def _is_at_its_place(self, file: int) -> bool:
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return False
        mine = os.fstat(file)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


def holder(folder: Path) -> str | None:
    """Who trains in a folder, as "process 123"; None where nobody does, or it cannot be told."""
    if not fcntl:
        return None
    try:
        file = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):  # a ValueError where no path has such characters
        return None
    try:
        return None if _locked(file, tries=1) else _holder(file)
    finally:
        os.close(file)


def require_free(folder: Path) -> None:
    """Refuse a folder in which another process trains.  Raises CharseqError."""
    if by := holder(folder):
        raise _held(folder, by)


def _held(folder: Path, by: str) -> CharseqError:
    return CharseqError(
        f"{str(folder)!r} is being trained in by {by}",
        hint="wait for it, stop it, or choose another folder with --out",
    )


def _locked(file: int, *, tries: int = TRIES) -> bool:
    """Lock an open file, unless another process has."""
    for _ in range(tries):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(SECONDS_BETWEEN_TRIES)
        except OSError:  # a file system without locks, where a folder is not guarded
            return True
        else:
            return True
    return False


def _holder(file: int) -> str:
    for _ in range(TRIES):
        if written := os.pread(file, 20, 0).decode("ascii", "replace").strip():
            return f"process {written}"
        time.sleep(SECONDS_BETWEEN_TRIES)
    return "another process"
