"""Put faults into the core one by one, and report those that no test notices.

Each mutant is tested in a process of its own, in a copy of the tree, by the tests of its module; the default
is 250 mutants, drawn by a seed.  Needs a system that can fork.
"""

import argparse
import contextlib
import os
import py_compile
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutation.modules import FILES, tests_of
from tests.mutation.operators import Mutant, mutants

ROOT = Path(__file__).parents[2]
SHORTEST_TIMEOUT = 60.0
"""Seconds; a mutant that takes longer than this, and than five times the unchanged code, counts as killed."""
FEWEST = 3
"""Mutants of a file, where it has so many."""


class Drawn(NamedTuple):
    """A mutant and the module that it is of."""

    file: str
    mutant: Mutant


def drawn(files: list[str], count: int, seed: int) -> list[Drawn]:
    """Draw mutants by a seed, from each file in proportion to how many it has."""
    found = {file: [*mutants((ROOT / "charseq" / file).read_text())] for file in files}
    total = sum(map(len, found.values()))
    chosen = []
    for file, every in found.items():
        share = min(len(every), max(FEWEST, round(count * len(every) / total)))
        picked = random.Random(f"{seed} {file}").sample(range(len(every)), share)
        chosen += [Drawn(file, every[i]) for i in sorted(picked)]
    return chosen


def copied(folder: Path) -> Path:
    """Copy what the tests need, compiled so that a changed file is never taken for the unchanged one."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "benchmarks")
    for name in ("charseq", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    for path in folder.rglob("*.py"):
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    return folder


def run(tree: Path, tests: list[str], timeout: float) -> str:
    """Run tests in a forked process: "survived", "killed", or "timeout"."""
    process = os.fork()
    if process == 0:
        _child(tree, tests)
    ends = time.monotonic() + timeout
    while time.monotonic() < ends:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return "timeout"


def _child(tree: Path, tests: list[str]) -> None:
    """Run pytest and end the process; torch and the like are loaded already, charseq is not."""
    code = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        for name in [name for name in sys.modules if name.split(".")[0] in ("charseq", "tests")]:
            del sys.modules[name]
        sys.path.insert(0, str(tree))
        sys.dont_write_bytecode = True
        import pytest

        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly"]
        code = int(pytest.main([*options, *(f"tests/{name}" for name in tests)]))
    finally:
        os._exit(code)


class Worker:
    """A copy of the tree in which one mutant at a time is tested."""

    def __init__(self, folder: Path) -> None:
        self.tree = copied(folder)

    def test(self, one: Drawn, timeout: float) -> str:
        path = self.tree / "charseq" / one.file
        sound = path.read_text()
        path.write_text(one.mutant.source)
        try:
            return run(self.tree, tests_of(one.file), timeout)
        finally:
            path.write_text(sound)


def timeouts(worker: Worker, files: list[str]) -> dict[str, float]:
    """Measure the tests of each file on the unchanged code, which must pass."""
    found: dict[tuple[str, ...], float] = {}
    for file in files:
        tests = tuple(tests_of(file))
        if tests not in found:
            began = time.monotonic()
            if (how := run(worker.tree, [*tests], 1200)) != "survived":
                sys.exit(f"the tests of {file} fail on the unchanged code ({how}): {' '.join(tests)}")
            found[tests] = max(SHORTEST_TIMEOUT, 5 * (time.monotonic() - began))
            print(f"unchanged: {time.monotonic() - began:.1f} s for {' '.join(tests)}", flush=True)
    return {file: found[tuple(tests_of(file))] for file in files}


def results(chosen: list[Drawn], workers: int) -> Iterator[tuple[Drawn, str]]:
    """Test mutants, in order, several at a time."""
    with tempfile.TemporaryDirectory() as temporary:
        free: SimpleQueue[Worker] = SimpleQueue()
        every = [Worker(Path(temporary) / str(i)) for i in range(workers)]
        limits = timeouts(every[0], [*dict.fromkeys(one.file for one in chosen)])
        for worker in every:
            free.put(worker)

        def tested(one: Drawn) -> tuple[Drawn, str]:
            worker = free.get()
            try:
                return one, worker.test(one, limits[one.file])
            finally:
                free.put(worker)

        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(tested, chosen)


def main() -> None:
    """Run from the command line."""
    options = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    options.add_argument("--count", type=int, default=250, help="mutants in all (250)")
    options.add_argument("--seed", type=int, default=0, help="what the mutants are drawn by (0)")
    options.add_argument("--workers", type=int, default=2, help="mutants at a time (2)")
    options.add_argument("--only", action="append", metavar="FILE", choices=FILES, help="of this file")
    asked = options.parse_args()
    import hypothesis, numpy, pytest, rich.console, torch, typer  # noqa: E401, F401, I001 (before any fork)

    torch.set_num_threads(1)
    chosen = drawn(asked.only or FILES, asked.count, asked.seed)
    counts: dict[str, Counter[str]] = {one.file: Counter() for one in chosen}
    for (file, mutant), how in results(chosen, asked.workers):
        counts[file][how] += 1
        if how == "survived":
            print(f"survived: charseq/{file}:{mutant.line}: {mutant.change}", flush=True)
    print("file\tmutants\tkilled\ttimeout\tsurvived")
    for file, count in counts.items():
        print(f"{file}\t{count.total()}\t{count['killed']}\t{count['timeout']}\t{count['survived']}")
    total = sum(counts.values(), Counter())
    noticed = total["killed"] + total["timeout"]
    print(f"{noticed} of {total.total()} noticed ({noticed / total.total():.1%})")


if __name__ == "__main__":
    main()
