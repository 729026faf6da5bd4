"""Copies of the package and its tests for the jobs: the working tree is never changed."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.mutation.areas import ROOT
from tests.mutation.session import Job, Outcome, finish, start

PAUSE = 0.02
"""Seconds between two checks of the running jobs."""


class Workspace:
    """A folder with a copy of the package and its tests, for one job at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("charseq", "tests"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / "tree" / name, ignore=ignored)
        (folder / "tree/.ci").mkdir()
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".ci/run"):  # tests read them
            shutil.copy2(ROOT / name, folder / "tree" / name)
        self._began = 0.0

    def start(self, job: Job) -> int:
        """Write the files of a job and start it; return its process."""
        (self.folder / "result").unlink(missing_ok=True)
        for path, source in job.files.items():
            self._forget_compiled(path)
            (self.folder / "tree" / path).write_bytes(source)
        self._began = time.monotonic()
        return start(job, self.folder)

    def outcome(self, job: Job, process: int, status: int) -> Outcome:
        """Restore the files of a job that has ended, and return how it ended."""
        from json import loads

        finish(process, self.folder)
        for path in job.files:
            self._forget_compiled(path)
            shutil.copy2(ROOT / path, self.folder / "tree" / path)
        result = self.folder / "result"
        seconds = time.monotonic() - self._began
        output = (self.folder / "output").read_text(errors="replace")
        if not result.exists():
            return Outcome(job, -1, {"failed": "", "tests": {}}, seconds, output)
        return Outcome(job, os.waitstatus_to_exitcode(status), loads(result.read_text()), seconds, output)

    def _forget_compiled(self, path: str) -> None:
        source = self.folder / "tree" / path
        for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
            compiled.unlink()


def run(jobs: Iterable[Job], workspaces: Iterable[Workspace]) -> Iterator[Outcome]:
    """Run jobs, one in each workspace at a time, and yield their outcomes as they end."""
    waiting, free = iter(jobs), list(workspaces)
    running: dict[int, tuple[Job, Workspace]] = {}
    try:
        while True:
            while free and (job := next(waiting, None)):
                workspace = free.pop()
                running[workspace.start(job)] = job, workspace
            if not running:
                return
            process, status = os.waitpid(-1, os.WNOHANG)
            if process not in running:
                time.sleep(PAUSE)
                continue
            job, workspace = running.pop(process)
            free.append(workspace)
            yield workspace.outcome(job, process, status)
    finally:
        for process, (_, workspace) in running.items():
            finish(process, workspace.folder)
