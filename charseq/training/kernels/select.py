"""Whole sequences at once, instead of step by step: the fast paths of the cells.

Each path has the signature of `charseq.cells.cell.unroll` and is held equal to it by tests: outputs, final
state and gradients, from any state, and in pieces.  Inputs may be `OneHot`, which is a look-up.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charseq.cells.cell import Cell, Gates, State, unroll
from charseq.cells.ops import UNTAPPED, OneHot, Ops
from charseq.errors import UsageError
from charseq.events import Kernel, Path
from charseq.model.network import Unroll
from charseq.native import kernels
from charseq.settings.train_settings import KernelChoice
from charseq.training.kernels import native
from charseq.training.kernels.normalized import rnn_norm
from charseq.training.kernels.scan import linear_scan, mlstm

Inputs = Tensor | OneHot


def rnn(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_tanh(
        _written(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return hs, cell.state(h[0])


def rnn_relu(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel with relu: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_relu(
        _written(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return hs, cell.state(h[0])


def lstm(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.LSTM's kernel: xs [B T I], state -> hs [B T H], final state."""
    start = (state.h[None], state.c[None])
    hs, h, c = torch.lstm(_written(xs), start, _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0], c[0])


def gru(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.GRU's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.gru(
        _written(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return hs, cell.state(h[0])


def scanned(
    gates: Gates, cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any
) -> tuple[Tensor, State]:
    """A cell that is linear in its state: all gates in one product, then a scan."""
    keep, add = gates(ops, w, xs, UNTAPPED)
    hs = linear_scan(keep, add, state.h)
    return hs, cell.state(hs[:, -1])


def none(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """A cell that reads no state: all places in one product."""
    hs = cell.step(ops, w, xs, state).h
    return hs, cell.state(hs[:, -1])


class Way(NamedTuple):
    """How a cell is run over a sequence, and what that is called in the start event."""

    path: Path
    kernel: Kernel
    unroll: Unroll


BY_TORCH = {
    "rnn": Way("fused", "torch", rnn),
    "rnn-relu": Way("fused", "torch", rnn_relu),
    "rnn-norm": Way("fused", "torch", rnn_norm),
    "lstm": Way("fused", "torch", lstm),
    "gru": Way("fused", "torch", gru),
    "mlstm": Way("fused", "attention", mlstm),
    "none": Way("fused", "product", none),
}
"""Fast paths by cell; one whose gates see its input alone is scanned, any other goes step by step."""


def way_for(cell: Cell, device: torch.device, choice: KernelChoice = "auto") -> Way:
    """The fastest way to run a cell.  Raises UsageError where `native` is asked for and not there."""
    able = device.type == "cpu" and native.is_available(cell)
    if choice == "native" and not able:
        raise UsageError(f"--kernel native: {_why_not(cell, device)}", hint="use --kernel auto or torch")
    if able and choice != "torch":
        return Way("fused", "native", native.unroll)
    if cell.gates is not None:
        return Way("fused", "scan", partial(scanned, cell.gates))
    return BY_TORCH.get(cell.name, Way("stepped", "step", unroll))


def _why_not(cell: Cell, device: torch.device) -> str:
    if device.type != "cpu":
        return f"it is for CPUs, and the device is {device}"
    if not kernels():
        return "this installation is without it, for there was no C compiler when it was made"
    return f"it has the cells {', '.join(kernels())}, and not {cell.name}"


def _written(xs: Inputs) -> Tensor:
    """Inputs with their ones and zeros written out, as torch's kernels read them."""
    return xs.written() if isinstance(xs, OneHot) else xs


def _flat(w: Mapping[str, Tensor]) -> list[Tensor]:
    return [w["W_x"], w["W_h"], w["b_x"], w["b_h"]]
