"""The commands of the program, including those of groups."""

from collections.abc import Iterator
from typing import Any

import typer

Path = tuple[str, ...]
"""The names of a command below the program: ("train",), ("runs", "show")."""


def commands(context: typer.Context) -> dict[Path, Any]:
    """Return every command and group below the program of a context."""
    return dict(_below(context.find_root().command, ()))


def path_of(context: Any) -> Path:
    """Return the path of the command of a context."""
    if context.parent is None:
        return ()
    return (*path_of(context.parent), str(context.info_name))


def _below(group: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        yield (*path, name), command
        yield from _below(command, (*path, name))
