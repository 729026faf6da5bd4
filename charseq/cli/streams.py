"""The process's streams and signals: made robust once, for every command."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

from charseq.errors import ExitStatus


def prepare() -> None:
    """Let no character stop the program: what an encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon(stream: TextIO) -> None:
    """Turn a stream that nobody reads any more away, so that nothing fails when Python closes it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str, style: str = "") -> None:
    """Say something about the data on standard error, in colour where that is a terminal."""
    if not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)  # noqa: T201
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(text, style))


class Stop:
    """Whether the run was asked to stop, and how."""

    signal: int | None = None
    unheard = False
    """Whether whoever read the events has gone."""

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None or self.unheard

    @property
    def status(self) -> ExitStatus:
        """The status that it makes."""
        if self.signal is None:
            return ExitStatus.DONE
        return ExitStatus.INTERRUPTED if self.signal == signal.SIGINT else ExitStatus.TERMINATED


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Let the first SIGINT, SIGTERM or SIGHUP ask for a stop, and the second end the process at once."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.signal is not None:
            os._exit(stop.status)
        stop.signal = number
        with contextlib.suppress(OSError):
            os.write(2, b"\nstopping, and saving the model; again to leave at once\n")

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
