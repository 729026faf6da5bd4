"""The list of cells: a table, plain lines, or JSON lines."""

import json
import re
from collections.abc import Sequence
from typing import Literal, TextIO

from charseq.cells.cell import Cell
from charseq.render.visible import visible

COLUMNS = ("name", "state", "parameters", "source", "summary")
HEADINGS = ("cell", "state", "parameters", "source")
COLUMN_GAP = 2


def show(cells: Sequence[Cell], *, form: Literal["table", "plain", "json"], output: TextIO) -> None:
    """Show every cell; parameters are those of a layer with I inputs and H hidden."""
    if form == "table":
        _show_table(cells)
        return
    if form == "plain":
        output.write("\t".join(COLUMNS) + "\n")
    for cell in cells:
        if form == "plain":
            output.write("\t".join(map(visible, _fields(cell))) + "\n")
            continue
        record = {
            "name": cell.name,
            "state": {name: cell.axes_of(name).split() for name in cell.state._fields},
            "parameters": cell.formula(),
            "tensors": {name: param.axes.split() for name, param in cell.params.items()},
            "source": cell.source,
            "summary": cell.summary,
        }
        output.write(json.dumps(record) + "\n")


def _fields(cell: Cell) -> list[str]:
    fields = cell.state._fields
    state = [name if cell.axes_of(name) == "B H" else f"{name} [{cell.axes_of(name)}]" for name in fields]
    return [cell.name, ", ".join(state), cell.formula(), cell.source, cell.summary]


def _show_table(cells: Sequence[Cell]) -> None:
    """Show all fields if the screen has room for two lines a cell; else name and purpose, one line each."""
    from rich.console import Console
    from rich.text import Text

    from charseq.render.columns import print_columns

    console = Console()
    summaries = [visible(cell.summary) for cell in cells]
    with console.capture() as captured:
        rows = [[visible(field) for field in _short_fields(cell)] for cell in cells]
        print_columns(
            console,
            HEADINGS,
            rows,
            droppable=["source"],
            foldable=["source", "state"],
            notes=summaries,
            name_style="bold",
        )
        console.print(
            Text("I inputs, H hidden units; C is a matrix; --json has axes and arXiv numbers", "dim")
        )
    full = captured.get()
    if not console.is_terminal or full.count("\n") < console.height:
        console.file.write(full)
        return
    room = console.width - max(len(cell.name) for cell in cells) - COLUMN_GAP
    rows = [[visible(cell.name), _clause(text, room)] for cell, text in zip(cells, summaries, strict=True)]
    print_columns(console, ("cell", "purpose"), rows, name_style="bold")
    console.print(Text("charseq cells --json has state, parameters and source of each", "dim"))


def _short_fields(cell: Cell) -> list[str]:
    """Return what a screen has room for: a state without its axes, a source without its arXiv number."""
    source = re.sub(r",? arXiv:[\d.v]+", "", cell.source)
    return [cell.name, ", ".join(cell.state._fields), cell.formula(), source]


def _clause(text: str, width: int) -> str:
    """Return a text, or as many of its clauses or else of its words as fit into a line."""
    if len(text) <= width:
        return text
    ends = [match.start() for match in re.finditer(r"[;:,] ", text) if match.start() <= width]
    if ends:
        return text[: ends[-1]]
    return text[: text.rfind(" ", 0, width - 1)] + " …"
