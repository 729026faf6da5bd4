"""charseq runs remove: delete runs, after a question.  Never imports torch."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import completions, streams
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format, option
from charseq.errors import ExitCode, UsageError
from charseq.render.base import NoOutput, renderer_for
from charseq.render.quantities import count, size
from charseq.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charseq.runs.removal import Removal

EXAMPLES = ["charseq runs remove 0001-gru --yes"]


def register(group: typer.Typer) -> None:
    """Add the command to the group of commands for runs."""
    add_command(group, "remove", remove, EXAMPLES)


def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="A run's folder, its name in runs/ or its number, or the folder of a comparison.",
            show_default=False,
            autocompletion=completions.runs,
        ),
    ],
    yes: Annotated[bool, option("--yes", help="Delete without asking (for scripts).")] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Delete runs: their models and logs.  The number of a run is never used again.

    Other files in a run's folder are kept; the folder is then kept as well.
    """
    from charseq.render.runs import REMOVALS
    from charseq.runs.removal import removals
    from charseq.runs.removal import remove as remove_run

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    chosen = removals(names)
    if not yes:
        _ask(chosen)
    is_listed = form == "table" and not yes  # by the question
    with NoOutput["Removal"]() if is_listed else renderer_for(form, REMOVALS, sys.stdout) as renderer:
        for removal in chosen:
            if not remove_run(removal):
                folder = visible(str(removal.folder))
                streams.report(f"{folder} is kept: it has files that charseq did not make", "yellow")
            renderer.show(removal)
    streams.report(f"removed {_total(chosen)}", "dim")


def _ask(chosen: "Sequence[Removal]") -> None:
    """Ask whether to delete runs.  Raises UsageError without a terminal, typer.Exit for a no."""
    from charseq.render.runs import REMOVALS

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("runs remove asks before it deletes, which needs a terminal", hint="add --yes")
    with renderer_for("table", REMOVALS, sys.stderr) as renderer:
        for removal in chosen:
            renderer.show(removal)
    sys.stderr.write(f"delete {_total(chosen)}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        streams.report("nothing was removed" if answer else "\nnothing was removed")
        raise typer.Exit(ExitCode.FAILED)


def _total(chosen: "Sequence[Removal]") -> str:
    return f"{count(len(chosen), 'run')}, {size(sum(removal.bytes for removal in chosen))}"
