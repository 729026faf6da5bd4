"""The fast paths of the cells: a whole sequence at once instead of step by step.

Each path has the signature of `charseq.cells.cell.unroll` and is held equal to it by tests: outputs, final
state and gradients, from any state, and in pieces.  Inputs may be `OneHot`, which is a look-up.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from charseq.cells import CELLS
from charseq.cells.cell import Cell, Gates, State, unroll
from charseq.cells.ops import UNTAPPED, OneHot, Ops
from charseq.errors import UsageError
from charseq.events import Kernel, Path
from charseq.model.network import Unroll
from charseq.native import kernels
from charseq.settings.train_settings import KernelChoice
from charseq.training.kernels import mlstm, native
from charseq.training.kernels.normalized import rnn_norm
from charseq.training.kernels.scan import attention, linear_scan

Inputs = Tensor | OneHot


def rnn(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_tanh(
        _dense(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return hs, cell.state(h[0])


def rnn_relu(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.RNN's kernel with relu: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.rnn_relu(
        _dense(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True
    )
    return hs, cell.state(h[0])


def lstm(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.LSTM's kernel: xs [B T I], state -> hs [B T H], final state."""
    start = (state.h[None], state.c[None])
    hs, h, c = torch.lstm(_dense(xs), start, _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0], c[0])


def gru(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """torch.nn.GRU's kernel: xs [B T I], state -> hs [B T H], final state."""
    hs, h = torch.gru(_dense(xs), state.h[None], _flat(w), True, 1, 0.0, torch.is_grad_enabled(), False, True)
    return hs, cell.state(h[0])


def scanned(
    gates: Gates, cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any
) -> tuple[Tensor, State]:
    """A cell that is linear in its state: all gates in one product, then a scan."""
    keep, add = gates(ops, w, xs, UNTAPPED)
    hs = linear_scan(keep, add, state.h)
    return hs, cell.state(hs[:, -1])


def none(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Inputs, state: Any) -> tuple[Tensor, State]:
    """A cell that reads no state: all positions in one product."""
    hs = cell.step(ops, w, xs, state).h
    return hs, cell.state(hs[:, -1])


class UnrollPath(NamedTuple):
    """A function that runs a cell over a sequence, and its names in the start event."""

    path: Path
    kernel: Kernel
    unroll: Unroll


BY_TORCH = {
    "rnn": UnrollPath("fused", "torch", rnn),
    "rnn-relu": UnrollPath("fused", "torch", rnn_relu),
    "rnn-norm": UnrollPath("fused", "torch", rnn_norm),
    "lstm": UnrollPath("fused", "torch", lstm),
    "gru": UnrollPath("fused", "torch", gru),
    "mlstm": UnrollPath("fused", "attention", attention),
    "none": UnrollPath("fused", "product", none),
}
"""Fast paths by cell name.  A cell whose gates depend on the input alone is scanned; any other is stepped."""


def select_path(cell: Cell, device: torch.device, choice: KernelChoice = "auto") -> UnrollPath:
    """Return the fastest path for a cell.  Raises UsageError where `native` is chosen and not available."""
    by_library = _by_library(cell) if device.type == "cpu" else None
    if choice == "native" and by_library is None:
        raise UsageError(f"--kernel native: {_why_not(cell, device)}", hint="use --kernel auto or torch")
    if by_library and choice != "torch":
        return UnrollPath("fused", "native", by_library)
    if cell.gates is not None:
        return UnrollPath("fused", "scan", partial(scanned, cell.gates))
    return BY_TORCH.get(cell.name, UnrollPath("stepped", "step", unroll))


def _by_library(cell: Cell) -> Unroll | None:
    """Return the path of a cell through the C library, if it is installed and has one."""
    if kernels() and cell is CELLS["mlstm"]:
        return mlstm.unroll
    return native.unroll if native.is_available(cell) else None


def _why_not(cell: Cell, device: torch.device) -> str:
    if device.type != "cpu":
        return f"it runs on CPUs only, and the device is {device}"
    if not kernels():
        return "charseq was installed without a C compiler, so it has no native kernels"
    return f"the cell {cell.name} has no native kernel; those with one are {', '.join([*kernels(), 'mlstm'])}"


def _dense(xs: Inputs) -> Tensor:
    """Return dense inputs, as torch's kernels require."""
    return xs.dense() if isinstance(xs, OneHot) else xs


def _flat(w: Mapping[str, Tensor]) -> list[Tensor]:
    return [w["W_x"], w["W_h"], w["b_x"], w["b_h"]]
