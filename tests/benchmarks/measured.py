"""One training as the real command: its exit code, last event, wall time and memory."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_BEYOND = 300.0
"""How long after its limit a command is ended."""


RUNNER = """
import json, resource, subprocess, sys, time
seconds, path, *command = sys.argv[1:]
began = time.perf_counter()
try:
    code = subprocess.run(command, timeout=float(seconds)).returncode
except subprocess.TimeoutExpired:
    code = -9
wall = time.perf_counter() - began
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open(path, "w") as file:
    json.dump({"exit_code": code, "wall": wall, "kibibytes": memory}, file)
"""
"""A small process between the benchmark and the command: Linux counts a parent's memory with its child's."""


@dataclass(frozen=True)
class Run:
    """How a command ended, and the measures of its end event."""

    exit_code: int
    status: str
    """The status of the end event, or nothing where there was none."""
    problem: str
    """The last line of standard error."""
    loss: float | None
    validation_loss: float | None
    seconds: float
    """The duration of the run by its end event."""
    wall: float
    """The duration of the whole command."""
    mebibytes: float
    """The largest resident memory."""
    held_out: int = 0
    """The characters that are held out."""

    @property
    def measure(self) -> float | None:
        """The validation loss, or the training loss of a text too short for a validation set."""
        return self.loss if self.validation_loss is None else self.validation_loss


def trained(folder: Path, files: Sequence[str], *, lines: bool, seconds: float, seed: int) -> Run:
    """Train by defaults on files, with a time limit, in a process of its own."""
    command = [sys.executable, "-m", "charseq", "train", "--json", "--out", str(folder / "run")]
    command += ["--seed", str(seed), "--time-limit", f"{seconds:g}s", *(["--lines"] if lines else [])]
    for number, text in enumerate(files):
        path = folder / f"{number:04}.txt"
        path.write_bytes(text.encode())
        command += ["--file", str(path)]
    with (folder / "out").open("wb") as output, (folder / "errors").open("wb") as errors:
        runner = [sys.executable, "-S", "-c", RUNNER, str(seconds + SECONDS_BEYOND), str(folder / "usage")]
        subprocess.run(
            [*runner, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=True
        )
    usage = json.loads((folder / "usage").read_text())
    written = (folder / "out").read_bytes().rstrip()
    start = _event(written.partition(b"\n")[0], "start")
    end = _event(written.rpartition(b"\n")[2], "end")
    said = (folder / "errors").read_text(errors="replace").strip().splitlines()
    return Run(
        exit_code=usage["exit_code"],
        status=str(end.get("status", "")),
        problem=said[-1] if said else "no message",
        loss=_number(end.get("loss")),
        validation_loss=_number(end.get("validation_loss")),
        seconds=_number(end.get("seconds")) or 0.0,
        wall=usage["wall"],
        mebibytes=usage["kibibytes"] / 1024,
        held_out=int(_number(start.get("validation_characters")) or 0),
    )


def _event(line: bytes, kind: str) -> dict[str, object]:
    """Return the event of this kind that a line of output is, or nothing."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and event.get("event") == kind else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
