"""Variables that begin as those of charseq do: a misspelt one is told of, for nothing else would notice."""

import os

import typer

from charseq.cli import command_tree, streams
from charseq.render.visible import visible
from charseq.suggestions import suggestions

PREFIX = "CHARSEQ_"
BESIDE_OPTIONS = {"CHARSEQ_RUNS", "CHARSEQ_DEBUG"}


def tell_of_unknown(context: typer.Context) -> None:
    """Say which variables no command of the program of `context` has an option for."""
    given = {name for name in os.environ if name.startswith(PREFIX)}
    if not given:
        return
    known = BESIDE_OPTIONS | _of_options(context)
    for name in sorted(given - known):
        near = suggestions(name.removeprefix(PREFIX), [k.removeprefix(PREFIX) for k in sorted(known)])
        remedy = f"did you mean {PREFIX}{near[0]}?" if near else "it does nothing"
        streams.report(f"charseq: {visible(name)} is not an option of charseq; {remedy}", "yellow")


def _of_options(context: typer.Context) -> set[str]:
    commands = command_tree.commands(context).values()
    names = {name for command in commands for parameter in command.params for name in parameter.opts}
    return {PREFIX + name.removeprefix("--").replace("-", "_").upper() for name in names if name[:2] == "--"}
