"""Measure time and memory of large tasks: many epochs, a long line, many prompts, many runs.

python -m tests.benchmarks.load

Each task is one command; the system reports its duration and its largest resident memory.  --part 0.01
reduces every task to a hundredth.  Run it alone on the machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

CHARSEQ = [sys.executable, "-m", "charseq"]


def measured(*arguments: str, stdin: str | None = None) -> tuple[float, float]:
    """Return the duration in seconds and the memory in megabytes of one command, which must succeed."""
    began = time.monotonic()
    with Path(stdin or os.devnull).open("rb") as file, Path("out.txt").open("wb") as output:
        process = subprocess.Popen([*CHARSEQ, *arguments], stdin=file, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(Path("out.txt").read_text()[-500:])
    return time.monotonic() - began, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--part", type=float, default=1.0, help="size relative to the full tasks")
    scale: float = parser.parse_args().part
    table = Table(title="Load")
    for heading in ("task", "seconds", "MB"):
        table.add_column(heading, justify="right")

    def row(name: str, *arguments: str, stdin: str | None = None) -> None:
        seconds, megabytes = measured(*arguments, stdin=stdin)
        table.add_row(name, f"{seconds:.2f}", f"{megabytes:.0f}")

    def many(number: float) -> int:
        return max(1, int(number * scale))

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        string = [
            "train",
            "--text",
            "hihello",
            "--cell",
            "gru",
            "--hidden-size",
            "16",
            "--out",
            "run",
            "--force",
        ]
        row(f"{many(1_000):,} epochs", *string, "--epochs", str(many(1_000)))
        row(f"{many(10_000):,} epochs", *string, "--epochs", str(many(10_000)))
        Path("line.txt").write_text("to be or not to be, " * many(500_000))
        stream = [
            "train",
            "--cell",
            "gru",
            "--hidden-size",
            "64",
            "--epochs",
            "1",
            "--out",
            "line",
            "--force",
        ]
        row(f"train on a line of {many(500_000) * 20:,}", *stream, "--file", "line.txt")
        row(f"score a line of {many(500_000) * 20:,}", "score", "--model", "line", "--file", "line.txt")
        Path("prompts.txt").write_text("h\n" * many(100_000))
        row(f"{many(100_000):,} prompts", "predict", "--model", "run", "-", stdin="prompts.txt")
        for number in range(1, many(1_000) + 1):
            shutil.copytree("run", f"runs/{number:04d}-gru")
        row(f"{many(1_000):,} runs listed", "runs")
        os.chdir("/")
    Console(width=80).print(table)


if __name__ == "__main__":
    main()
