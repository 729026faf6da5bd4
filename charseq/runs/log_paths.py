"""Find the run whose log a command reads: by name, by number, the newest, or the best of a comparison."""

import os
from pathlib import Path

from charseq.errors import UsageError, quoted
from charseq.runs.folder import LOG, MODEL, comparison_runs, runs_folder
from charseq.runs.lock import lock_holder
from charseq.runs.model_paths import best_run, listing, resolve_name
from charseq.runs.numbers import numbered_runs


def logged_run(run: str | None) -> Path:
    """Return the folder of a named run, or of the newest one if None; of a comparison, that of its best run.

    A name is a run's folder, its name in the folder of runs, its number, or a file in its folder.  The run
    has a log, and need not have a model.  Raises UsageError, or ModelFileError if there is no such name.
    """
    if run is None:
        for folder in reversed(numbered_runs(runs_folder())):
            if found := _with_log(folder):
                return found
        raise UsageError(
            f"there is no run in {quoted(runs_folder())}",
            hint="train one (charseq train --text hihello), or name the folder of one",
        )
    path = resolve_name(run, "run")
    if path.name in (LOG, MODEL) or (path.is_file() and path.suffix == Path(MODEL).suffix):
        path = path.parent
    if found := _with_log(path):
        return found
    raise _no_log(run, path)


def _with_log(folder: Path) -> Path | None:
    """Return a run with a log, or the best one of a comparison; None if there is none."""
    logged = [run for run in comparison_runs(folder) or [folder] if (run / LOG).is_file()]
    return best_run(logged) or next(reversed(logged), None)


def _no_log(name: str, folder: Path) -> UsageError:
    """Return the error for a run without a log."""
    if not os.path.lexists(folder):
        return UsageError(f"there is no run {quoted(name)}", hint=listing())
    if process := lock_holder(folder):
        return UsageError(
            f"{quoted(folder)} is still training ({process}) and has no log yet", hint="wait a moment"
        )
    hint = f"name the folder of a run; {listing()}"
    if (folder / MODEL).is_file():
        return UsageError(f"{quoted(folder)} has a model, but no log ({LOG})", hint=hint)
    return UsageError(f"{quoted(folder)} is not a run: it has no log ({LOG})", hint=hint)
