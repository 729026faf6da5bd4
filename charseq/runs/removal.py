"""Remove runs: only the files that charseq has made, then their folders."""

import contextlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charseq.errors import CharseqError, ModelFileError, UsageError, quoted
from charseq.runs.folder import COMPARISON, LOG, MODEL, PENDING_LOG, REPORT, comparison_runs, runs_folder
from charseq.runs.history import Summary, summary
from charseq.runs.lock import NAME as LOCK
from charseq.runs.lock import Lock, lock_holder
from charseq.runs.model_paths import resolve_name
from charseq.runs.numbers import RECORD, RUN_NAME, keep_number
from charseq.runs.restart import JOB
from charseq.runs.timing import TIMING
from charseq.system.file_errors import reason, remedy

_SAVED = "|".join(map(re.escape, (MODEL, LOG, PENDING_LOG, TIMING, REPORT, JOB)))
_OWN_FILE = re.compile(rf"{_SAVED}|{re.escape(LOCK)}|\.({_SAVED})\.\d+\.tmp")
"""The names of the files that charseq makes in a run's folder, unfinished ones included."""
LARGEST_START = 1 << 24
"""Bytes of the first line of a log; longer ones are no start events."""


@dataclass(frozen=True)
class Removal:
    """A run to remove."""

    folder: Path
    run: Summary
    bytes: int
    """The size of its files."""


def removals(names: Sequence[str]) -> list[Removal]:
    """Return the runs that names or paths select, each once; a comparison selects its runs.

    Raises UsageError or ModelFileError for a name that is no run, and for a run that is training.
    """
    folders: dict[Path, None] = {}
    for name in names:
        folder = _folder(name)
        for run in [folder] if _is_run(folder) else _compared(folder):
            folders.setdefault(run)
    for folder in folders:
        if process := lock_holder(folder):
            raise UsageError(
                f"{quoted(folder)} is training ({process}), so it cannot be removed",
                hint="wait for its end, or stop it: Ctrl-C there saves it",
            )
    return [Removal(folder, summary(folder), sum(map(_size, _own_files(folder)))) for folder in folders]


def remove(removal: Removal) -> bool:
    """Delete the files of a run, and its folder if nothing else is in it; return whether the folder is gone.

    A comparison's folder goes with its last run.  The number of a run stays used.  Raises CharseqError.
    """
    folder = removal.folder
    try:
        if RUN_NAME.fullmatch(folder.name) and _is_in_runs(folder):
            keep_number(folder)
        lock = Lock(folder)
        try:
            for file in _own_files(folder):
                if file.name != LOCK:
                    file.unlink(missing_ok=True)
        finally:
            lock.release()
        if not _removed(folder):
            return False
        if _is_comparison(folder.parent) and not comparison_runs(folder.parent):
            _removed(folder.parent)
    except OSError as error:
        raise CharseqError(f"cannot remove {quoted(folder)}: {reason(error)}", hint=remedy(error)) from error
    return True


def _folder(name: str) -> Path:
    """Return the folder of a name or path.  Raises UsageError or ModelFileError."""
    folder = resolve_name(name)
    if folder.is_symlink():
        raise UsageError(
            f"{quoted(folder)} is a symbolic link", hint=f"remove the link itself, or name {_target(folder)}"
        )
    if not os.path.lexists(folder):
        raise ModelFileError(f"there is no run {quoted(name)}", hint="'charseq runs' lists the runs")
    if not folder.is_dir():
        raise UsageError(f"{quoted(folder)} is a file, not a run's folder", hint="name the folder")
    return folder


def _target(link: Path) -> str:
    try:
        return quoted(os.readlink(link))  # noqa: PTH115 (as it is written)
    except OSError:
        return "its target"


def _compared(folder: Path) -> list[Path]:
    """Return the runs of a comparison.  Raises UsageError if the folder has anything else."""
    runs = comparison_runs(folder)
    expected = all(map(_is_run, runs)) if runs else all(map(_is_record, folder.iterdir()))
    if not _is_comparison(folder) or not expected:
        raise UsageError(
            f"{quoted(folder)} is not the folder of a run",
            hint="'charseq runs' lists the runs; only what charseq has made is removed",
        )
    return runs or [folder]


def _is_comparison(folder: Path) -> bool:
    """Return whether a folder has the name of a comparison."""
    name = RUN_NAME.fullmatch(folder.name)
    return name is not None and folder.name.partition("-")[2] == COMPARISON and not folder.is_symlink()


def _is_run(folder: Path) -> bool:
    """Return whether charseq has made a folder: its log begins with a start event, or its model is charseq's.

    Of a numbered folder in the folder of runs, the name is enough: its run may have been killed at its start.
    """
    if not folder.is_dir() or folder.is_symlink():
        return False
    if _begins_with_start(folder / LOG):
        return True
    if (folder / MODEL).is_file() and not (folder / MODEL).is_symlink():
        from charseq.model.model_file import describe

        with contextlib.suppress(CharseqError, OSError):
            describe(folder / MODEL)
            return True
        return False
    return bool(RUN_NAME.fullmatch(folder.name)) and _is_in_runs(folder) and not _is_comparison(folder)


def _is_in_runs(folder: Path) -> bool:
    """Return whether a folder is in the folder of runs, or in that of a comparison there."""
    root, parent = runs_folder().absolute(), folder.parent.absolute()
    return root in (parent, parent.parent if _is_comparison(parent) else parent)


def _begins_with_start(log: Path) -> bool:
    if log.is_symlink() or not log.is_file():
        return False
    try:
        with log.open("rb") as file:
            event = json.loads(file.readline(LARGEST_START))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("event") == "start"


def _own_files(folder: Path) -> list[Path]:
    """Return charseq's regular files in a folder, the model first: a log without a model is no model."""
    files = [Path(entry.path) for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    return sorted((f for f in files if _OWN_FILE.fullmatch(f.name)), key=lambda f: (f.name != MODEL, f.name))


def _size(file: Path) -> int:
    return file.lstat().st_size


def _removed(folder: Path) -> bool:
    """Remove a folder with nothing but a comparison's record of numbers; return whether it is gone."""
    left = [*folder.iterdir()]
    if not all(_is_comparison(folder) and _is_record(path) for path in left):
        return False
    for record in left:
        record.unlink()
    with contextlib.suppress(OSError):  # such as the current folder, named "."
        folder.rmdir()
    return not folder.exists()


def _is_record(path: Path) -> bool:
    return RECORD.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()
