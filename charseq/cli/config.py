"""--config FILE.toml: options from a file, beneath the environment and the flags."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from charseq.cli import command_tree
from charseq.cli.options.shared import option
from charseq.errors import UsageError
from charseq.settings.setting import ADVANCED
from charseq.suggestions import did_you_mean
from charseq.system.file_errors import reason, remedy

LARGEST_FILE = 1_000_000


def _load(context: typer.Context, path: Path | None) -> Path | None:
    """Make the file's values the defaults of the command; whatever else sets an option wins."""
    if path is not None:
        context.default_map = options_for(context, read(path), str(path))
    return path


def options_for(context: typer.Context, document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values of a document for the command of a context, by parameter name; of a group also by command.

    A key at the top is an option of any command, and counts for those that have it; a table named after a
    command holds options of that one, and tables of its commands.  Raises UsageError for a key that is none.
    """
    found = Document(command_tree.commands(context), source)
    found.read(document)
    return found.values_for(command_tree.path_of(context))


class Document:
    """What a file sets, by command and parameter."""

    def __init__(self, commands: Mapping[tuple[str, ...], Any], source: str) -> None:
        self._options = {path: _options(command) for path, command in commands.items()}
        self._source = source
        self._shared: dict[str, object] = {}
        """The values of keys at the top, by option."""
        self._own: dict[tuple[str, ...], dict[str, Any]] = {}
        """The values of a command's own table, by parameter name."""

    def read(self, document: Mapping[str, Any]) -> None:
        """Take in a document.  Raises UsageError for a key that is no option."""
        everything = [name for options in self._options.values() for name in options]
        for key, value in document.items():
            if (key,) in self._options and (isinstance(value, dict) or key not in everything):
                self._read_table((key,), value)
            elif isinstance(value, dict):
                names = [path[0] for path in self._options]
                hint = did_you_mean(key, names) or f"the commands are {', '.join(dict.fromkeys(names))}"
                raise UsageError(f"{self._source}: there is no command {key!r}", hint=hint)
            else:
                _require_known(key, everything, self._source)
                self._shared[key] = value

    def values_for(self, path: tuple[str, ...]) -> dict[str, Any]:
        """Return the values of a command, and those of every command below it by its name."""
        mine = self._options.get(path, {})
        shared = {
            mine[_plain(key)].name: _value(mine[_plain(key)], key, value, self._source)
            for key, value in self._shared.items()
            if _plain(key) in mine
        }
        inner = [other[-1] for other in self._options if other[:-1] == path]
        return {
            **shared,
            **self._own.get(path, {}),
            **{name: self.values_for((*path, name)) for name in inner},
        }

    def _read_table(self, path: tuple[str, ...], table: object) -> None:
        source = f"{self._source}: [{'.'.join(path)}]"
        if not isinstance(table, dict):
            key = path[-1]
            raise UsageError(
                f"{self._source}: {key!r} is a command, not an option",
                hint=f"write [{'.'.join(path)}] above its options",
            )
        for key, value in table.items():
            if (*path, key) in self._options:
                self._read_table((*path, key), value)
                continue
            _require_known(key, self._options[path], source)
            parameter = self._options[path][_plain(key)]
            self._own.setdefault(path, {})[parameter.name] = _value(parameter, key, value, self._source)


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
        raise UsageError(
            f"cannot read {str(path)!r}: {reason(error)}", hint=remedy(error, "check --config")
        ) from None
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
        hint = f"{did_you_mean(key, known)} its keys are the options of the commands, without --".lstrip()
        raise UsageError(f"{source}: there is no option {key!r}", hint=hint)


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
        help="TOML file of options, such as epochs = 50. Flags and CHARSEQ_* variables override it.",
        panel=ADVANCED,
        callback=_load,
        is_eager=True,
    ),
]
