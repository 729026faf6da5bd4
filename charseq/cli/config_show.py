"""charseq config show: every option's value, and where it comes from."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from charseq.cli import streams
from charseq.cli.config import options_for, read
from charseq.cli.options import FormatOption, JSONOption, chosen_format, examples, option
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
    group = typer.Typer(
        no_args_is_help=True, help="Look at what options come to.", epilog=examples(EXAMPLES[1:])
    )
    group.command("show", epilog=examples(EXAMPLES))(streams.quiet_when_unheard(show))
    group.callback()(lambda: None)
    app.add_typer(group, name="config")


def show(
    context: typer.Context,
    commands: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND]...", help="Of these commands only.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, option("--config", metavar="FILE", help="A TOML file to look at, as commands take it.")
    ] = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
) -> None:
    """Tell every option's value, and whether it is from the environment, a --config file, or a default.

    Flags of a command line win over all of these.
    """
    from charseq.render.config import Setting
    from charseq.render.config import show as shown

    root = context.find_root()
    every: dict[str, Any] = {
        name: command for name, command in getattr(root.command, "commands", {}).items() if _options(command)
    }
    for name in commands or []:
        if name not in every:
            hint = f"{did_you_mean(name, every)} there are {', '.join(every)}".lstrip()
            raise UsageError(f"there is no command {name!r} with options", hint=hint)
    document = None if config is None else read(config)
    settings = []
    for name in commands or every:
        inner = type(context)(every[name], info_name=name, parent=root)
        if document is not None:
            inner.default_map = options_for(inner, document, str(config))
        for parameter in _options(every[name]):
            value, source = _found(inner, parameter, str(config))
            settings.append(Setting(name, parameter.opts[0].removeprefix("--"), value, source))
    shown(settings, form=chosen_format(format, json=json, terminal=sys.stdout.isatty()), output=sys.stdout)


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
