"""Processes of charseq that are forked from the tests' own, where torch is loaded: each saves two seconds.

Such a process runs the command line as a new one does, with streams, signals and a terminal of its own.  A
test of what happens while charseq loads starts a new Python instead.
"""

import contextlib
import gc
import os
import pty
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

DEFAULTS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    **{getattr(signal, f"SIG{name}"): signal.SIG_DFL for name in ("TERM", "HUP", "TSTP", "CONT")},
}
"""What a new Python does with these signals, unless the process that starts it ignores them."""
_ends: list[Callable[[], None]] = []
"""How to end each process that the current test has started, if it still runs."""


def restore_signals() -> None:
    """Handle signals as by default: a script's background job ignores SIGINT, `nohup` ignores SIGHUP."""
    for number, handler in DEFAULTS.items():
        signal.signal(number, handler)


def end_all() -> None:
    """End every process that was started here and still runs."""
    while _ends:
        _ends.pop()()


def exit_code(process: int, limit: float = 20) -> int:
    """Wait for a process of `fork_on_a_terminal` to end, and return its exit code."""
    deadline = time.monotonic() + limit
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline, f"process {process} does not end"
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1])


def run_charseq(arguments: "tuple[str, ...] | list[str]") -> NoReturn:
    """Run one command line in a child that was just forked, and end the process."""
    status = 1
    try:
        os.closerange(3, 1024)
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
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
        _ends.append(self._end)

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
            restore_signals()
            if prepare:
                prepare()
            run_charseq(self._arguments)
        self._child_created = True
        self._close_pipe_fds(*given)  # type: ignore[attr-defined]

    def _end(self) -> None:
        if self.poll() is None:
            self.kill()
            self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


def fork_on_a_terminal(
    program: Any, arguments: "tuple[str, ...]", environment: Mapping[str, str | None]
) -> tuple[int, int]:
    """Run a function in a fork on a pseudo-terminal; return the process and the terminal's other end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process, terminal = pty.fork()
    if process == 0:
        restore_signals()
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        try:
            program(arguments)
        finally:
            os._exit(1)
    _ends.append(partial(_end_session, process, terminal))
    return process, terminal


def _end_session(leader: int, terminal: int) -> None:
    """End a process of `fork_on_a_terminal` and its jobs, unless the test has waited for its end."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        os.kill(leader, signal.SIGKILL)
        for process in _session(leader):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        os.waitpid(leader, 0)
        os.close(terminal)


def _session(leader: int) -> Iterator[int]:
    """The processes of a session, where /proc lists them."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, session = path.read_text().rpartition(")")[2].split()[1:4]
            if int(session) == leader:
                yield int(path.parent.name)
