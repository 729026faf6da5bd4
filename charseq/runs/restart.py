"""Find the run of a job again after torchrun has restarted its processes (--max-restarts)."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from charseq.runs.folder import MODEL, PENDING_LOG, Run, runs_path
from charseq.runs.numbers import numbered_runs
from charseq.system.torchrun import Place

if TYPE_CHECKING:
    from charseq.runs.prepare import RunPlan

JOB = ".torchrun"
"""The name of a file in a run's folder: the job that trains in it, until the run is complete."""


@dataclass(frozen=True)
class Destination:
    """Where a run is written, and what it starts from, as `prepare` accepts them."""

    out: Path | None = None
    force: bool = False
    resume: str | None = None
    parent: str | None = None

    def after_restart(self, place: Place) -> "Destination":
        """Return where a restarted job continues: from its last save, or from the start if there is none.

        How often torchrun says that it restarted does not matter: of several machines, one may not count.
        """
        folder = _run_of(place, self.out) if place.job else None
        if folder is None or self.resume is not None:
            return self
        if (folder / MODEL).is_file() and not (folder / PENDING_LOG).exists():
            return Destination(resume=str(folder))
        return replace(self, out=folder, force=True)


@contextmanager
def traced(plan: "RunPlan", place: Place) -> Iterator["RunPlan"]:
    """Name the job in the run's folder, until this context ends without an error: the run is complete."""
    if not place.job:
        yield plan
        return
    folders: list[Path] = []

    def open_folder() -> Run:
        run = plan.open_folder()
        with contextlib.suppress(OSError):  # without the file, a restart begins again
            (run.folder / JOB).write_text(place.job + "\n", encoding="utf-8")
        folders.append(run.folder)
        return run

    yield replace(plan, open_folder=open_folder)
    for folder in folders:
        with contextlib.suppress(OSError):
            (folder / JOB).unlink()


def _run_of(place: Place, out: Path | None) -> Path | None:
    """Return the folder of the last run that a job has begun."""
    folders = [out] if out is not None else reversed(numbered_runs(runs_path()))
    return next((folder for folder in folders if _job_of(folder) == place.job), None)


def _job_of(folder: Path) -> str:
    file = folder / JOB
    if not file.is_file():
        return ""
    try:
        return file.read_text(encoding="utf-8")[:-1]
    except (OSError, ValueError):
        return ""
