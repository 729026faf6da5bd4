"""Read the units of a network over a text of any length, piece by piece: states, gates and other tensors."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.cells import CELLS
from charseq.cells.cell import Cell, State, shape_of
from charseq.cells.ops import Array, OneHot, Ops, Tap
from charseq.errors import UsageError, quoted
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY, Floats, ignore_overflow, require_finite
from charseq.model.stepper import Reader
from charseq.suggestions import did_you_mean

MAX_ROWS = 128
"""Sequences, or segments of a sequence, that are read side by side."""
SHORTEST_SEGMENT = 4096
"""Symbols per segment; a sequence shorter than two segments is read from beginning to end."""
WARM_UP = 256
"""Symbols before a segment that are read first, to reach a state, and do not count."""
MAX_STATE_VALUES = 1 << 24
"""Values of the states of all rows."""
PIECE_VALUES = 1 << 21
"""Values of a tensor in one piece, so that a piece fits the cache."""


class Source(NamedTuple):
    """A tensor of a layer that has a value for each unit."""

    layer: int
    tensor: str
    """The name that the cell's tap gives it: h, c, i, f, ..."""


class Piece(NamedTuple):
    """The values of some tensors after some symbols of a text."""

    positions: npt.NDArray[np.int64]
    """[N], each position of the text in one piece only."""
    values: Sequence[Floats]
    """[N H] for each source."""


def unit_tensors(network: Network) -> tuple[str, ...]:
    """Return the names of the cell's tensors [B H], in the order of execution."""
    names: list[str] = []

    class Names:
        def __call__(self, name: str, value: Array, axes: str) -> Array:
            if axes == "B H" and not name.startswith("initial."):
                names.append(name)
            return value

        def at(self, *, layer: int | None = None, step: int | None = None) -> "Names":
            return self

    small = Network(network.cell_name, 2, 2, head="none")
    zeros = {name: np.zeros(spec.shape, np.float32) for name, spec in small.parameter_specs().items()}
    weights = small.arrange(zeros)
    xs = small.embed(NUMPY, weights, np.zeros((1, 1), np.intp))
    with ignore_overflow():
        small.forward(NUMPY, weights, xs, small.initial_states(NUMPY, weights, 1), tap=Names())
    return tuple(dict.fromkeys(names))


def state_tensors(network: Network) -> tuple[str, ...]:
    """Return the names of the fields of the state that have a value for each unit: h, and c of an lstm."""
    return tuple(name for name in network.cell.state._fields if network.cell.axes_of(name) == "B H")


def gate_tensors(network: Network) -> tuple[str, ...]:
    """Return the names of the tensors whose values are from 0 to 1, by their equations."""
    equations = network.cell.equations()
    is_gate = {name for name, text in equations.items() if text.startswith(("sigmoid(", "exp("))}
    return tuple(name for name in unit_tensors(network) if name in is_gate)


def sources_of(network: Network, tensor: str | None, layer: int | None) -> tuple[Source, ...]:
    """Return a tensor of all layers or of one; by default the fields of the state, with "all" every tensor.

    Raises UsageError, also for a layer that does not exist.
    """
    known = unit_tensors(network)
    names = state_tensors(network) if tensor is None else known if tensor == "all" else (tensor,)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"the cell {network.cell_name} has no tensor {quoted(unknown[0])} with a value for each unit"
            + (f"; {near}" if (near := did_you_mean(unknown[0], known)) else ""),
            hint=f"its tensors are {', '.join(known)}; all is every one of them",
        )
    if layer is not None and layer >= network.layers:
        last = network.layers - 1
        raise UsageError(
            f"there is no layer {layer}; "
            + (f"layers are numbered from 0 to {last}" if last else "the only layer is 0"),
            hint=f"use --layer {last} for the last one" if last else "omit --layer",
        )
    layers = range(network.layers) if layer is None else [layer]
    return tuple(Source(number, name) for number in layers for name in names)


def read_units(
    model: Model, text: UnitText, sources: Sequence[Source], *, native: bool = True
) -> Iterator[Piece]:
    """Yield the values of the units of some tensors after every symbol of a text, in any order.

    Sequences are read side by side.  A long one is split into segments of `SHORTEST_SEGMENT` symbols or more,
    whose state comes from the `WARM_UP` symbols before.  The network is read alone, without an n-gram model.
    If `native` is false, or other tensors than states are asked for, the cell's step runs over NumPy.

    Raises CharseqError for NaN or infinite values.
    """
    segments = _segments(text)
    order = np.argsort(segments[:, 0] - segments[:, 2], kind="stable")
    rows = _max_rows(model.network)
    for start in range(0, len(segments), rows):
        yield from _read_batch(model, text, sources, segments[order[start : start + rows]], native)


def _max_rows(network: Network) -> int:
    """Return the number of rows that are read side by side: fewer if a state has a matrix."""
    sizes = {"B": 1, "H": network.hidden_size}
    fields = network.cell.state._fields
    values = sum(math.prod(shape_of(network.cell.axes_of(field), sizes)) for field in fields)
    return max(1, min(MAX_ROWS, MAX_STATE_VALUES // (values * network.layers)))


def _segments(text: UnitText) -> npt.NDArray[np.int64]:
    """Return where to begin to read, to count and to end, for each segment [S 3]."""
    if int((text.ends - text.starts).max(initial=0)) < 2 * SHORTEST_SEGMENT:
        return np.stack([text.starts, text.starts, text.ends], 1)
    segments = []
    for start, end in zip(text.starts.tolist(), text.ends.tolist(), strict=True):
        count = max(1, min(MAX_ROWS, (end - start) // SHORTEST_SEGMENT))
        edges = np.linspace(start, end, count + 1).astype(np.int64)
        segments.append(np.stack([np.maximum(edges[:-1] - WARM_UP, start), edges[:-1], edges[1:]], 1))
    return np.concatenate(segments)


def _read_batch(
    model: Model, text: UnitText, sources: Sequence[Source], segments: npt.NDArray[np.int64], native: bool
) -> Iterator[Piece]:
    """Read segments in falling order of length side by side."""
    begin, counted, end = segments.T
    lengths = end - begin
    reader = _reader(model, sources, len(segments), native=native)
    rows, first = len(segments), 0
    while first < lengths[0]:
        active = int(np.count_nonzero(lengths > first))
        if active < rows:
            rows = active
            reader.keep(rows)
        steps = max(1, PIECE_VALUES // (rows * model.network.hidden_size))
        steps = min(steps, int(lengths[0]) - first)
        positions = begin[:rows] + np.arange(first, first + steps)[:, None]
        is_counted = (positions >= counted[:rows]) & (positions < end[:rows])
        values = reader.read(text.ids[np.minimum(positions, end[:rows] - 1)])
        first += steps
        if is_counted.any():
            flat = [value.reshape(-1, value.shape[-1]) for value in values]
            chosen = is_counted.ravel()
            flat = flat if chosen.all() else [value[chosen] for value in flat]
            yield Piece(positions.ravel()[chosen], flat)


class _StateReader:
    """Reads states with native kernels."""

    def __init__(self, base: Reader, network: Network, sources: Sequence[Source]) -> None:
        fields = network.cell.state._fields
        self._base = base
        self._chosen = [(source.layer, fields.index(source.tensor)) for source in sources]

    def read(self, ids: npt.NDArray[Any]) -> list[Floats]:
        """Read ids [T B] -> the values of each source [T B H]."""
        states = self._base.advance_states(ids)
        return [states[layer][field] for layer, field in self._chosen]

    def keep(self, rows: int) -> None:
        """Continue with the first rows only."""
        self._base.keep(range(rows))


class _TapReader:
    """Reads any tensor with the cell's step over NumPy; all rows share a matrix product."""

    def __init__(self, model: Model, sources: Sequence[Source], rows: int) -> None:
        network = self._network = model.network
        arrays = {n: np.asfortranarray(a) if a.ndim == 2 else a for n, a in model.arrays.items()}
        self._weights, self._tap = network.arrange(arrays), _Taps(sources)
        self._states = network.initial_states(NUMPY, self._weights, rows)

    def read(self, ids: npt.NDArray[Any]) -> list[Floats]:
        """Read ids [T B] -> the values of each source [T B H]."""
        network, weights, tap = self._network, self._weights, self._tap
        is_looked_up = network.cell.name in CELLS or network.embedding_size
        steps = []
        with ignore_overflow():
            for row in ids:
                x = network.look_up(NUMPY, weights, row)
                x = x if is_looked_up or not isinstance(x, OneHot) else x.dense()
                _, self._states = network.forward(NUMPY, weights, x, self._states, tap=tap, unroll=_one_step)
                steps.append(tap.values())
        return [np.stack(values) for values in zip(*steps, strict=True)]

    def keep(self, rows: int) -> None:
        """Continue with the first rows only."""
        self._states = tuple(type(state)(*(field[:rows] for field in state)) for state in self._states)


def _reader(model: Model, sources: Sequence[Source], rows: int, *, native: bool) -> _StateReader | _TapReader:
    if native:
        reader = Reader(model.network, model.weights, rows)
        if {source.tensor for source in sources} <= {*reader.state_fields}:
            return _StateReader(reader, model.network, sources)
    return _TapReader(model, sources, rows)


def _one_step(
    cell: Cell, ops: Ops, w: Mapping[str, Array], x: Array, state: State, *, tap: Tap
) -> tuple[Array, State]:
    """Advance one step, x [B I] -> h [B H] and the state: `unroll` without an axis for time."""
    after = cell.step(ops, w, x, state, tap)
    return after.h, after


class _Taps:
    """A tap that keeps the tensors of some sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._layer = 0
        self._found: dict[tuple[int, str], Floats] = {}

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        self._found[self._layer, name] = value
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "_Taps":
        self._layer = self._layer if layer is None else layer
        return self

    def values(self) -> list[Floats]:
        """Return the values of each source [B H] at the last step."""
        return [self._found[source] for source in self._sources]


def tensor_values(model: Model, text: UnitText, source: Source) -> Floats:
    """Return the values [N H] of a tensor after every symbol.  Raises CharseqError if not finite."""
    values = np.empty((len(text), model.network.hidden_size), np.float32)
    for piece in read_units(model, text, [source]):
        values[piece.positions] = piece.values[0]
    require_finite(values)
    return values
