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
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for command in dict.fromkeys(setting.command for setting in settings):
        table = Table(title=Text(command, "bold"), title_justify="left", box=None, header_style="dim")
        for column in COLUMNS[1:]:
            table.add_column(column)
        for setting in settings:
            if setting.command == command:
                style = "dim" if setting.source is None else "bold green"
                cells = (setting.option, _shown(setting.value), visible(setting.source or "default"))
                table.add_row(*(Text(cell, style) for cell in cells))
        console.print(table)


def _shown(value: Any) -> str:
    """A value as one would write it; a dash for none."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return visible(", ".join(map(str, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return visible(f"{value:g}" if isinstance(value, float) else str(value))
