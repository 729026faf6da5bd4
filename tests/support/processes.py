"""New processes of charseq, and waiting for their output and signal handlers."""

import os
import subprocess
import sys
import time
from pathlib import Path

CHARSEQ = [sys.executable, "-m", "charseq"]


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start charseq in a new process, in pipes."""
    return subprocess.Popen(
        [*CHARSEQ, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )


def wait_for_lines(process: "subprocess.Popen[bytes]", count: int) -> None:
    """Read a number of lines from the standard output of a process."""
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline()


def wait_for_handler(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Wait until a process handles a signal, on Linux; elsewhere wait for half a second."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        time.sleep(0.5)
        return
    deadline = time.monotonic() + 60
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
