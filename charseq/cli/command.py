"""What every command and group shares: its help page, its examples, and a quiet end on a closed pipe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from charseq.cli import streams
from charseq.cli.help import examples, page


class Command(TyperCommand):
    """A command with charseq's help page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        formatter.write(page(self, ctx))


class Group(TyperGroup):
    """A group with charseq's help page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        formatter.write(page(self, ctx))


class LazyCommands(Mapping[str, Any]):
    """Commands by name; the module of a command is imported when the command is first used."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules
        self._commands: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._commands:
            self._commands[name] = _command_of(self._modules[name], name)
        return self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def _command_of(module: str, name: str) -> Any:
    """Return the command, or the group, that a module registers."""
    app = new_group("charseq", [])
    app.callback()(lambda: None)
    import_module(module).register(app)
    return typer.main.get_group(app).commands[name]


def add_command(
    app: typer.Typer,
    name: str,
    function: Callable[..., None],
    lines: Sequence[str],
    cls: type[Command] = Command,
) -> None:
    """Add a command to the program or a group; `lines` are the examples of its help."""
    app.command(name, cls=cls, epilog=examples(lines))(streams.quiet_on_broken_pipe(function))


def new_group(name: str, lines: Sequence[str], cls: type[Group] = Group, **details: Any) -> typer.Typer:
    """Return a group of commands; `lines` are the examples of its help."""
    return typer.Typer(
        name=name,
        cls=cls,
        epilog=examples(lines),
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **details,
    )
