"""Environment variables of options, and warnings about unknown ones."""

import os

import typer

from charseq.cli import command_tree, streams
from charseq.render.visible import visible
from charseq.suggestions import suggestions

PREFIX = "CHARSEQ_"
BESIDE_OPTIONS = {"CHARSEQ_RUNS", "CHARSEQ_DEBUG"}
"""Variables that no option has."""

TRUE_WORDS = {"1", "true", "t", "yes", "y", "on"}
"""The values that the option parser reads as true, in lower case."""


def variable(option: str) -> str:
    """Return the environment variable of an option: CHARSEQ_HIDDEN_SIZE for --hidden-size."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()


def debug() -> bool:
    """Return whether CHARSEQ_DEBUG asks for tracebacks, also of errors before options are parsed."""
    return os.environ.get("CHARSEQ_DEBUG", "").strip().lower() in TRUE_WORDS


def warn_of_unknown(context: typer.Context) -> None:
    """Warn of CHARSEQ_ variables that belong to no option; a misspelled one would have no effect."""
    present = {name for name in os.environ if name.startswith(PREFIX)}
    if not present:
        return
    known = BESIDE_OPTIONS | _of_options(context)
    for name in sorted(present - known):
        near = suggestions(name.removeprefix(PREFIX), [k.removeprefix(PREFIX) for k in sorted(known)])
        remedy = f"did you mean {PREFIX}{near[0]}?" if near else "it has no effect"
        streams.report_when_parsed(
            f"charseq: {visible(name)} is not an option of charseq; {remedy}", "yellow"
        )


def _of_options(context: typer.Context) -> set[str]:
    commands = command_tree.commands(context).values()
    names = {name for command in commands for parameter in command.params for name in parameter.opts}
    return {variable(name) for name in names if name.startswith("--")}
