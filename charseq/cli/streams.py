"""The process's streams and signals: made robust once, for every command."""

import contextlib
import functools
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from charseq.errors import ExitStatus
from charseq.signals import install

ONE_SIGNAL = 0.1
"""Seconds within which signals are one: some programs send them to a process, then to its whole group."""


def prepare() -> None:
    """Let no character and no closed stream stop the program.

    What an encoding lacks is written as an escape; a stream that the shell has closed is an empty one.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (never closed)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon(stream: TextIO) -> None:
    """Turn a stream that nobody reads any more away, so that nothing fails when Python closes it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str, style: str = "", *, in_one_line: bool = False) -> None:
    """Say something about the data on standard error, in colour where that is a terminal.

    What is to be copied has to stay `in_one_line`, however long.
    """
    if not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)  # noqa: T201
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(text, style), soft_wrap=in_one_line)


def tell_of_changed(count: int, done: str) -> None:
    """Say how many characters a model did not know, and what became of them."""
    say(f"{count:,} unknown character{' was' if count == 1 else 's were'} {done}", "yellow")


def quiet_when_unheard(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end quietly where whoever read its output has gone, and with a line's end on Ctrl-C."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except BrokenPipeError:  # caught here, for typer would make it status 1
            abandon(sys.stdout)
        except KeyboardInterrupt:
            if sys.stderr.isatty():  # which has written ^C
                print(file=sys.stderr)  # noqa: T201
            raise

    return run


class Stop:
    """Whether the run was asked to stop, and how."""

    signal: int | None = None
    unheard = False
    """Whether whoever read the events has gone."""
    begun = False
    """Whether there is anything yet that could be saved; as long as there is not, nothing is waited for."""

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
def killable() -> Iterator[None]:
    """Let Ctrl-C end the process at once, where a library would keep Python from heeding it."""
    replaced = install({signal.SIGINT: signal.SIG_DFL})
    try:
        yield
    finally:
        install(replaced)


def _on_one_screen() -> bool:
    """Whether data and messages go to a terminal that draws."""
    return sys.stdout.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def heard(stop: Stop) -> Iterator[None]:
    """Write to standard output; where whoever read it has gone, ask for a stop, and write to nobody."""
    try:
        yield
    except BrokenPipeError:
        stop.unheard = True
        abandon(sys.stdout)


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Let the first SIGINT, SIGTERM or SIGHUP ask for a stop, and the second end the process at once.

    So does the first one, as long as nothing has begun.

    A thread does the answering, for Python itself heeds no signal before a long product has ended.
    """
    stop = Stop()
    # A live table ends in the line that the cursor is on, and draws itself anew from there.
    before, after = (b"\r\x1b[2K", b"") if _on_one_screen() else (b"\n", b"\n")
    numbers = {signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def watch() -> None:
        asked = 0.0
        while received := os.read(reading, 16):
            for number in numbers.intersection(received):
                if stop.signal is not None and time.monotonic() - asked < ONE_SIGNAL:
                    continue
                if stop.signal is not None:
                    os._exit(stop.status)
                stop.signal, asked = number, time.monotonic()
                if not stop.begun:
                    with contextlib.suppress(OSError):
                        os.write(2, b"\nstopped; nothing was learned yet\n")
                    os._exit(stop.status)
                with contextlib.suppress(OSError):
                    os.write(2, before + b"stopping, and saving the model; again to leave at once" + after)
        os.close(reading)

    replaced = install(dict.fromkeys(numbers, lambda *_: None))
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(woken)
        os.close(writing)
        # After a request to stop, ignore further ones: the process is about to end.
        install(replaced if stop.signal is None else dict.fromkeys(replaced, signal.SIG_IGN))
