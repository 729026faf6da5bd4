"""Options with their values and where those come from: a table, plain lines, or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TextIO

from charseq.render.visible import visible

COLUMNS = ("command", "option", "value", "from")


class Setting(NamedTuple):
    """What an option comes to."""

    command: str
    option: str
    value: Any
    source: str | None
    """A variable or a file; None is the default."""


def show(settings: Sequence[Setting], *, form: Literal["table", "plain", "json"], output: TextIO) -> None:
    """Show all of them; on a terminal those that were set stand out."""
    if form == "table":
        _show_table(settings)
        return
    if form == "plain":
        output.write("\t".join(COLUMNS) + "\n")
    for setting in settings:
        fields = (setting.command, setting.option, setting.value, setting.source or "default")
        if form == "plain":
            output.write("\t".join((*fields[:2], _shown(setting.value), visible(fields[3]))) + "\n")
        else:
            output.write(json.dumps(dict(zip(COLUMNS, fields, strict=True)), default=str) + "\n")


def _show_table(settings: Sequence[Setting]) -> None:
    from rich.console import Console
    from rich.text import Text

    from charseq.render.columns import print_columns

    console = Console()
    for command in dict.fromkeys(setting.command for setting in settings):
        console.print(Text(command, "bold"))
        mine = [setting for setting in settings if setting.command == command]
        rows = [(s.option, _shown(s.value), visible(s.source or "default")) for s in mine]
        styles = ["dim" if setting.source is None else "bold green" for setting in mine]
        print_columns(console, COLUMNS[1:], rows, foldable=["value"], styles=styles)


def _shown(value: Any) -> str:
    """A value as one would write it; a dash for none."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return visible(", ".join(map(str, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return visible(f"{value:g}" if isinstance(value, float) else str(value))
