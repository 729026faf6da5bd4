"""Which tests execute which blocks of the core, and how long each takes."""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mutation.areas import CORE, ROOT, TESTS
from tests.mutation.blocks import instrumented
from tests.mutation.session import Job
from tests.mutation.workspace import Workspace, run

LONGEST = 20.0
"""Tests that take this many seconds or more are not used."""
BUDGET = 120.0
"""The most seconds of tests for one mutant; the shortest tests come first."""

Measured = dict[str, dict[str, Any]]
"""By test: its outcome, its seconds, and its blocks."""


class Reach:
    """The tests that execute each block."""

    def __init__(self, measured: Mapping[str, Measured]) -> None:
        tests = {name: test for found in measured.values() for name, test in found.items()}
        self.failed = sorted(name for name, test in tests.items() if test["outcome"] == "failed")
        self._seconds = {
            name: test["seconds"]
            for name, test in sorted(tests.items(), key=lambda pair: pair[1]["seconds"])
            if test["outcome"] == "passed" and test["seconds"] < LONGEST
        }
        self._blocks = {name: set(tests[name]["blocks"]) for name in self._seconds}

    def tests_of(self, path: str, block: str | None) -> dict[str, float]:
        """Return the tests that execute a block, and their seconds; without a block, all tests.

        Any code may read what a module defines.  The tests that execute a block of the module come first.
        """
        names = [name for name in self._seconds if block is None or block in self._blocks[name]]
        if block is None:
            names.sort(key=lambda name: not any(b.startswith(f"{path}:") for b in self._blocks[name]))
        chosen: dict[str, float] = {}
        total = 0.0
        for name in names:
            if total + self._seconds[name] <= BUDGET:
                chosen[name] = self._seconds[name]
                total += self._seconds[name]
        return chosen


def measure(workspaces: Sequence[Workspace], kept: Path | None) -> Reach:
    """Run all tests once with an instrumented core.  Results in the folder `kept` are used again."""
    sources = {path: (ROOT / path).read_bytes() for path in CORE}
    files = {path: instrumented(path, source).encode() for path, source in sources.items()}
    measured: dict[str, Measured] = {}
    jobs = []
    for test_file in TESTS:
        saved = kept / _digest(test_file) if kept else None
        if saved and saved.exists():
            measured[test_file] = json.loads(saved.read_text())
        else:
            jobs.append(Job(test_file, files, (test_file,), options=("--maxfail=1000",)))
    for outcome in run(jobs, workspaces):
        if outcome.code not in (0, 1):
            raise SystemExit(f"{outcome.job.key} did not run:\n{outcome.output}")
        measured[outcome.job.key] = outcome.result["tests"]
        if kept and outcome.code == 0:
            kept.mkdir(parents=True, exist_ok=True)
            (kept / _digest(outcome.job.key)).write_text(json.dumps(measured[outcome.job.key]))
        sys.stderr.write(f"{outcome.job.key}: {outcome.seconds:.0f} s\n")
    return Reach(measured)


def _digest(test_file: str) -> str:
    """Return a digest of all that a test file depends on: the package, tests/support, and the file."""
    contents = hashlib.sha256()
    for path in sorted(_files(test_file)):
        contents.update(path.read_bytes())
    return contents.hexdigest()


def _files(test_file: str) -> Iterator[Path]:
    yield from (ROOT / "charseq").rglob("*.py")
    yield ROOT / "tests/conftest.py"
    yield from (ROOT / "tests/support").glob("*.py")
    yield ROOT / test_file
