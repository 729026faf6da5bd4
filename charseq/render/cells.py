"""The list of cells: a table, plain lines, or JSON lines."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from charseq.cells.cell import Cell
from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("name", "state", "parameters", "source", "summary")
HEADINGS = ("cell", "state", "parameters", "source")
COLUMN_GAP = 2


def _record(cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "state": {name: cell.axes_of(name).split() for name in cell.state._fields},
        "parameters": cell.formula(),
        "tensors": {name: param.axes.split() for name, param in cell.params.items()},
        "source": cell.source,
        "summary": cell.summary,
    }


def _fields(cell: Cell) -> list[str]:
    fields = cell.state._fields
    state = [name if cell.axes_of(name) == "B H" else f"{name} [{cell.axes_of(name)}]" for name in fields]
    return list(map(visible, (cell.name, ", ".join(state), cell.formula(), cell.source, cell.summary)))


def _print_table(cells: Sequence[Cell], output: TextIO) -> None:
    """Print all fields if they fit on the screen, or else one line for each cell."""
    from rich.console import Console

    console = Console(file=output)
    with console.capture() as captured:
        _print_fields(console, cells)
    full = captured.get()
    if not console.is_terminal or full.count("\n") < console.height:
        console.file.write(full)
    else:
        _print_purposes(console, cells)


def _print_fields(console: "Console", cells: Sequence[Cell]) -> None:
    from rich.text import Text

    from charseq.render.columns import print_columns

    print_columns(
        console,
        HEADINGS,
        [[visible(field) for field in _short_fields(cell)] for cell in cells],
        droppable=["source"],
        foldable=["source", "state"],
        notes=[visible(cell.summary) for cell in cells],
        name_style="bold",
    )
    console.print(Text("I inputs, H hidden units; C is a matrix. --json adds axes and arXiv numbers.", "dim"))


def _print_purposes(console: "Console", cells: Sequence[Cell]) -> None:
    from rich.text import Text

    from charseq.render.columns import print_columns

    width = console.width - max(len(cell.name) for cell in cells) - COLUMN_GAP
    rows = [[visible(cell.name), _first_clauses(visible(cell.summary), width)] for cell in cells]
    print_columns(console, ("cell", "purpose"), rows, name_style="bold")
    console.print(Text("charseq cells --json shows the state, parameters and source of each cell.", "dim"))


def _short_fields(cell: Cell) -> list[str]:
    """Return the fields, the state without its axes, and the source without its arXiv number."""
    source = re.sub(r",? arXiv:[\d.v]+", "", cell.source)
    return [cell.name, ", ".join(cell.state._fields), cell.formula(), source]


def _first_clauses(text: str, width: int) -> str:
    """Return as many clauses of a text as fit into a line, or else as many words and an ellipsis."""
    if len(text) <= width:
        return text
    ends = [match.start() for match in re.finditer(r"[;:,] ", text) if match.start() <= width]
    if ends:
        return text[: ends[-1]]
    return text[: text.rfind(" ", 0, width - 1)] + " …"


CELLS = View(
    table=lambda output: TableAtEnd(output, _print_table),
    plain=lambda output: PlainLines(output, COLUMNS, lambda cell: [_fields(cell)]),
    json=lambda output: JSONLines(output, _record),
)
