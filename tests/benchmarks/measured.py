"""One training as the real command: its exit code, last event, wall time and memory."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_BEYOND = 300.0
"""How long after its limit a command is ended."""


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
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        timer = threading.Timer(seconds + SECONDS_BEYOND, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, for the sake of its memory
    end = _end((folder / "out").read_bytes())
    said = (folder / "errors").read_text(errors="replace").strip().splitlines()
    return Run(
        exit_code=process.returncode,
        status=str(end.get("status", "")),
        problem=said[-1] if said else "no message",
        loss=_number(end.get("loss")),
        validation_loss=_number(end.get("validation_loss")),
        seconds=_number(end.get("seconds")) or 0.0,
        wall=wall,
        mebibytes=usage.ru_maxrss / 1024,
    )


def _end(output: bytes) -> dict[str, object]:
    """Return the end event, which is the last line, or nothing."""
    last = output.rstrip().rpartition(b"\n")[2]
    try:
        event = json.loads(last)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and event.get("event") == "end" else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
