"""charseq predict --interactive: a screen that follows every key."""

import codecs
import contextlib
import os
import re
import select
import signal
import sys
import unicodedata
from collections.abc import Iterator

import typer

from charseq.errors import ExitCode, UnknownCharacter, UsageError
from charseq.inference.explorer import Explorer
from charseq.model.model_file import Model
from charseq.render.quantities import count
from charseq.system.signals import install
from charseq.text.units import Unknown

SECONDS_BETWEEN_RESIZE_CHECKS = 0.25
ESCAPE_SEQUENCE_SECONDS = 0.05
"""The longest wait for the rest of an escape sequence."""
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\x1b])", re.DOTALL)
"""The characters that a terminal sends for an arrow key, for example, or for a key pressed with Alt."""
QUIT = {"\x1b", "\x03", "\x04"}
"""Esc, Ctrl-C and Ctrl-D."""
TAB, ENTER, CTRL_U, BACKSPACE = "\t", {"\r", "\n"}, "\x15", {"\x7f", "\x08"}


def interact(model: Model, name: str, prompt: str, unknown: Unknown, label: str | None = None) -> None:
    """Show the most likely next characters after every key, until the user quits.

    Raises UsageError without a terminal, UnknownCharacter for the prompt.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.name != "posix":
        raise UsageError(
            "--interactive requires a terminal for input and output",
            hint="leave it out in a pipe; --json gives the probabilities of each step",
        )
    from rich.console import Console, Group

    from charseq.render.explorer import screen

    explorer = Explorer(model, label)
    name = name if label is None else f"{name}, {label}"
    changed = explorer.write(prompt, unknown)
    message = f"{count(changed, 'unknown character')} {_treatment(model, unknown)}" if changed else ""
    console = Console(highlight=False)
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    with console.screen() as display, _key_batches() as batches:
        while True:
            width, height = console.size
            lines = screen(explorer, name, message, width=width, height=height, ascii_only=ascii_only)
            display.update(Group(*lines))
            for key in next(batches):
                if key in QUIT:
                    return
                message = handle_key(explorer, key, unknown)


def handle_key(explorer: Explorer, key: str, unknown: Unknown) -> str:
    """Change the text by a key, and return a message or an empty string."""
    vocabulary = explorer.model.vocabulary
    character = "\n" if key in ENTER else key
    try:
        if key == TAB:
            return "" if explorer.accept() else "end of line; started a new line"
        if key in BACKSPACE:
            explorer.shorten()
        elif key == CTRL_U:
            explorer.write("")
        elif unicodedata.category(key) == "Cc" and key not in ENTER:
            return ""
        elif key in ENTER and vocabulary.boundary:
            explorer.write("")
            return "started a new line"
        else:
            explorer.add(character)
    except UnknownCharacter as error:
        name = error.message.partition(", ")[0]
        if unknown == "error":
            return f"{name} is not in the model's vocabulary"
        if unknown == "replace":
            explorer.add(character, unknown)
        return f"{name} is unknown: {_treatment(explorer.model, unknown)}"
    return ""


def _treatment(model: Model, unknown: Unknown) -> str:
    return "skipped" if unknown == "skip" else f"read as {model.vocabulary.replacement!r}"


@contextlib.contextmanager
def _key_batches() -> Iterator[Iterator[list[str]]]:
    """Read single keys from the terminal, and restore its modes at the end."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    modes_before = termios.tcgetattr(descriptor)

    def terminate(number: int, _: object) -> None:
        raise typer.Exit(ExitCode.TERMINATED)

    replaced = install({signal.SIGTERM: terminate, signal.SIGHUP: terminate})
    try:
        tty.setcbreak(descriptor)
        modes = termios.tcgetattr(descriptor)
        modes[3] &= ~termios.ISIG  # read Ctrl-C as a key, and ignore Ctrl-Z
        modes[0] &= ~termios.IXON
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
        yield _read_keys(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, modes_before)
        install(replaced)


def _read_keys(descriptor: int) -> Iterator[list[str]]:
    """Yield typed characters, without escape sequences; an empty list if no key was pressed."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    while True:
        if not _is_readable(descriptor, SECONDS_BETWEEN_RESIZE_CHECKS):
            yield []
            continue
        data = os.read(descriptor, 1024)
        if data.endswith(b"\x1b") and _is_readable(descriptor, ESCAPE_SEQUENCE_SECONDS):
            data += os.read(descriptor, 1024)
        yield list(_ESCAPE_SEQUENCE.sub("", decoder.decode(data))) if data else ["\x04"]


def _is_readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])
