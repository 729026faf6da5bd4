"""The folder of runs: every run has a numbered folder with its model and its log."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from charseq.errors import CharseqError, UsageError, quoted
from charseq.model.atomic_write import replace
from charseq.runs.lock import Lock, require_free
from charseq.runs.log_lines import first_lines, json_line, record_of
from charseq.runs.numbers import RUN_NAME, next_folder, numbered_folder, numbered_runs, unnumbered_runs
from charseq.runs.timing import Timing
from charseq.system.file_errors import reason, remedy

MODEL = "model.safetensors"
LOG = "log.ndjson"
PENDING_LOG = ".log.ndjson.new"
"""The log of a run that replaces an earlier one, until it has saved its model."""
REPORT = "report.html"
"""The page that `charseq report` writes."""
COMPARISON = "compare"
"""The name of a comparison's folder, after its number."""
NEWEST = "newest"
"""The name that --resume accepts for the newest run."""


def runs_folder() -> Path:
    """Return the folder of runs: CHARSEQ_RUNS, or `runs/` in the current folder.

    Raises CharseqError if the current folder was deleted, UsageError if a file has that name.
    """
    folder = runs_path()
    if not folder.is_absolute():
        require_current_folder()
    if file := file_in_path(folder):
        inside = "" if file == folder else f", and {quoted(folder)} would be inside it"
        hint = "CHARSEQ_RUNS must name a folder"
        if not os.environ.get("CHARSEQ_RUNS"):
            hint = "rename the file, or set CHARSEQ_RUNS to another folder for runs"
        raise UsageError(f"{quoted(file)} is a file, not a folder{inside}", hint=hint)
    return folder


def runs_path() -> Path:
    """Return the path of the folder of runs, whatever is there."""
    return Path(os.environ.get("CHARSEQ_RUNS") or "runs")


def require_current_folder() -> None:
    """Raise CharseqError if the current folder was deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise CharseqError(
            "the current folder has been deleted", hint="change to another folder (cd), then try again"
        ) from None


def file_in_path(path: Path) -> Path | None:
    """Return the part of a path that exists but is not a folder; None if there is none."""
    parts = (path, *path.parents)
    return next((part for part in parts if os.path.exists(part) and not os.path.isdir(part)), None)  # noqa: PTH110, PTH112 (never raise)


class Run:
    """An open run: its locked folder, with the model and the log of events."""

    def __init__(
        self,
        folder: Path,
        lock: Lock,
        logged_lines: int = 0,
        *,
        replaces: bool = False,
        created: bool = False,
        clock_restarts: bool = False,
    ) -> None:
        """Open a run; the log of a resumed run keeps lines 2 to `logged_lines`.

        A folder `created` for the run is removed again if its log cannot be written.  `clock_restarts`: the
        seconds of its measurements do not include those before it was resumed.
        """
        self.folder = folder
        self.model = folder / MODEL
        self.replaces = replaces
        """Whether the folder has the files of an earlier run; its log stays until `replace_log`."""
        self.lines = 0
        """The number of lines in the log."""
        self._lock, self._created = lock, created
        self._unwritable = False
        """Whether creating the log has failed."""
        self._earlier_lines = first_lines(folder / LOG, logged_lines)[1:]
        self._log: TextIO | None = None
        self._timing = Timing(folder, logged_lines, clock_restarts=clock_restarts)

    def log(self, record: dict[str, Any]) -> None:
        """Append an event to the log, without delay.  Raises CharseqError if it cannot be written."""
        line = json_line(record) + "\n"
        try:
            if self._log is None:
                self._unwritable = True
                path = self.folder / (PENDING_LOG if self.replaces else LOG)
                replace(path, line.encode() + b"".join(self._earlier_lines))
                self._log = path.open("a", encoding="utf-8")
                self.lines += len(self._earlier_lines)
                self._unwritable = False
                if not self.replaces:
                    self._timing.begin()
            else:
                self._log.write(line)
                self._log.flush()
            self.lines += 1
        except OSError as error:
            raise CharseqError(
                f"cannot write {quoted(self.folder / LOG)}: {reason(error)}", hint=remedy(error)
            ) from error

    def log_time(self, passes: float, seconds: float) -> None:
        """Add the time of the measurement that was logged last to the times beside the log."""
        self._timing.add(self.lines, passes, seconds)

    def earlier_records(self) -> Iterator[dict[str, Any]]:
        """Return the events that a resumed run has logged before, without the first."""
        return filter(None, map(record_of, self._earlier_lines))

    def replace_log(self) -> None:
        """Replace the log of the earlier run, after its model has been replaced."""
        if self.replaces:
            self.replaces = False
            with contextlib.suppress(OSError):
                (self.folder / PENDING_LOG).replace(self.folder / LOG)
            self._timing.begin()

    def restore(self) -> None:
        """Create the folder again if it was removed during training.  Raises CharseqError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CharseqError(
                f"the run's folder {quoted(self.folder)} was removed and cannot be created again: "
                f"{reason(error)}",
                hint=remedy(error, "train again, and leave the folder in place; this model is lost"),
            ) from error

    def close(self) -> None:
        """Close the log and release the lock; write errors were already raised by `log`."""
        with contextlib.suppress(OSError):
            if self._log is not None:
                self._log.close()
            if self.replaces:
                _remove(self.folder / PENDING_LOG)
        self._timing.close()
        self._lock.release()
        if self._created and self._unwritable:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def new_comparison() -> Path:
    """Create the folder of a comparison, with the next number in the folder of runs.

    Raises UsageError, or CharseqError if it cannot be created.
    """
    try:
        return next_folder(runs_folder(), COMPARISON)
    except OSError as error:
        raise _cannot_create(runs_folder(), error) from error


def new_run(
    cell: str,
    out: Path | None = None,
    *,
    force: bool = False,
    comparison: Path | None = None,
    number: int | None = None,
) -> Run:
    """Create a run's folder: `out`, or the next number in the folder of a comparison or of runs.

    `number` is reserved for the run in the folder of a comparison whose runs start together.
    An earlier model in `out` stays until the new run has better weights than its initial ones.  Raises
    UsageError if `out` already contains a run (unless `force`), CharseqError if it cannot be created or
    another process trains in it.
    """
    try:
        if out is None:
            root = comparison or runs_folder()
            folder = next_folder(root, cell) if number is None else numbered_folder(root, number, cell)
            return _open_locked(folder, partial(Run, folder, created=True), created=True)
        require_new(out, force=force)
        created = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        return _open_locked(out, partial(_open_out, out, force, created), created=created)
    except OSError as error:
        if out is not None and (file := file_in_path(out)):
            raise UsageError(
                f"{quoted(out)} is not a folder"
                if file == out
                else f"{quoted(out)} cannot be a folder: {quoted(file)} is a file",
                hint="choose another --out",
            ) from None
        raise _cannot_create(out or comparison or runs_folder(), error) from error


def _open_out(out: Path, force: bool, created: bool, lock: Lock) -> Run:
    """Open a run in a locked folder; a model in it is one to replace."""
    _require_empty(out, force=force)
    _remove(out / PENDING_LOG)
    replaces = (out / MODEL).is_file() and not (out / MODEL).is_symlink()
    return Run(out, lock, replaces=replaces, created=created)


def _cannot_create(folder: Path, error: OSError) -> CharseqError:
    hint = "choose another folder with --out or CHARSEQ_RUNS"
    if error.errno != errno.ENOENT:  # a folder that does not exist is created, unless its file system refuses
        hint = remedy(error, hint)
    return CharseqError(f"cannot create a run in {quoted(folder)}: {reason(error)}", hint=hint)


def _open_locked(folder: Path, open_run: Callable[[Lock], Run], *, created: bool = False) -> Run:
    """Lock a folder and open a run in it; on failure, release the lock and remove a `created` folder."""
    try:
        lock = Lock(folder)
        try:
            return open_run(lock)
        except BaseException:
            lock.release()
            raise
    except BaseException:
        if created:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def require_new(out: Path, *, force: bool) -> None:
    """Refuse a folder that contains a run, unless `force`, or in which another process trains."""
    if any(c == "\0" or "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for c in str(out)):
        raise UsageError(
            f"{quoted(out)} has characters that no path can have", hint="choose another folder for the run"
        )
    require_free(out)
    _require_empty(out, force=force)


def _require_empty(out: Path, *, force: bool) -> None:
    from charseq.model.tensor_file import is_exported  # loads NumPy, which listing runs does not need

    if is_exported(out):
        raise UsageError(
            f"{quoted(out)} is an exported model, which a run would damage", hint="choose another --out"
        )
    if not force and any(os.path.lexists(out / name) for name in (MODEL, LOG)):
        raise UsageError(f"{quoted(out)} already contains a run", hint="choose another --out, or add --force")


def reopen_run(folder: Path, logged_lines: int, *, clock_restarts: bool = False) -> Run:
    """Open a run's folder to resume it; its log is cut after `logged_lines` lines.

    Raises CharseqError if another process trains in it, or it cannot be written.
    """
    try:
        return _open_locked(
            folder, lambda lock: Run(folder, lock, logged_lines, clock_restarts=clock_restarts)
        )
    except OSError as error:
        raise CharseqError(
            f"cannot resume in {quoted(folder)}: {reason(error)}", hint=remedy(error)
        ) from error


def all_runs() -> list[Path]:
    """Return every run in the folder of runs, numbered ones first, oldest first, with those of comparisons.

    Raises as `runs_folder` does.
    """
    root = runs_folder()
    numbered = [run for folder in numbered_runs(root) for run in (comparison_runs(folder) or [folder])]
    return [*numbered, *unnumbered_runs(root, LOG)]


def comparison_runs(folder: Path) -> list[Path]:
    """Return the runs of a comparison in order; none if the folder is not a comparison."""
    is_run = any(os.path.lexists(folder / name) for name in (MODEL, LOG))
    return [] if is_run or not RUN_NAME.fullmatch(folder.name) else numbered_runs(folder)


def _remove(path: Path) -> None:
    """Remove a regular file; anything else stays, and writing to it is refused later."""
    if path.is_file() and not path.is_symlink():
        path.unlink()
