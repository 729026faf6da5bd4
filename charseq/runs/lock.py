"""A lock that lets one process at a time train in a folder; the system releases it when the process ends."""

import contextlib
import os
import time
from pathlib import Path

from charseq.errors import CharseqError, quoted

try:
    import fcntl
except ImportError:  # Windows has no such locks: folders are not locked there
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
"""The name of the lock file; it contains the process id of the holder."""
TRIES = 20
"""Attempts to lock the file or to read its holder: another process may be checking the lock, which takes a
moment, or be about to write its id.
"""
SECONDS_BETWEEN_TRIES = 0.005


class Lock:
    """A lock on a folder, held until `release` or until the process ends.

    Raises CharseqError if another process holds it, OSError if the lock file cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._acquire()

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def _acquire(self) -> int | None:
        while fcntl:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                if not _locked(file):
                    raise _locked_error(self._path.parent, _read_holder(file))
                if self._is_current(file):
                    self._write_holder(file)
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # the previous holder has just removed this file
        return None

    def _write_holder(self, file: int) -> None:
        """Write this process's id into the lock file; on failure, remove the file."""
        try:
            os.ftruncate(file, 0)
            os.write(file, b"%d\n" % os.getpid())
        except BaseException:
            with contextlib.suppress(OSError):
                self._path.unlink()
            raise

    def _is_current(self, file: int) -> bool:
        """Return whether an open file is still the one at the path of the lock."""
        try:
            current = self._path.lstat()
        except FileNotFoundError:
            return False
        opened = os.fstat(file)
        return (current.st_dev, current.st_ino) == (opened.st_dev, opened.st_ino)


def lock_holder(folder: Path) -> str | None:
    """Return the process that trains in a folder, as "process 123"; None if none does or it is unknown."""
    if not fcntl:
        return None
    try:
        file = os.open(folder / NAME, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):  # ValueError: characters that no path can have
        return None
    try:
        return None if _locked(file, tries=1) else _read_holder(file)
    finally:
        os.close(file)


def require_free(folder: Path) -> None:
    """Raise CharseqError if another process trains in a folder."""
    if process := lock_holder(folder):
        raise _locked_error(folder, process)


def _locked_error(folder: Path, process: str) -> CharseqError:
    return CharseqError(
        f"{quoted(folder)} is in use: {process} is training in it",
        hint="wait for it, stop it, or choose another folder with --out",
    )


def _locked(file: int, *, tries: int = TRIES) -> bool:
    """Try to lock an open file; return False if another process has locked it."""
    for _ in range(tries):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(SECONDS_BETWEEN_TRIES)
        except OSError:  # a file system without locks: the folder is not locked
            return True
        else:
            return True
    return False


def _read_holder(file: int) -> str:
    for _ in range(TRIES):
        if number := os.pread(file, 20, 0).decode("ascii", "replace").strip():
            return f"process {number}"
        time.sleep(SECONDS_BETWEEN_TRIES)
    return "another process"
