"""The list of cells: a table, plain lines, or JSON lines."""

import json
from collections.abc import Sequence
from typing import Literal, TextIO

from charseq.cells.cell import Cell
from charseq.render.visible import visible

COLUMNS = ("name", "state", "parameters", "source", "summary")
HEADINGS = ("cell", "state", "parameters", "source", "")


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
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    rows = [[visible(field) for field in _fields(cell)] for cell in cells]
    widths = [max(len(row[i]) for row in [list(HEADINGS), *rows]) for i in range(3)]
    for i, (name, state, parameters, source, summary) in enumerate([HEADINGS, *rows]):
        line = Table.grid(padding=(0, 2, 0, 0))
        for width in widths:
            line.add_column(width=width, no_wrap=True)
        line.add_column()
        styles = ("bold", "", "cyan", "dim") if i else ("dim",) * 4
        texts = (name, state, parameters, source)
        line.add_row(*(Text(text, style) for text, style in zip(texts, styles, strict=True)))
        console.print(line)
        if i:
            console.print(Padding(Text(summary), (0, 0, 0, widths[0] + 2)))
    note = "I inputs, H hidden, B batch; fields of a state are [B H] if they say nothing else"
    console.print(Text(note, "dim"))
