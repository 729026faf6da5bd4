"""The cells, by name: charseq's own, and those that other packages register.

A new one of ours is a file beside this and an entry in this table.  A package of other people's names its
own in the entry points `charseq.cells`, as `name = "module:CELL"`.
"""

import functools
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata

from charseq.cells.cell import Cell, State, Step
from charseq.cells.classic import GRU, LSTM, NONE, RNN, RNN_RELU
from charseq.cells.exponential import MLSTM, SLSTM
from charseq.cells.minimal import MINGRU, MINLSTM
from charseq.cells.normalized import RNN_NORM
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap
from charseq.errors import UsageError
from charseq.suggestions import did_you_mean

CELLS: dict[str, Cell] = {
    cell.name: cell for cell in (RNN, RNN_RELU, RNN_NORM, LSTM, GRU, MINGRU, MINLSTM, SLSTM, MLSTM, NONE)
}
ENTRY_POINTS = "charseq.cells"


def cell_named(name: str) -> Cell:
    """Find a cell.  Raises UsageError, which says what it may have meant."""
    if name in CELLS:
        return CELLS[name]
    others = registered()
    if name in others:
        return _loaded(others[name])
    names = [*CELLS, *others]
    hint = f"{did_you_mean(name, names)} the cells are {', '.join(names)}".lstrip()
    raise UsageError(f"there is no cell {name!r}", hint=hint)


def all_cells() -> tuple[list[Cell], list[UsageError]]:
    """Every cell there is, charseq's own first, and what is wrong with those that could not be loaded."""
    found, broken = list(CELLS.values()), []
    for point in registered().values():
        try:
            found.append(_loaded(point))
        except UsageError as error:
            broken.append(error)
    return found, broken


def registered() -> dict[str, metadata.EntryPoint]:
    """The cells of other packages, by name, not yet loaded; a name of charseq's own is never taken over."""
    found = metadata.entry_points(group=ENTRY_POINTS)
    return {point.name: point for point in found if point.name not in CELLS}


def _loaded(point: metadata.EntryPoint) -> Cell:
    """Load a registered cell.  Raises UsageError where it is none."""
    package = point.dist.name if point.dist else point.value
    try:
        cell = point.load()
    except Exception as error:  # whatever another package may raise
        raise UsageError(
            f"cell {point.name!r} of the package {package} cannot be loaded: {type(error).__name__}: {error}",
            hint=f"mend or uninstall {package}",
        ) from error
    if not isinstance(cell, Cell) or cell.name != point.name:
        raise UsageError(
            f"cell {point.name!r} of the package {package} is not a charseq Cell of that name",
            hint=f"its entry point must name a charseq.cells.cell.Cell with name={point.name!r}",
        )
    return replace(cell, step=_watched(cell, f"cell {cell.name!r} of the package {package}"))


def _watched(cell: Cell, name: str) -> Step:
    """The step of a cell that is not ours: what goes wrong in it is told as its own fault."""

    @functools.wraps(cell.step)
    def step(ops: Ops, w: Mapping[str, Array], x: Array, state: State, tap: Tap = UNTAPPED) -> State:
        try:
            after = cell.step(ops, w, x, state, tap)
            wrong = [f for f in state._fields if getattr(after, f).shape != getattr(state, f).shape]
        except Exception as error:
            raise UsageError(
                f"{name} failed: {type(error).__name__}: {error}", hint="mend its step"
            ) from error
        if wrong:
            is_, was = (tuple(getattr(s, wrong[0]).shape) for s in (after, state))
            raise UsageError(
                f"{name} returned {wrong[0]} of shape {is_}, where it is [{cell.axes_of(wrong[0])}], {was}",
                hint="mend its step",
            )
        return after

    return step
