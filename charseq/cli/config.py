"""--config FILE.toml: options from a file, beneath the environment and the flags."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from charseq.cli.options import option
from charseq.errors import UsageError

LARGEST_FILE = 1_000_000


def _load(context: typer.Context, path: Path | None) -> Path | None:
    """Make the file's values the defaults of the command; whatever else sets an option wins."""
    if path is not None:
        context.default_map = options_for(context, read(path), str(path))
    return path


def options_for(context: typer.Context, document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values of a document for the command of a context, by parameter name.

    A key at the top is an option of any command, and counts for those that have it; a table named after a
    command holds options of that one.  Raises UsageError for a key that is none.
    """
    group = context.parent.command if context.parent else context.command
    commands: Mapping[str, Any] = getattr(group, "commands", {})
    known = {name: _options(command) for name, command in commands.items()}
    everything = set().union(*known.values())
    mine, found = known[str(context.info_name)], {}
    for key, value in document.items():
        if key in commands:
            _require_table(key, value, source)
            for inner, inner_value in value.items():
                _require_known(inner, known[key], f"{source}: [{key}]")
                if key == context.info_name:
                    parameter = mine[_plain(inner)]
                    found[parameter.name] = _value(parameter, inner, inner_value, source)
        else:
            _require_known(key, everything, source)
            if _plain(key) in mine:
                parameter = mine[_plain(key)]
                found.setdefault(parameter.name, _value(parameter, key, value, source))
    return found


def read(path: Path) -> dict[str, Any]:
    """A TOML file.  Raises UsageError."""
    import tomllib  # with a file only: it takes as long as a screenful of help

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise UsageError(f"{str(path)!r} is more than 1 MB, which is no --config", hint="check --config")
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}", hint="check --config") from None
    except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
        raise UsageError(
            f"{str(path)!r} is not TOML: {error}", hint="write lines such as epochs = 50"
        ) from None


def _options(command: Any) -> dict[str, Any]:
    """The long options of a command, without dashes before them -> parameters."""
    return {
        _plain(name): parameter
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("--") and parameter.name != "config"
    }


def _plain(key: str) -> str:
    return key.lstrip("-").replace("_", "-")


def _require_known(key: str, known: Iterable[str], source: str) -> None:
    if _plain(key) not in known:
        near = difflib.get_close_matches(_plain(key), known, n=1)
        hint = f"did you mean {near[0]}?" if near else "its keys are the options of the commands, without --"
        raise UsageError(f"{source}: there is no option {key!r}", hint=hint)


def _require_table(key: str, value: object, source: str) -> None:
    if not isinstance(value, dict):
        raise UsageError(
            f"{source}: {key!r} is a command, not an option", hint=f"write [{key}] above its options"
        )


def _value(parameter: Any, key: str, value: object, source: str) -> object:
    """A TOML value as the command line would have it: true or false of a flag, else text, or a list of it."""
    if parameter.is_flag:
        if isinstance(value, bool):
            return value
        raise _no_value(key, value, source, f"{key} is a flag: write {key} = true or {key} = false")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        if parameter.multiple or parameter.nargs != 1:
            return value
        raise _no_value(key, value, source, f"{key} takes one value, not a list")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return [str(value)] if parameter.multiple else str(value)
    raise _no_value(key, value, source, "give a string or a number")


def _no_value(key: str, value: object, source: str, remedy: str) -> UsageError:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return UsageError(f"{source}: {key} = {shown} is no value for an option", hint=remedy)


ConfigOption = Annotated[
    Path | None,
    option(
        "--config",
        metavar="FILE",
        help="Options from a TOML file, as epochs = 50; flags and CHARSEQ_* win.",
        callback=_load,
        is_eager=True,
    ),
]
