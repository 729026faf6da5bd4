"""Signal handlers.  This module installs all of them, so that an ignored signal stays ignored."""

import ctypes
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | int | None
"""A function, signal.SIG_DFL or signal.SIG_IGN; None for a handler that Python did not install."""


def install(handlers: Mapping[int, Handler]) -> dict[int, Handler]:
    """Install handlers by signal number, and return the handlers that they replace.

    A signal that the process ignores stays ignored and is missing from the result: `nohup` ignores SIGHUP,
    and a script's shell ignores SIGINT in its background jobs.  To restore the previous handlers, install
    the result.
    """
    return {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if handler is not None and signal.getsignal(number) != signal.SIG_IGN
    }


def stop_process() -> None:
    """Stop this process as Ctrl-Z does by default, and return when it continues; callable from any thread.

    As by default, nothing happens where no shell could continue the process (an orphaned process group).
    Python lets only the main thread change a handler, and it may be busy; the C library lets any.
    """
    change = ctypes.CDLL(None).signal
    change.argtypes, change.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    handler = change(signal.SIGTSTP, int(signal.SIG_DFL))
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
    finally:
        change(signal.SIGTSTP, handler)
