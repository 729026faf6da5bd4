"""Processes of charseq that are forked from the tests' own, where torch is loaded: each saves two seconds.

Such a process runs the command line as a new one does, with streams, signals and a terminal of its own.  A
test of what happens while charseq loads starts a new Python instead.
"""

import gc
import os
import pty
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

USUAL = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
"""What a new Python does with these signals."""


def run_charseq(arguments: "tuple[str, ...] | list[str]") -> NoReturn:
    """Run one command line in a child that was just forked, and end the process."""
    status = 1
    try:
        os.closerange(3, 1024)
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(
                    number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                )
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (the stream of this process)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = ["charseq", *arguments]
        gc.freeze()
        from charseq.__main__ import main

        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


class Forked(subprocess.Popen[bytes]):
    """`python -m charseq ARGUMENTS`, in pipes: a Popen whose process is a fork of this one."""

    def __init__(self, *arguments: str, **options: Any) -> None:
        self._arguments = arguments
        super().__init__(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def _execute_child(self, _arguments: Any, _executable: Any, prepare: Any, *others: Any) -> None:
        given = others[7:13]  # the two ends of each of three pipes, -1 where there is none
        child_ends = given[0], given[3], given[5]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, since 3.12
            self.pid = os.fork()
        if not self.pid:
            for number, end in enumerate(child_ends):
                if end != -1:
                    os.dup2(end, number)
            if prepare:
                prepare()
            run_charseq(self._arguments)
        self._child_created = True
        self._close_pipe_fds(*given)  # type: ignore[attr-defined]


def fork_on_a_terminal(
    program: Any, arguments: "tuple[str, ...]", environment: Mapping[str, str | None]
) -> tuple[int, int]:
    """Run a function in a fork on a pseudo-terminal; return the process and the terminal's other end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process, terminal = pty.fork()
    if process == 0:
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        try:
            program(arguments)
        finally:
            os._exit(1)
    return process, terminal
