"""Measure the duration of whole commands, relative to a process that only imports.

python -m tests.benchmarks.startup --rounds 9

Every round runs each command and each reference once, in turn.  A ratio compares the two within one round;
the table shows medians.  Run it alone on the machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A command, the imports that it is compared with, and the highest ratio allowed."""

    name: str
    command: list[str]
    reference: str
    goal: float
    variables: Mapping[str, str] = {}


CONSOLE = "import typer, rich.console"
TORCH = "import torch"
COMPLETION = {"_CHARSEQ_COMPLETE": "complete_bash", "COMP_WORDS": "charseq train --c", "COMP_CWORD": "2"}
"""The environment in which bash asks a command to complete a word."""

ROWS = [
    Row("--version", ["--version"], CONSOLE, 2.0),
    Row("--help", ["--help"], CONSOLE, 2.0),
    Row("train --help", ["train", "--help"], CONSOLE, 2.0),
    Row("completion of `charseq train --c`", [], CONSOLE, 2.0, COMPLETION),
    Row("predict", ["predict", "h"], TORCH, 0.35),
    Row("predict h --pattern", ["predict", "h", "--pattern", "[a-z]{3}", "--temperature", "1"], TORCH, 0.35),
    Row("score hello", ["score", "hello"], TORCH, 0.35),
    Row("runs", ["runs"], TORCH, 0.35),
    Row("config show", ["config", "show"], CONSOLE, 2.0),
    Row("inspect-shapes hello", ["inspect-shapes", "hello"], TORCH, 0.35),
    Row(
        "train hihello, lstm, 50 epochs",
        ["train", "--text", "hihello", "--cell", "lstm", "--epochs", "50", "--out", "timed", "--force"],
        TORCH,
        1.3,
    ),
]


def seconds(arguments: Sequence[str], folder: str, variables: Mapping[str, str]) -> float:
    """Return the wall time of one process, which must succeed."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, **variables},
    )
    return time.perf_counter() - started


def main() -> None:
    """Measure in rounds and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args()
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        seconds(["-m", "charseq", "train", "--text", "hihello", "--epochs", "2"], folder, {})
        for _ in range(options.rounds):
            for reference in (CONSOLE, TORCH):
                times.setdefault(reference, []).append(seconds(["-c", reference], folder, {}))
            for row in ROWS:
                times.setdefault(row.name, []).append(
                    seconds(["-m", "charseq", *row.command], folder, row.variables)
                )
    ratios = {
        row.name: [a / b for a, b in zip(times[row.name], times[row.reference], strict=True)] for row in ROWS
    }
    if options.json:
        print(json.dumps({"seconds": times, "ratios": ratios}))
        return
    print(f"{'command':32s} {'seconds':>8s}  {'ratio':>6s} {'(min to max)':>14s}  {'goal':>5s}  against")
    for row in ROWS:
        of_rounds = ratios[row.name]
        spread = f"({min(of_rounds):.2f} to {max(of_rounds):.2f})"
        print(
            f"{row.name:32s} {statistics.median(times[row.name]):8.3f}  {statistics.median(of_rounds):6.2f} "
            f"{spread:>14s}  {row.goal:5.2f}  {row.reference}"
        )


if __name__ == "__main__":
    main()
