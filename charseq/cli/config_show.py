"""charseq config show: each option's value and its source."""

import os
import sys
from collections.abc import Collection, Sequence
from typing import Annotated, Any

import typer

from charseq.cli import command_tree
from charseq.cli.command import add_command, new_group
from charseq.cli.config import ConfigOption, options_for, read
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format
from charseq.errors import UsageError
from charseq.suggestions import did_you_mean

EXAMPLES = [
    "charseq config show predict",
    "CHARSEQ_CELL=lstm charseq config show train compare | grep CHARSEQ_",
    "charseq config show --json",
]
HIDDEN = {"help", "config"}


def register(app: typer.Typer) -> None:
    """Add the command, and the group that it is in."""
    group = new_group("config", EXAMPLES[1:], no_args_is_help=True, help="Show the effective configuration.")
    group.callback()(lambda: None)
    add_command(group, "show", show, EXAMPLES)
    app.add_typer(group)


def show(
    context: typer.Context,
    commands: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]...", help="Only these commands.", show_default=False),
    ] = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show each option's value and its source: the environment, a --config file, or the default.

    Flags on the command line override all of them.
    """
    from charseq.render.base import renderer_for
    from charseq.render.config import CONFIGURATION, Setting

    every = {
        " ".join(path): (path, command)
        for path, command in command_tree.commands(context).items()
        if _options(command)
    }
    document = None if config is None else read(config)
    settings = []
    for name in _named(commands or [], every) or every:
        path, command = every[name]
        inner = _context_of(context.find_root(), path)
        if document is not None:
            inner.default_map = options_for(inner, document, str(config))
        for parameter in _options(command):
            value, source = _found(inner, parameter, str(config))
            settings.append(Setting(name, parameter.opts[0].removeprefix("--"), value, source))
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    with renderer_for(form, CONFIGURATION, sys.stdout) as renderer:
        for setting in settings:
            renderer.show(setting)


def _named(words: Sequence[str], every: Collection[str]) -> list[str]:
    """Return the commands that words name; "runs show" may be one word or two.  Raises UsageError."""
    names: list[str] = []
    for word in words:
        if names and f"{names[-1]} {word}" in every:
            names[-1] += f" {word}"
        elif word in every:
            names.append(word)
        else:
            hint = f"{did_you_mean(word, every)} there are {', '.join(every)}".lstrip()
            raise UsageError(f"there is no command {word!r} with options", hint=hint)
    return names


def _context_of(root: Any, path: command_tree.Path) -> Any:
    """Return a context such as the command would run in."""
    context, inner = root, root.command
    for name in path:
        inner = getattr(inner, "commands", {})[name]
        context = type(root)(inner, info_name=name, parent=context)
    return context


def _options(command: Any) -> list[Any]:
    """The long options of a command that can come from elsewhere."""
    return [
        parameter
        for parameter in command.params
        if parameter.opts[0].startswith("--") and not parameter.hidden and parameter.name not in HIDDEN
    ]


def _found(context: Any, parameter: Any, file: str) -> tuple[Any, str | None]:
    """A value as the command will have it, and where it is from: a variable, the file, or None by default.

    Raises what the command would raise for it.
    """
    variable = "CHARSEQ_" + parameter.opts[0].removeprefix("--").replace("-", "_").upper()
    value, source = parameter.consume_value(context, {})
    if parameter.envvar is None and os.environ.get(variable):  # read by the command itself
        return [os.environ[variable]], variable
    value = parameter.type_cast_value(context, value)
    if source.name == "ENVIRONMENT":
        return value, variable
    if source.name == "DEFAULT_MAP":
        return value, file
    told = getattr(parameter, "show_default", None)
    return (told if value is None and isinstance(told, str) else value), None
