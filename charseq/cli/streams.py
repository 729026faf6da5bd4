"""The process's streams, made robust once for every command."""

import contextlib
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from charseq.system.signals import install

if TYPE_CHECKING:
    from charseq.cli.signals import Stop


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


def report_seed(weights: str, seed: int, *, in_caption: bool) -> None:
    """Report the seed of initial weights on standard error, unless a terminal shows it in a caption.

    It follows the data, so that a pipe whose reader has gone ends quietly.
    """
    sys.stdout.flush()
    if not (in_caption and sys.stdout.isatty()):
        say(f"{weights} weights, seed {seed}", "dim")


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
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()  # what an interrupted print has left: it would follow the line's end
            if sys.stderr.isatty():  # which has written ^C
                print(file=sys.stderr)  # noqa: T201
            raise

    return run


@contextlib.contextmanager
def killable() -> Iterator[None]:
    """Let Ctrl-C end the process at once, where a library would keep Python from heeding it."""
    replaced = install({signal.SIGINT: signal.SIG_DFL})
    try:
        yield
    finally:
        install(replaced)


@contextlib.contextmanager
def heard(stop: "Stop") -> Iterator[None]:
    """Write to standard output; where whoever read it has gone, ask for a stop, and write to nobody."""
    try:
        yield
    except BrokenPipeError:
        stop.unheard = True
        abandon(sys.stdout)
