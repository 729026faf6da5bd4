"""charseq cells: list the cells.  Imports neither torch nor NumPy."""

import sys

import typer

from charseq.cli import streams
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format, examples

EXAMPLES = ["charseq cells", "charseq cells --json"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cells", epilog=examples(EXAMPLES))(streams.quiet_on_broken_pipe(cells))


def cells(
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """List the cells: name, state, parameters, source, what each is for.

    A package may bring cells of its own; they stand below charseq's.
    """
    from charseq.cells import all_cells
    from charseq.render.base import renderer_for
    from charseq.render.cells import CELLS

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    cells, broken = all_cells()
    with renderer_for(form, CELLS, sys.stdout) as renderer:
        for cell in cells:
            renderer.show(cell)
    for error in broken:
        streams.report(f"left out: {error.message}", "yellow")
