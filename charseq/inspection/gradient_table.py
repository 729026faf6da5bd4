"""How far the gradient of each position's loss reaches back, for every position of a text, without torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.cells.cell import Cell, State, shape_of
from charseq.cells.ops import Ops
from charseq.inspection.reverse_mode import Tape, Tracked
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import Floats, ignore_overflow, log_softmax, require_finite
from charseq.text.vocabulary import Ids

MAX_POSITIONS = 40
"""The most positions of a text."""
MAX_PRODUCTS = 1.5e9
"""Products of a parameter and a position that a table may take: a few seconds on one core."""
MAX_BYTES = 200e6
"""Memory of the recorded operations at once."""
ARRAYS_PER_STEP = 45
"""Arrays [H] that a step of the largest cell records, with their gradients."""


@dataclass(frozen=True)
class GradientTable:
    """The loss at each of T positions, and its gradient with respect to the states before it."""

    losses: tuple[float, ...]
    """The loss at each position, in nats [T]."""
    norms: npt.NDArray[np.float64]
    """[T T]: the norm of the gradient of the loss at a position (row) with respect to the state after a step
    (column), over all layers and fields.  0 for later steps.
    """


def positions_within_limits(network: Network) -> int:
    """Return the number of positions for which a table takes a few seconds, at most MAX_POSITIONS."""
    by_time = int((MAX_PRODUCTS / max(network.parameter_count(), 1)) ** 0.5)
    by_memory = int(MAX_BYTES / _bytes_per_step(network))
    return max(0, min(MAX_POSITIONS, by_time, by_memory))


def gradient_table(
    network: Network, arrays: Mapping[str, Floats], ids: Ids
) -> Iterator[float | GradientTable]:
    """Compute the table of a text of T + 1 ids, in float64.

    Yields the finished share, 0 to 1, and at last the table.  All rows of a batch read the same text, and the
    loss of each is that of another position; so one pass backwards gives the gradients of many positions.
    """
    w = network.arrange({name: array.astype(np.float64) for name, array in arrays.items()})
    count = len(ids) - 1
    rows = max(1, min(count, int(MAX_BYTES / (_bytes_per_step(network) * count))))
    norms = np.zeros((count, count))
    losses: list[float] = []
    for first in range(0, count, rows):
        positions = np.arange(first, min(first + rows, count))
        with ignore_overflow():
            part_losses, part = _norms(network, w, ids.astype(np.int64), positions)
        losses += part_losses
        norms[positions, : part.shape[1]] = part
        yield float(positions[-1] + 1) / count
    require_finite(norms)
    yield GradientTable(tuple(losses), norms)


def _norms(
    network: Network, w: Weights, ids: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]
) -> tuple[list[float], npt.NDArray[np.float64]]:
    """Return the losses at R positions, and the gradient norms [R S] of the S steps up to the last one."""
    tape, steps = Tape(), int(positions[-1]) + 1
    states: list[list[Tracked]] = [[] for _ in range(steps)]

    def unroll_with_leaves(
        cell: Cell, ops: Ops, weights: Mapping[str, Any], xs: Any, state: State
    ) -> tuple[Any, State]:
        """Unroll with every field of a state as a leaf, so that its gradient can be read."""
        outputs = []
        for t in range(steps):
            state = cell.step(ops, weights, xs[:, t], state)
            state = cell.state(*(tape.leaf(field) for field in state))
            states[t] += state
            outputs.append(state.h)
        return tape.stack(outputs, 1), state

    read = np.tile(ids[:steps], (len(positions), 1))
    starts = network.initial_states(tape, w, len(positions))
    hs, _ = network.forward(tape, w, network.embed(tape, w, read), starts, unroll=unroll_with_leaves)
    row = np.arange(len(positions))
    log_p = log_softmax(network.read_out(w, hs.value[row, positions]))
    targets = ids[positions + 1]
    slope = np.exp(log_p)
    slope[row, targets] -= 1  # the gradient of the loss with respect to the logits
    seed = np.zeros(hs.shape)
    seed[row, positions] = slope @ w.head["W"] if w.head else slope
    gradients = tape.gradients(hs, seed)
    squares = np.zeros((len(positions), steps))
    for t, fields in enumerate(states):
        for field in fields:
            gradient = gradients.get(field.number)
            if gradient is not None:
                squares[:, t] += (gradient * gradient).reshape(len(positions), -1).sum(1)
    return (-log_p[row, targets]).tolist(), np.sqrt(squares)


def _bytes_per_step(network: Network) -> float:
    """Estimate the memory of a step of one row."""
    cell, sizes = network.cell, {"B": 1, "H": network.hidden_size}
    fields = sum(float(np.prod(shape_of(cell.axes_of(name), sizes))) for name in cell.state._fields)
    largest = max(ARRAYS_PER_STEP * network.hidden_size, 8 * fields)
    return 8.0 * network.layers * largest
