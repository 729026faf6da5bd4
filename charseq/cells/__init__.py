"""The cells, by name.  A new one is a file beside this and an entry in this table."""

import difflib

from charseq.cells.cell import Cell
from charseq.cells.classic import GRU, LSTM, RNN
from charseq.errors import UsageError

CELLS: dict[str, Cell] = {cell.name: cell for cell in (RNN, LSTM, GRU)}


def cell_named(name: str) -> Cell:
    """Find a cell.  Raises UsageError, which says what it may have meant."""
    if name in CELLS:
        return CELLS[name]
    near = difflib.get_close_matches(name.lower(), CELLS, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"there is no cell {name!r}", hint=f"{meant}the cells are {', '.join(CELLS)}")
