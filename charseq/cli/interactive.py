"""charseq predict --interactive: a screen that follows every key."""

import os
import sys
import unicodedata

from charseq.cli.keys import CTRL_C, CTRL_D, ESCAPE, pressed_keys
from charseq.errors import UnknownCharacter, UsageError
from charseq.inference.explorer import Explorer
from charseq.model.model_file import Model
from charseq.render.quantities import count
from charseq.text.units import Unknown

SECONDS_BETWEEN_RESIZE_CHECKS = 0.25
QUIT = {ESCAPE, CTRL_C, CTRL_D}
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
    with console.screen() as display, pressed_keys() as keys:
        while True:
            width, height = console.size
            lines = screen(explorer, name, message, width=width, height=height, ascii_only=ascii_only)
            display.update(Group(*lines))
            for key in keys.read(SECONDS_BETWEEN_RESIZE_CHECKS):
                if key in QUIT:
                    return
                if len(key) == 1:
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
