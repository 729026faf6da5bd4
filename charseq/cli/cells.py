"""charseq cells: list the cells.  Imports neither torch nor NumPy."""

import sys

import typer

from charseq.cli import streams
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import DebugOption, FormatOption, JSONOption, chosen_format

EXAMPLES = ["charseq cells", "charseq cells --json"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "cells", cells, EXAMPLES)


def cells(
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """List the cells: name, state, parameters, source and purpose.

    Cells of installed packages follow those of charseq.
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
