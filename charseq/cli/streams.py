"""Standard input, output and error: robust streams, messages, and closed pipes."""

import contextlib
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from charseq.system.signals import install

if TYPE_CHECKING:
    from charseq.cli.signals import Stop


class _Messages:
    """The state of messages on standard error."""

    quiet = False
    """Whether only errors are printed."""
    follows = False
    """Whether another process trains together with this one, and reports for it."""
    waiting: ClassVar[list[tuple[str, str]]] = []
    """Messages, with their styles, that wait until the options of the command are known."""


def prepare(*, follows: bool = False) -> None:
    """Make streams robust: escape characters that an encoding lacks, and open streams that are closed.

    A size of the screen that is no positive number counts as unknown.  A process that `follows` another one
    prints nothing but errors of its own.
    """
    _Messages.follows = follows
    set_quiet(False)
    _Messages.waiting.clear()
    for name in ("COLUMNS", "LINES"):
        size = os.environ.get(name, "")
        if not size.isdecimal() or not int(size):
            os.environ.pop(name, None)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (never closed)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def redirect_to_null(stream: TextIO) -> None:
    """Redirect a stream whose reader has closed it, so that Python's own flush at exit does not fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def set_quiet(quiet: bool) -> None:
    """Choose whether `report` prints nothing but errors, as it always does in a process that follows."""
    _Messages.quiet = quiet or _Messages.follows


def follows() -> bool:
    """Return whether another process reports for this one."""
    return _Messages.follows


def is_quiet() -> bool:
    """Return whether only errors are printed."""
    return _Messages.quiet


def report_when_parsed(text: str, style: str = "") -> None:
    """Print a message once the options of the command are known, --quiet among them."""
    _Messages.waiting.append((text, style))


def report_waiting() -> None:
    """Print the messages that wait."""
    messages = [*_Messages.waiting]
    _Messages.waiting.clear()
    for text, style in messages:
        report(text, style)


def report(text: str, style: str = "", *, in_one_line: bool = False, error: bool = False) -> None:
    """Print a message on standard error, in color on a terminal; if quiet, only an `error`.

    `in_one_line` never wraps it, so that a command can be copied.
    """
    if _Messages.quiet and not error:
        return
    if not sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)  # noqa: T201
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(text, style), soft_wrap=in_one_line)


def report_seed(weights: str, seed: int, *, in_caption: bool) -> None:
    """Report the seed of the initial weights, unless a terminal shows it in a caption.

    Print it after the data, so that a pipe closed by its reader ends quietly.
    """
    sys.stdout.flush()
    if not (in_caption and sys.stdout.isatty()):
        report(f"{weights} weights, seed {seed}", "dim")


def report_unknown(count: int, action: str) -> None:
    """Report the number of characters that the model does not know, and how they were treated."""
    report(f"{count:,} unknown character{' was' if count == 1 else 's were'} {action}", "yellow")


def quiet_on_broken_pipe(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command to end quietly when its reader closes the pipe, and on a new line at Ctrl-C."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            report_waiting()
            command(*args, **options)
            sys.stdout.flush()
        except BrokenPipeError:  # caught here, because typer would exit with 1
            redirect_to_null(sys.stdout)
        except KeyboardInterrupt:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()  # output that the interrupt cut short belongs before the line end
            if sys.stderr.isatty():  # the terminal has written ^C
                print(file=sys.stderr)  # noqa: T201
            raise

    return run


@contextlib.contextmanager
def immediate_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once, even inside a library call that never returns to Python."""
    replaced = install({signal.SIGINT: signal.SIG_DFL})
    try:
        yield
    finally:
        install(replaced)


@contextlib.contextmanager
def stop_on_broken_pipe(stop: "Stop") -> Iterator[None]:
    """Request a stop if writing to standard output fails because its reader closed it."""
    try:
        yield
    except BrokenPipeError:
        stop.output_closed = True
        redirect_to_null(sys.stdout)
