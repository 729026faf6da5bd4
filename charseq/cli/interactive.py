"""charseq predict --interactive: a terminal that answers every key."""

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

from charseq.errors import ExitStatus, UnknownCharacter, UsageError
from charseq.inference.explorer import Explorer
from charseq.model.model_file import Model
from charseq.system.signals import install
from charseq.text.units import Unknown

SECONDS_BETWEEN_LOOKS = 0.25
"""At the size of the terminal, where no key is pressed."""
SECONDS_OF_A_SEQUENCE = 0.05
"""In which the rest of a key's sequence follows its escape character."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\x1b])", re.DOTALL)
"""What a key such as an arrow sends, or one that is pressed together with Alt."""
QUIT = {"\x1b", "\x03", "\x04"}
TAB, ENTER, ANEW, BACKSPACES = "\t", {"\r", "\n"}, "\x15", {"\x7f", "\x08"}


def interact(model: Model, name: str, prompt: str, unknown: Unknown) -> None:
    """Show what may come next with every key, until someone quits.

    Raises UsageError where there is no terminal, UnknownCharacter for the prompt.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.name != "posix":
        raise UsageError(
            "--interactive needs a terminal for input and output",
            hint="leave it out in a pipe; --json tells each step's probabilities",
        )
    from rich.console import Console, Group

    from charseq.render.explorer import screen

    explorer = Explorer(model)
    changed = explorer.write(prompt, unknown)
    console = Console(highlight=False)
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    told = f"{changed:,} unknown character{'s' * (changed != 1)} {_done(model, unknown)}" if changed else ""
    with console.screen() as shown, _keys() as keys:
        while True:
            width, height = console.size
            lines = screen(explorer, name, told, width=width, height=height, ascii_only=ascii_only)
            shown.update(Group(*lines))
            for key in next(keys):
                if key in QUIT:
                    return
                told = _answered(explorer, key, unknown)


def _answered(explorer: Explorer, key: str, unknown: Unknown) -> str:
    """Do what a key asks for.  Returns what is to be said about it."""
    vocabulary = explorer.model.vocabulary
    character = "\n" if key in ENTER else key
    try:
        if key == TAB:
            return "" if explorer.accept() else "the line ended there; this is a new one"
        if key in BACKSPACES:
            explorer.shorten()
        elif key == ANEW:
            explorer.write("")
        elif unicodedata.category(key) == "Cc" and key not in ENTER:
            return ""
        elif key in ENTER and vocabulary.boundary:
            explorer.write("")
            return "a new line"
        else:
            explorer.add(character)
    except UnknownCharacter as error:
        name = error.message.partition(", ")[0]
        if unknown == "error":
            return f"{name} is not in the model's vocabulary"
        if unknown == "replace":
            explorer.add(character, unknown)
        return f"{name} is unknown: {_done(explorer.model, unknown)}"
    return ""


def _done(model: Model, unknown: Unknown) -> str:
    """Return a note on how unknown characters are treated."""
    return "skipped" if unknown == "skip" else f"read as {model.vocabulary.replacement!r}"


@contextlib.contextmanager
def _keys() -> Iterator[Iterator[list[str]]]:
    """The keys that are pressed, some at a time; afterwards the terminal is as it was."""
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def ended(number: int, _: object) -> None:
        raise typer.Exit(ExitStatus.TERMINATED)

    replaced = install({signal.SIGTERM: ended, signal.SIGHUP: ended})
    try:
        tty.setcbreak(descriptor)
        mode = termios.tcgetattr(descriptor)
        mode[3] &= ~termios.ISIG  # Ctrl-C is a key like others, and Ctrl-Z none
        mode[0] &= ~termios.IXON
        termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        yield _pressed(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        install(replaced)


def _pressed(descriptor: int) -> Iterator[list[str]]:
    """Characters as they are typed; those of a key that sends a sequence, as an arrow, are left out."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    while True:
        if not _waits(descriptor, SECONDS_BETWEEN_LOOKS):
            yield []
            continue
        data = os.read(descriptor, 1024)
        if data.endswith(b"\x1b") and _waits(descriptor, SECONDS_OF_A_SEQUENCE):
            data += os.read(descriptor, 1024)
        yield list(_SEQUENCE.sub("", decoder.decode(data))) if data else ["\x04"]


def _waits(descriptor: int, seconds: float) -> bool:
    """Whether something is there to be read within so long."""
    return bool(select.select([descriptor], [], [], seconds)[0])
