"""Help pages: usage, description, options by panel, commands, examples; at most 80 columns wide."""

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import typer

from charseq.settings.setting import (
    ADVANCED,
    CONSTRAINTS,
    MODEL,
    OUTPUT,
    SAMPLING,
    TEXT,
    TRAINING,
)

WIDTH = 78
"""Columns of a line; a screen of 80 then has a margin."""
NAMES_WIDTH = 24
"""Columns of the names of options; longer names have a line of their own."""
INDENT, GAP = 2, 2
LONGEST_WORD = 24
"""Characters up to which a default is kept on one line."""
NO_BREAK_SPACE = "\xa0"
PANELS = (
    "Arguments", "By hand", TEXT, MODEL, TRAINING, SAMPLING, CONSTRAINTS, "Tensors", "Units", OUTPUT,
    "Options", ADVANCED,
)  # fmt: skip
"""The panels in their order."""


def page(command: Any, context: Any) -> str:
    """Return the help page of a command or group, with colors unless NO_COLOR is set."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False):
            row = (_names(parameter, context), _description(parameter, context))
            panels.setdefault(_panel(parameter, context), []).append(row)
    usage = command.get_usage(context).replace("{", "").replace("}", "")  # typer's braces of an argument
    lines = [usage, *_prose(command.help or "")]
    for title in sorted(panels, key=PANELS.index):
        lines += _section(title, panels[title])
    if commands := getattr(command, "commands", {}):
        rows = [(name, _first_paragraph(inner.help or "")) for name, inner in commands.items()]
        lines += _section("Commands", rows)
    if command.epilog:
        lines += [
            "",
            _styled("Examples:", bold=True),
            *(" " * INDENT + e for e in command.epilog.split("\n")),
        ]
    return "\n".join(lines) + "\n"


def examples(lines: Sequence[str]) -> str:
    """Return the examples of a help page: commands that can be pasted from a screen of 80 columns.

    Raises ValueError for one that such a screen wraps.
    """
    if too_long := [line for line in lines if len(line) > WIDTH - INDENT]:
        raise ValueError(f"longer than {WIDTH - INDENT} columns: {too_long}")
    return "\n".join(lines)


def _panel(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    if context.parent is None:  # the program itself
        return "Options"
    without_panel = "Options" if getattr(context.command, "commands", {}) else ADVANCED
    return getattr(parameter, "rich_help_panel", None) or without_panel


def _names(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.make_metavar(context))
    names = ", ".join(sorted([*parameter.opts, *parameter.secondary_opts], key=lambda name: name[:2] == "--"))
    if parameter.is_flag:
        return names
    metavar = parameter.make_metavar(context)
    return f"{names} {metavar.strip('<>') if parameter.metavar is None else metavar}"


def _description(parameter: Any, context: Any) -> str:
    help = parameter.help or ""
    default = getattr(parameter, "show_default", False)
    if default is True and not getattr(parameter, "is_flag", False):
        default = parameter.get_default(context, call=False)
        default = f"{default:g}" if isinstance(default, float) else default
    if default is None or default is True or default is False or default == "":
        return help
    shown = f"[default: {default}]"
    return f"{help} {shown.replace(' ', NO_BREAK_SPACE) if len(shown) <= LONGEST_WORD else shown}"


def _prose(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph:
            yield ""
            yield from _wrapped(" ".join(paragraph.split()), WIDTH)


def _first_paragraph(text: str) -> str:
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def _section(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield _styled(f"{title}:", bold=True)
    rows = list(rows)
    longest = max((len(names) for names, _ in rows if len(names) <= NAMES_WIDTH), default=NAMES_WIDTH)
    column = INDENT + longest + GAP
    for names, text in rows:
        head = " " * INDENT + _styled(names, fg="cyan")
        indent = " " * column
        first, *rest = _wrapped(text, WIDTH - column)
        if len(names) <= longest:
            yield head + " " * (column - INDENT - len(names)) + first
        else:
            yield from (head, indent + first)
        yield from (indent + line for line in rest)


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap  # compiles patterns, which only help needs

    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(NO_BREAK_SPACE, " ") for line in lines]


def _styled(text: str, **style: Any) -> str:
    return text if os.environ.get("NO_COLOR") else typer.style(text, **style)
