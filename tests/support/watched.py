"""charseq under an audit hook that ends the process at a forbidden event: a socket, a process or a pickle."""

import os
import sys
from subprocess import CompletedProcess
from typing import Any

from tests.support.forks import Forked

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "pickle.")
"""The beginnings of the names of forbidden events."""
STATUS = 99
"""The exit code after a forbidden event."""


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """End the process at a forbidden event."""
    if event.startswith(FORBIDDEN):
        os.write(2, f"forbidden: {event} {arguments!r}\n".encode())
        os._exit(STATUS)


def watched(*arguments: str, **options: Any) -> "CompletedProcess[str]":
    """Run charseq in a fork with the audit hook: what torch does when it is imported is not watched."""
    process = Forked(*arguments, preexec_fn=lambda: sys.addaudithook(watch), **options)
    output, errors = process.communicate(timeout=60)
    return CompletedProcess(arguments, process.returncode, output.decode(), errors.decode())
