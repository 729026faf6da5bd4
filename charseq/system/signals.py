"""Install signal handlers, leaving ignored signals ignored."""

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
    and the shell of a script ignores SIGINT in background jobs.  To restore the handlers, install the result.
    """
    return {
        number: signal.signal(number, handler)
        for number, handler in handlers.items()
        if handler is not None and signal.getsignal(number) != signal.SIG_IGN
    }


def stop_process() -> None:
    """Stop this process as Ctrl-Z does by default, and return when it continues.

    Does nothing in an orphaned process group, where no shell could continue the process.  Any thread may call
    it: it changes the handler through the C library, because Python allows that in the main thread only.
    """
    set_handler = ctypes.CDLL(None).signal
    set_handler.argtypes, set_handler.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    handler = set_handler(signal.SIGTSTP, int(signal.SIG_DFL))
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
    finally:
        set_handler(signal.SIGTSTP, handler)
