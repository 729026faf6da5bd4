"""A shell of one job, `python -m tests.job_control ARGUMENTS`: runs charseq on the terminal as a shell would.

When the job is stopped, it says so and reads a line: `fg` continues the job in the foreground, `bg` in the
background, where a second `fg` gives it the terminal; `kill` ends it.  With IGNORE=1, the job ignores SIGTSTP
from its start.
"""

import os
import signal
import sys


def start(arguments: list[str]) -> int:
    """Start the job in a process group of its own, which has the terminal."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if os.environ.get("IGNORE"):
            signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-m", "charseq", *arguments])
    return job


def main(arguments: list[str]) -> int:
    """Run a job to its end, and return its exit code."""
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
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
