"""One run of pytest in a forked process, so that PyTorch is imported once for all of them."""

import builtins
import faulthandler
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.blocks import REACHED

ARGUMENTS = (
    *("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--tb=line"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what is imported before
)
MEMORY = 12 << 30
"""The most bytes of address space of a run."""
COLLECTION_LIMIT = 120
"""The time limit of a collection, in seconds."""
SLOWER, GRACE = 8, 20
"""The time limit of a test: a multiple of its usual time, plus a number of seconds."""


@dataclass(frozen=True)
class Job:
    """The sources and the tests of one run."""

    key: str
    files: Mapping[str, bytes]
    """Sources that replace those of the package, by path."""
    tests: tuple[str, ...]
    """Test files."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """The tests to run, in order, with their usual times; empty for all tests."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    job: Job
    code: int
    """The exit code of pytest; -1 if it was stopped."""
    result: Mapping[str, Any]
    """`failed`, the first test that failed; `tests`, the times and blocks of all tests that ran."""
    seconds: float
    output: str


def start(job: Job, folder: Path) -> int:
    """Fork a process that runs the tests of `folder`; return its number."""
    process = os.fork()
    if process:
        return process
    try:
        _run(job, folder)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(70)


def _run(job: Job, folder: Path) -> None:
    os.setsid()
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    tree = folder / "tree"
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "charseq")]:
        del sys.modules[name]
    sys.path[:] = [str(tree), *sys.path]
    os.environ.update(PYTHONPATH=str(tree), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = bool(job.files)
    os.chdir(tree)
    faulthandler.enable(os.fdopen(os.dup(2), "w"))
    faulthandler.dump_traceback_later(COLLECTION_LIMIT, exit=True)
    observer = _Observer(job.seconds)
    basetemp = f"--basetemp={folder / 'temporary'}"
    code = int(pytest.main([*ARGUMENTS, basetemp, *job.options, *job.tests], plugins=[observer]))
    (folder / "result").write_text(json.dumps({"failed": observer.failed, "tests": observer.tests}))
    sys.stdout.flush()
    os._exit(code)


def _fix_hypothesis() -> None:
    """Give every run the same examples."""
    import hypothesis

    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutation")


class _Observer:
    """A plugin of pytest: selects and orders tests, stops one that hangs, and records the executed blocks."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.failed = ""
        self.tests: dict[str, dict[str, Any]] = {}
        self._seconds, self._order = seconds, {name: number for number, name in enumerate(seconds)}
        self._reached: set[str] = set()
        setattr(builtins, REACHED, self._reached.add)

    def pytest_configure(self) -> None:
        _fix_hypothesis()  # after tests/conftest.py, which loads another profile

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._order:
            items[:] = [item for item in items if item.nodeid in self._order]
            items.sort(key=lambda item: self._order[item.nodeid])

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        limit = GRACE + SLOWER * self._seconds.get(item.nodeid, COLLECTION_LIMIT)
        faulthandler.dump_traceback_later(limit, exit=True)
        self._reached.clear()
        began = time.perf_counter()
        test: dict[str, Any] = {"outcome": "passed"}
        self.tests[item.nodeid] = test
        yield
        test["seconds"] = time.perf_counter() - began
        test["blocks"] = sorted(self._reached)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.tests[report.nodeid]["outcome"] = report.outcome
        if report.failed and not self.failed:
            self.failed = report.nodeid


def finish(process: int, folder: Path) -> None:
    """Kill the processes that a run has left."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return
