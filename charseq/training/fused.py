"""Whole sequences through torch's own kernels: oneDNN and ATen on a CPU, cuDNN on a GPU.

Each entry has the signature of `charseq.cells.cell.unroll` and is held equal to it by tests.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from charseq.cells.cell import Cell, Ops, State, unroll
from charseq.events import Path
from charseq.network import Unroll


def rnn(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_tanh(xs, state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
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


FUSED: dict[str, Unroll] = {"rnn": rnn, "lstm": lstm, "gru": gru}
"""The cells that torch has a kernel for; the others go step by step."""


def path_for(cell: Cell) -> tuple[Path, Unroll]:
    """The fastest path of a cell, and what it is called in the start event."""
    if cell.name in FUSED:
        return "fused", FUSED[cell.name]
    return "stepped", unroll


def _flat(w: Mapping[str, Tensor]) -> list[Tensor]:
    return [w["W_x"], w["W_h"], w["b_x"], w["b_h"]]
