"""A shell of one job, in a fork on a terminal of its own: runs charseq on the terminal as a shell would.

When the job is stopped, it says so and reads a line: `fg` continues the job in the foreground, `bg` in the
background, where a second `fg` gives it the terminal; `kill` ends it.  With IGNORE=1, the job ignores SIGTSTP
from its start.
"""

import os
import signal
import sys

from tests.support.forks import run_charseq


def start(arguments: tuple[str, ...]) -> int:
    """Start the job in a process group of its own, which has the terminal."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if os.environ.get("IGNORE"):
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        run_charseq(arguments)
    return job


def run_job(arguments: tuple[str, ...]) -> None:
    """Run a job to its end, and end this process with its exit code."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (the terminal)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    job = start(arguments)
    while os.WIFSTOPPED(status := os.waitpid(job, os.WUNTRACED)[1]):
        os.tcsetpgrp(0, os.getpgrp())
        sys.stdout.write(f"\n[stopped by {signal.Signals(os.WSTOPSIG(status)).name}]\n")
        sys.stdout.flush()
        command = input()
        if command == "fg":
            os.tcsetpgrp(0, job)
        if command == "kill":
            os.killpg(job, signal.SIGTERM)
        os.killpg(job, signal.SIGCONT)
        if command == "bg":
            input()
            os.tcsetpgrp(0, job)
    os._exit(os.waitstatus_to_exitcode(status))
