"""--config FILE.toml: options from a file.  Environment variables and flags override them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from charseq.cli import command_tree
from charseq.cli.options.shared import option
from charseq.errors import UsageError, quoted
from charseq.settings.setting import ADVANCED
from charseq.suggestions import did_you_mean
from charseq.system.file_errors import reason, remedy

LARGEST_FILE = 1_000_000
"""Bytes."""


def _load(context: typer.Context, path: Path | None) -> Path | None:
    """Make the values of a file the defaults of the command."""
    if path is not None:
        context.default_map = options_for(context, read(path), str(path))
    return path


def options_for(context: typer.Context, document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the values for the command of a context, by parameter; for a group also those of its commands.

    A key at the top applies to every command that has the option and, of several choices, this one.  A table
    with the name of a command holds options of that command, and tables of its subcommands.  Raises
    UsageError for an unknown key.
    """
    configuration = Configuration(command_tree.commands(context), source)
    configuration.load(document)
    return configuration.values_for(command_tree.path_of(context))


class Configuration:
    """The options that a document sets, by command and parameter."""

    def __init__(self, commands: Mapping[tuple[str, ...], Any], source: str) -> None:
        self._options = {path: _options(command) for path, command in commands.items()}
        self._source = source
        self._shared: dict[str, object] = {}
        """The values of keys at the top, by option."""
        self._keys: dict[tuple[str, str], str] = {}
        """The key that has set a parameter, by its table and the parameter's name."""
        self._own: dict[tuple[str, ...], dict[str, Any]] = {}
        """The values of each command's own table, by parameter name."""

    def load(self, document: Mapping[str, Any]) -> None:
        """Load a document.  Raises UsageError for an unknown key."""
        names = [name for options in self._options.values() for name in options]
        for key, value in document.items():
            if (key,) in self._options and (isinstance(value, dict) or key not in names):
                self._load_table((key,), value)
            elif isinstance(value, dict):
                commands = list(dict.fromkeys(path[0] for path in self._options))
                hint = did_you_mean(key, commands) or f"the commands are {', '.join(commands)}"
                raise UsageError(f"{self._source}: unknown command {quoted(key)}", hint=hint)
            else:
                _require_known(key, names, self._source)
                parameter = next(o[_plain(key)] for o in self._options.values() if _plain(key) in o)
                self._require_first(key, parameter, self._source)
                self._shared[key] = value

    def values_for(self, path: tuple[str, ...]) -> dict[str, Any]:
        """Return the values of a command, and those of its subcommands by their names."""
        options = self._options.get(path, {})
        shared = {
            options[_plain(key)].name: _value(options[_plain(key)], key, value, self._source)
            for key, value in self._shared.items()
            if _plain(key) in options and not self._is_for_others(options[_plain(key)], key, value)
        }
        subcommands = [other[-1] for other in self._options if other[:-1] == path]
        return {
            **shared,
            **self._own.get(path, {}),
            **{name: self.values_for((*path, name)) for name in subcommands},
        }

    def _is_for_others(self, parameter: Any, key: str, value: object) -> bool:
        """Return whether a value at the top is no choice of this command, but one of another command.

        The formats of `export` are other ones than those of output.
        """
        choices = [
            each.type.choices
            for options in self._options.values()
            if (each := options.get(_plain(key))) is not None and hasattr(each.type, "choices")
        ]
        own = getattr(parameter.type, "choices", None)
        return own is not None and value not in own and any(value in other for other in choices)

    def _load_table(self, path: tuple[str, ...], table: object) -> None:
        source = f"{self._source}: [{'.'.join(path)}]"
        if not isinstance(table, dict):
            raise UsageError(
                f"{self._source}: {quoted(path[-1])} is a command, not an option",
                hint=f"write [{'.'.join(path)}] above its options",
            )
        for key, value in table.items():
            if (*path, key) in self._options:
                self._load_table((*path, key), value)
                continue
            _require_known(key, self._options[path], source)
            parameter = self._options[path][_plain(key)]
            self._require_first(key, parameter, source)
            self._own.setdefault(path, {})[parameter.name] = _value(parameter, key, value, self._source)

    def _require_first(self, key: str, parameter: Any, source: str) -> None:
        """Raise UsageError if another spelling of a key has already set the parameter in the same table."""
        other = self._keys.setdefault((source, parameter.name), key)
        if other != key:
            raise UsageError(
                f"{source}: {quoted(other)} and {quoted(key)} are the same option", hint="keep one of them"
            )


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file.  Raises UsageError."""
    import tomllib  # imported only for a file: it takes as long as printing the help

    name = quoted(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise UsageError(f"{name} is larger than 1 MB", hint="check --config")
        return tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"cannot read {name}: {reason(error)}", hint=remedy(error, "check --config")
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02X} at byte offset {error.start}",
            hint="save the file as UTF-8",
        ) from None
    except (ValueError, RecursionError) as error:
        position = re.search(r"at line \d+, column \d+|at end of document", str(error))
        where = f" {position[0]}" if position else ""
        raise UsageError(
            f"{name} is not TOML: syntax error{where}", hint="write lines like epochs = 50"
        ) from None


def _options(command: Any) -> dict[str, Any]:
    """Return the parameters of a command by their long options, without leading dashes."""
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
        hint = f"{did_you_mean(key, known)} keys are the options of the commands, without --".lstrip()
        raise UsageError(f"{source}: unknown option {quoted(key)}", hint=hint)


def _value(parameter: Any, key: str, value: object, source: str) -> object:
    """Return a TOML value as the command line passes it: a boolean, a text, or a list of texts."""
    if parameter.is_flag:
        if isinstance(value, bool):
            return value
        raise _invalid(key, value, source, f"{key} is a flag: write {key} = true or {key} = false")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        if parameter.multiple or parameter.nargs != 1:
            return value
        raise _invalid(key, value, source, f"{key} takes one value, not a list")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return [str(value)] if parameter.multiple else str(value)
    raise _invalid(key, value, source, "write a string or a number")


def _invalid(key: str, value: object, source: str, hint: str) -> UsageError:
    import json

    written = json.dumps(value, ensure_ascii=False, default=str)
    return UsageError(f"{source}: invalid value {key} = {written}", hint=hint)


ConfigOption = Annotated[
    Path | None,
    option(
        "--config",
        metavar="FILE",
        help="TOML file of options (name = value). Flags and CHARSEQ_* variables override it.",
        callback=_load,
        is_eager=True,
        panel=ADVANCED,
    ),
]
