"""charseq config show: each option's value and its source."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from charseq.cli import command_tree
from charseq.cli.command import add_command, new_group
from charseq.cli.config import ConfigOption, options_for, read
from charseq.cli.environment import variable
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format
from charseq.errors import UsageError, quoted
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

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    document = None if config is None else read(config)
    with renderer_for(form, CONFIGURATION, sys.stdout) as renderer:
        for name, path, command in _named(context, commands or []):
            inner = _context_of(context.find_root(), path)
            if document is not None:
                inner.default_map = options_for(inner, document, str(config))
            values = [(p, *_value_and_source(inner, p, str(config))) for p in _options(command)]
            for parameter, value, source in values:
                renderer.show(Setting(name, parameter.opts[0].removeprefix("--"), value, source))


def _named(context: typer.Context, words: Sequence[str]) -> list[tuple[str, command_tree.Path, Any]]:
    """Return name, path and command for the named commands, by default for all that have options.

    "runs show" may be one word or two.  Raises UsageError.
    """
    commands = {
        " ".join(path): (" ".join(path), path, command)
        for path, command in command_tree.commands(context).items()
        if _options(command)
    }
    names: list[str] = []
    for word in words:
        if names and f"{names[-1]} {word}" in commands:
            names[-1] += f" {word}"
        elif word in commands:
            names.append(word)
        else:
            hint = did_you_mean(word, commands) or f"the commands are {', '.join(commands)}"
            raise UsageError(f"unknown command {quoted(word)}", hint=hint)
    return [commands[name] for name in names or commands]


def _context_of(root: Any, path: command_tree.Path) -> Any:
    """Return the context that a command would run in."""
    context, inner = root, root.command
    for name in path:
        inner = getattr(inner, "commands", {})[name]
        context = type(root)(inner, info_name=name, parent=context)
    return context


def _options(command: Any) -> list[Any]:
    """Return the options of a command that the environment or a file can set."""
    return [
        parameter
        for parameter in command.params
        if parameter.opts[0].startswith("--") and not parameter.hidden and parameter.name not in HIDDEN
    ]


def _value_and_source(context: Any, parameter: Any, file: str) -> tuple[Any, str | None]:
    """Return the value of an option, and its source: a variable, the file, or None for the default.

    Raises the error that the command would raise for the value.
    """
    value, source = parameter.consume_value(context, {})
    context.set_parameter_source(parameter.name, source)  # for the message of an error
    context.params["config"] = file
    variables = parameter.envvar or [variable(parameter.opts[0])]
    set_variable = next((name for name in variables if os.environ.get(name)), None)
    if parameter.envvar is None and set_variable:  # read by the command itself
        return [os.environ[set_variable]], set_variable
    try:
        value = parameter.type_cast_value(context, value)
    except typer.BadParameter as error:
        error.ctx, error.param = context, parameter  # as the command's own parser does
        raise
    if source.name == "ENVIRONMENT":
        return value, set_variable
    if source.name == "DEFAULT_MAP":
        return value, file
    default = getattr(parameter, "show_default", None)
    return (default if value is None and isinstance(default, str) else value), None
