"""Train in a separate process and return its exit code, end event, wall time and memory."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_TO_KILL = 300.0
"""The time after its time limit at which a command is killed."""


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
"""A small process that runs the command, because Linux starts a child's peak memory at that of its parent."""


@dataclass(frozen=True)
class Run:
    """The exit code of a command and the measurements of its end event."""

    exit_code: int
    status: str
    """The status of the end event, or an empty string."""
    problem: str
    """The last line of standard error."""
    loss: float | None
    validation_loss: float | None
    seconds: float
    """The duration of the run in the end event."""
    wall: float
    """The duration of the whole command."""
    mebibytes: float
    """The peak resident memory."""
    held_out: int = 0
    """The number of held-out characters."""

    @property
    def measure(self) -> float | None:
        """The validation loss, or the training loss if nothing is held out."""
        return self.loss if self.validation_loss is None else self.validation_loss


def trained(folder: Path, files: Sequence[str], *, lines: bool, seconds: float, seed: int) -> Run:
    """Train on files with default settings and a time limit, in a separate process."""
    command = [sys.executable, "-m", "charseq", "train", "--json", "--out", str(folder / "run")]
    command += ["--seed", str(seed), "--time-limit", f"{seconds:g}s", *(["--lines"] if lines else [])]
    for number, text in enumerate(files):
        path = folder / f"{number:04}.txt"
        path.write_bytes(text.encode())
        command += ["--file", str(path)]
    with (folder / "out").open("wb") as output, (folder / "errors").open("wb") as errors:
        runner = [sys.executable, "-S", "-c", RUNNER, str(seconds + SECONDS_TO_KILL), str(folder / "usage")]
        subprocess.run(
            [*runner, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, check=True
        )
    usage = json.loads((folder / "usage").read_text())
    written = (folder / "out").read_bytes().rstrip()
    start = _event(written.partition(b"\n")[0], "start")
    end = _event(written.rpartition(b"\n")[2], "end")
    messages = (folder / "errors").read_text(errors="replace").strip().splitlines()
    return Run(
        exit_code=usage["exit_code"],
        status=str(end.get("status", "")),
        problem=messages[-1] if messages else "no message",
        loss=_number(end.get("loss")),
        validation_loss=_number(end.get("validation_loss")),
        seconds=_number(end.get("seconds")) or 0.0,
        wall=usage["wall"],
        mebibytes=usage["kibibytes"] / 1024,
        held_out=int(_number(start.get("validation_characters")) or 0),
    )


def _event(line: bytes, kind: str) -> dict[str, object]:
    """Parse a line of output, and return the event if it is of this kind, else an empty one."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and event.get("event") == kind else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
