"""Whole sequences at once, instead of step by step: the fast paths of the cells.

Each path has the signature of `charseq.cells.cell.unroll` and is held equal to it by tests: outputs, final
state and gradients, from any state, and in pieces.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from charseq.cells.cell import Cell, Gates, State, unroll
from charseq.cells.ops import UNTAPPED, Ops
from charseq.events import Path
from charseq.network import Unroll
from charseq.training.parallel import linear_scan, mlstm


def rnn(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_tanh(xs, state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0])


def rnn_relu(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel with relu: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_relu(xs, state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0])


def lstm(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """torch.nn.LSTM's kernel: xs [B T I], state -> hs [B T H], final state."""
    start = (state.h[None], state.c[None])
    hs, h, c = torch.lstm(xs, start, _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0], c[0])


def gru(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """torch.nn.GRU's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.gru(xs, state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0])


def scanned(
    gates: Gates, cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any
) -> tuple[Tensor, State]:
    """A cell that is linear in its state: all gates in one product, then a scan."""
    keep, add = gates(ops, w, xs, UNTAPPED)
    hs = linear_scan(keep, add, state.h)
    return hs, cell.state(hs[:, -1])


def none(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """A cell that reads no state: every place of the batch is a row of one step."""
    hs = cell.step(ops, w, xs.flatten(0, 1), state).h.unflatten(0, xs.shape[:2])
    return hs, cell.state(hs[:, -1])


FUSED: dict[str, Unroll] = {
    "rnn": rnn,
    "rnn-relu": rnn_relu,
    "lstm": lstm,
    "gru": gru,
    "mlstm": mlstm,
    "none": none,
}
"""Fast paths by cell; a cell with gates of its input alone is scanned, any other goes step by step.

(An sLSTM gained nothing by one product for all its inputs: 1.0 to 1.1 times the step.)
"""


def path_for(cell: Cell) -> tuple[Path, Unroll]:
    """The fastest path of a cell, and what it is called in the start event."""
    if cell.gates is not None:
        return "fused", partial(scanned, cell.gates)
    if cell.name in FUSED:
        return "fused", FUSED[cell.name]
    return "stepped", unroll


def _flat(w: Mapping[str, Tensor]) -> list[Tensor]:
    return [w["W_x"], w["W_h"], w["b_x"], w["b_h"]]
