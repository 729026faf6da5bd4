"""The cells by name: those of charseq, and those that other packages register.

Add a cell:

1. Write a file in this folder: the step, a pure function over `ops`, and a `Cell` that declares the state and
   the parameters.  `charseq.cells.classic` has examples.  The step's docstring has one equation for each
   tensor that the step records with `tap`.
2. Add the `Cell` to CELLS below.  Training, inference, inspection and the tests then include it.
3. For speed, add a kernel to `charseq/native/cells.c`, or an entry to `charseq.training.kernels.select`.

Another package registers a cell by an entry point in the group `charseq.cells`: `name = "module:CELL"`.
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
"""The cells of charseq."""

NGRAM = "ngram"
"""The name of the n-gram model where it is compared with cells; no cell can have it."""

ENTRY_POINTS = "charseq.cells"
"""The group of entry points in which other packages register cells."""


def cell_named(name: str) -> Cell:
    """Find a cell by its name.  Raises UsageError, with the most similar name."""
    if name in CELLS:
        return CELLS[name]
    others = registered()
    if name in others:
        return _load(others[name])
    names = [*CELLS, *others]
    hint = f"{did_you_mean(name, names)} the cells are {', '.join(names)}".lstrip()
    raise UsageError(f"unknown cell {name!r}", hint=hint)


def all_cells() -> tuple[list[Cell], list[UsageError]]:
    """Return every cell, those of charseq first, and the errors of those that cannot be loaded."""
    cells, errors = list(CELLS.values()), []
    for point in registered().values():
        try:
            cells.append(_load(point))
        except UsageError as error:
            errors.append(error)
    return cells, errors


def registered() -> dict[str, metadata.EntryPoint]:
    """Return the entry points of other packages' cells by name; they cannot replace a cell of charseq."""
    points = metadata.entry_points(group=ENTRY_POINTS)
    return {point.name: point for point in points if point.name not in {*CELLS, NGRAM}}


def _load(point: metadata.EntryPoint) -> Cell:
    """Load a registered cell.  Raises UsageError if it cannot be loaded or is not a `Cell`."""
    package = point.dist.name if point.dist else point.value
    try:
        cell = point.load()
    except Exception as error:  # another package may raise anything
        raise UsageError(
            f"cell {point.name!r} of the package {package} cannot be loaded: {type(error).__name__}: {error}",
            hint=f"fix or uninstall {package}",
        ) from error
    if not isinstance(cell, Cell) or cell.name != point.name:
        raise UsageError(
            f"cell {point.name!r} of the package {package} is not a charseq Cell of that name",
            hint=f"its entry point must name a charseq.cells.cell.Cell with name={point.name!r}",
        )
    return replace(cell, step=_checked_step(cell, f"cell {cell.name!r} of the package {package}"))


def _checked_step(cell: Cell, name: str) -> Step:
    """Wrap the step of another package's cell, so that errors name the package."""

    @functools.wraps(cell.step)
    def step(ops: Ops, w: Mapping[str, Array], x: Array, state: State, tap: Tap = UNTAPPED) -> State:
        try:
            after = cell.step(ops, w, x, state, tap)
            wrong = [f for f in state._fields if getattr(after, f).shape != getattr(state, f).shape]
        except Exception as error:
            raise UsageError(
                f"{name} failed: {type(error).__name__}: {error}", hint="fix its step"
            ) from error
        if wrong:
            is_, was = (tuple(getattr(s, wrong[0]).shape) for s in (after, state))
            raise UsageError(
                f"{name} returned {wrong[0]} of shape {is_}, where it is [{cell.axes_of(wrong[0])}], {was}",
                hint="fix its step",
            )
        return after

    return step
