"""Unwind a command at SIGTERM and SIGHUP, so that it removes the files that it has not finished."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from charseq.errors import ExitCode
from charseq.system.signals import install

TERMINATION_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def unwind_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit with exit code 143, as SIGINT raises KeyboardInterrupt.

    Further signals are ignored, so that they do not stop the removal of files.  A signal that was ignored
    from the start stays ignored.
    """
    replaced = install(dict.fromkeys(TERMINATION_SIGNALS, _terminate))
    try:
        yield
    finally:
        install(replaced)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    install(dict.fromkeys(TERMINATION_SIGNALS, signal.SIG_IGN))
    raise SystemExit(ExitCode.TERMINATED)
