"""What every command and group shares: its help page, its examples, and a quiet end on a closed pipe."""

from collections.abc import Callable, Sequence
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


def add_command(
    app: typer.Typer,
    name: str,
    function: Callable[..., None],
    lines: Sequence[str],
    cls: type[Command] = Command,
) -> None:
    """Add a command to the program or a group; `lines` are the examples of its help."""
    app.command(name, cls=cls, epilog=examples(lines))(streams.quiet_on_broken_pipe(function))


def new_group(name: str, lines: Sequence[str], **details: Any) -> typer.Typer:
    """Return a group of commands; `lines` are the examples of its help."""
    return typer.Typer(
        name=name,
        cls=Group,
        epilog=examples(lines),
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **details,
    )
