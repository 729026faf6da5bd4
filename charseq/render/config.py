"""The options with their values and sources: a table, plain lines, or JSON lines."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.visible import visible

COLUMNS = ("command", "option", "value", "from")


class Setting(NamedTuple):
    """The value of an option."""

    command: str
    option: str
    value: Any
    source: str | None
    """An environment variable or a file; None for the default."""


def _record(setting: Setting) -> dict[str, Any]:
    return dict(zip(COLUMNS, (*setting[:3], setting.source or "default"), strict=True))


def _fields(setting: Setting) -> list[str]:
    source = visible(setting.source or "default")
    return [setting.command, setting.option, _value_text(setting.value), source]


def _value_text(value: Any) -> str:
    """Return a value as it is written in a command, or a dash for none."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return visible(", ".join(map(str, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return visible(f"{value:g}" if isinstance(value, float) else str(value))


def _print_table(settings: Sequence[Setting], output: TextIO) -> None:
    """Print a table for each command, with the options that are set in bold."""
    from rich.console import Console
    from rich.text import Text

    from charseq.render.columns import print_columns

    console = Console(file=output)
    for command in dict.fromkeys(setting.command for setting in settings):
        console.print(Text(command, "bold"))
        own = [setting for setting in settings if setting.command == command]
        rows = [_fields(setting)[1:] for setting in own]
        styles = ["dim" if setting.source is None else "bold green" for setting in own]
        print_columns(console, COLUMNS[1:], rows, foldable=["value"], styles=styles)


CONFIGURATION = View(
    table=lambda output: TableAtEnd(output, _print_table),
    plain=lambda output: PlainLines(output, COLUMNS, lambda setting: [_fields(setting)]),
    json=lambda output: JSONLines(output, _record),
)
