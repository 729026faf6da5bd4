"""The folder of runs: each run a folder of its own, numbered, never overwritten."""

import contextlib
import json
import os
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from charseq.errors import CharseqError, UsageError
from charseq.model.atomic_write import replace
from charseq.runs.lock import Lock, require_free
from charseq.runs.numbers import NUMBERED, next_folder, numbered
from charseq.system.file_errors import reason, remedy

MODEL = "model.safetensors"
LOG = "log.ndjson"
PENDING_LOG = ".log.ndjson.new"
"""The log of a run that is to replace an earlier one, until it does."""
COMPARISON = "compare"
"""What the folder of a comparison is called, behind its number."""
NEWEST = "newest"
"""What names the newest run where one has to be named."""


def runs_folder() -> Path:
    """Return `runs/` in the current folder, or what CHARSEQ_RUNS names.

    Raises CharseqError where the current folder was deleted, UsageError where a file has that name.
    """
    folder = Path(os.environ.get("CHARSEQ_RUNS") or "runs")
    if not folder.is_absolute():
        require_current_folder()
    if file := file_in(folder):
        raise UsageError(
            f"{str(file)!r} is a file, and charseq keeps its runs in the folder {str(folder)!r}",
            hint="rename the file, or set CHARSEQ_RUNS to another folder",
        )
    return folder


def require_current_folder() -> None:
    """Raise CharseqError where the current folder was deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise CharseqError(
            "the current folder has been deleted", hint="change to another folder (cd), then try again"
        ) from None


def file_in(path: Path) -> Path | None:
    """Return the part of a path that is not a folder although it exists; None if there is none."""
    parts = (path, *path.parents)
    return next((part for part in parts if os.path.exists(part) and not os.path.isdir(part)), None)  # noqa: PTH110, PTH112 (never raise)


class Run:
    """A run's folder: the model, and the log of every event."""

    def __init__(
        self, folder: Path, lock: Lock, logged: int = 0, *, replaces: bool = False, made: bool = False
    ) -> None:
        """Begin a log; of a resumed run, keep its first `logged` lines except the very first.

        A folder that was `made` for it is removed again if its log cannot be begun.
        """
        self.folder = folder
        self.model = folder / MODEL
        self.replaces = replaces
        """Whether the folder holds the model and the log of an earlier run, which stay until `replaced`."""
        self.lines = 0
        """Of the log, so far."""
        self._lock, self._made = lock, made
        self._unwritable = False
        """Whether the log could not be begun."""
        self._kept = _lines_of(folder / LOG, logged)[1:]
        self._log: TextIO | None = None

    def log(self, record: dict[str, Any]) -> None:
        """Append one event to the log, at once.  Raises CharseqError where it cannot be written."""
        line = json_line(record) + "\n"
        try:
            if self._log is None:
                self._unwritable = True
                path = self.folder / (PENDING_LOG if self.replaces else LOG)
                replace(path, line.encode() + b"".join(self._kept))
                self._log = path.open("a", encoding="utf-8")
                self.lines += len(self._kept)
                self._unwritable = False
            else:
                self._log.write(line)
                self._log.flush()
            self.lines += 1
        except OSError as error:
            raise CharseqError(
                f"cannot write {str(self.folder / LOG)!r}: {reason(error)}", hint=remedy(error)
            ) from error

    def replaced(self) -> None:
        """Let the log take the place of the earlier run's, whose model has just been replaced."""
        if self.replaces:
            self.replaces = False
            with contextlib.suppress(OSError):
                (self.folder / PENDING_LOG).replace(self.folder / LOG)

    def restore(self) -> None:
        """Make the folder again where it was removed while training.  Raises CharseqError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CharseqError(
                f"the run's folder {str(self.folder)!r} is gone and cannot be made again: {reason(error)}",
                hint=f"{remedy(error, 'leave it where it is')}, and train again; what was learned is lost",
            ) from error

    def close(self) -> None:
        """Close the log, and let others train here; `log` has told what could not be written."""
        with contextlib.suppress(OSError):
            if self._log is not None:
                self._log.close()
            if self.replaces:
                _remove(self.folder / PENDING_LOG)
        self._lock.release()
        if self._made and self._unwritable:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def new_comparison() -> Path:
    """Make a folder for the runs of one comparison: the next free number in the folder of runs.

    Raises UsageError, CharseqError where it cannot be made.
    """
    try:
        return next_folder(runs_folder(), COMPARISON)
    except OSError as error:
        raise _not_made(runs_folder(), error) from error


def new_run(
    cell: str, out: Path | None = None, *, force: bool = False, comparison: Path | None = None
) -> Run:
    """Make a run's folder: `out`, or the next free number in that of a comparison or in the folder of runs.

    A model that `out` already holds stays until the new run has a better one than its initial weights.
    Raises UsageError where `out` already holds a run (unless `force`), CharseqError where it cannot be made,
    or another process trains in it.
    """
    try:
        if out is None:
            folder = next_folder(comparison or runs_folder(), cell)
            return _opened(folder, partial(Run, folder, made=True), made=True)
        require_new(out, force=force)
        made = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        return _opened(out, partial(_over_earlier, out, force, made), made=made)
    except OSError as error:
        if out is not None and (file := file_in(out)):
            raise UsageError(
                f"{str(out)!r} is not a folder"
                if file == out
                else f"{str(out)!r} cannot be a folder: {str(file)!r} is a file",
                hint="choose another --out",
            ) from None
        raise _not_made(out or comparison or runs_folder(), error) from error


def _over_earlier(out: Path, force: bool, made: bool, lock: Lock) -> Run:
    """Begin a run in a folder that is locked; a model that it holds is an earlier one, to be replaced."""
    _require_empty(out, force=force)
    _remove(out / PENDING_LOG)
    replaces = (out / MODEL).is_file() and not (out / MODEL).is_symlink()
    return Run(out, lock, replaces=replaces, made=made)


def _not_made(where: Path, error: OSError) -> CharseqError:
    return CharseqError(
        f"cannot create a run in {str(where)!r}: {reason(error)}",
        hint=remedy(error, "choose another folder with --out or CHARSEQ_RUNS"),
    )


def _opened(folder: Path, begin: Callable[[Lock], Run], *, made: bool = False) -> Run:
    """Lock a folder and begin a run there.  Where that fails, leave no lock, and no folder just `made`."""
    try:
        lock = Lock(folder)
        try:
            return begin(lock)
        except BaseException:
            lock.release()
            raise
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def require_new(out: Path, *, force: bool) -> None:
    """Refuse a folder that holds a run, unless `force`, or in which another process trains."""
    if any(c == "\0" or "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in str(out)):
        raise UsageError(
            f"{str(out)!r} has characters that no path can have", hint="choose another folder for the run"
        )
    require_free(out)
    _require_empty(out, force=force)


def _require_empty(out: Path, *, force: bool) -> None:
    if not force and any(os.path.lexists(out / name) for name in (MODEL, LOG)):
        raise UsageError(f"{str(out)!r} already holds a run", hint="choose another --out, or add --force")


def resumed_run(folder: Path, logged: int) -> Run:
    """Open a run's folder to go on with it; its log is cut after so many lines.

    Raises CharseqError where another process trains in it, or it cannot be written.
    """
    try:
        return _opened(folder, lambda lock: Run(folder, lock, logged))
    except OSError as error:
        raise CharseqError(
            f"cannot resume in {str(folder)!r}: {reason(error)}", hint=remedy(error)
        ) from error


def all_runs() -> list[Path]:
    """Return every run in the folder of runs, oldest first, those of comparisons among them.

    Raises as `runs_folder` does.
    """
    return [run for folder in numbered(runs_folder()) for run in (compared(folder) or [folder])]


def compared(folder: Path) -> list[Path]:
    """Return the runs of a comparison, in order; none where a folder is a run itself, or something else."""
    is_run = any(os.path.lexists(folder / name) for name in (MODEL, LOG))
    return [] if is_run or not NUMBERED.fullmatch(folder.name) else numbered(folder)


def json_line(record: dict[str, Any]) -> str:
    """One JSON object in ASCII, so that no terminal and no encoding can be hurt by it."""
    return json.dumps(record, allow_nan=False)


def _remove(path: Path) -> None:
    """Remove a file; what is none is left for whoever is to write there, who will refuse it."""
    if path.is_file() and not path.is_symlink():
        path.unlink()


def _lines_of(log: Path, count: int) -> list[bytes]:
    """The first lines of a log, at most so many, as far as they are whole."""
    if not count or not log.is_file():
        return []
    with log.open("rb") as file:
        return [line for line in islice(file, count) if line.endswith(b"\n")]
