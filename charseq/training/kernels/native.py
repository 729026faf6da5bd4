"""The cells through charseq.native: whole sequences in C on a CPU, each core with rows of its own.

Inputs are one-hot vectors given as ids, whose products with W_x are rows of a table, or vectors, for which
one large product stands before the recurrence; another one gives the gradient of W_h after it.
"""

import ctypes
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from charseq.cells.cell import Cell, State
from charseq.cells.ops import OneHot, Ops
from charseq.native import KERNELS, Kernel, Recurrence, library, threads

if hasattr(os, "register_at_fork"):  # the pool of torch does not survive a fork either
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
if threads.forked:
    torch.set_num_threads(1)


def is_there(cell: Cell) -> bool:
    """Whether a cell has a kernel, and this installation has them."""
    return cell.name in KERNELS and library() is not None


def unroll(
    cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor | OneHot, state: Any
) -> tuple[Tensor, State]:
    """Run a cell in C: xs [B T I], state -> hs [B T H], final state.

    Raises TypeError for what is not float32 on a CPU.
    """
    kernel = KERNELS[cell.name]
    w_x, bias, b_n = w["W_x"], w["b_x"], None
    if w_x.dtype != torch.float32 or w_x.device.type != "cpu":
        raise TypeError(f"the native kernels are for float32 on a CPU, not {w_x.dtype} on {w_x.device}")
    if cell.name == "gru":  # there n comes first, and the part of its bias that r acts on comes later
        hidden = state.h.shape[1]
        b_rz, b_n = w["b_h"][: 2 * hidden], w["b_h"][2 * hidden :]
        bias = (bias + functional.pad(b_rz, (0, hidden))).roll(hidden)
        w_x = w_x.roll(hidden, 0)
    elif "b_h" in w:
        bias = bias + w["b_h"]
    if isinstance(xs, OneHot):
        ids, x_gates = xs.ids.t().contiguous(), w_x.t() + bias
    else:
        ids, x_gates = None, functional.linear(xs.transpose(0, 1), w_x, bias)
    apply: Callable[..., tuple[Tensor, ...]] = _Recurrence.apply
    w_h = w["W_h"].contiguous() if kernel.recurrent else None
    hs, *finals = apply(kernel, torch.is_grad_enabled(), ids, x_gates.contiguous(), w_h, b_n, *state)
    return hs, cell.state(*finals)


class _Recurrence(torch.autograd.Function):
    """x_gates [T B G], or a table of them [V G] with ids [T B], state -> hs [B T H], final state."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: Kernel,
        goes_back: bool,
        ids: Tensor | None,
        x_gates: Tensor,
        w_h: Tensor | None,
        b_n: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        steps, rows = (x_gates if ids is None else ids).shape[:2]
        size = state[0].shape[1]
        fields = [first.new_empty(steps + 1, rows, size) for first in state]
        for field, first in zip(fields, state, strict=True):
            field[0] = first
        slots = x_gates.new_empty(steps, rows, kernel.slots * size) if goes_back else None
        told = Recurrence(kernel.number, _threads(rows), steps, rows, size)
        told.ids, told.x_gates, told.w_h, told.b_n, told.slots = map(_at, (ids, x_gates, w_h, b_n, slots))
        told.states[: len(fields)] = [_at(field) for field in fields]
        _call("charseq_forward", told)
        if goes_back:
            ctx.kernel, ctx.slots, ctx.fields = kernel, slots, fields
            ctx.save_for_backward(ids, w_h, x_gates if ids is not None else None)
        return fields[0][1:].transpose(0, 1), *(field[-1].clone() for field in fields)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hs: Tensor, *d_finals: Tensor) -> tuple[Tensor | None, ...]:
        kernel, slots, fields = ctx.kernel, ctx.slots, ctx.fields
        if slots is None:
            raise RuntimeError("a sequence can be gone back over only once")
        ctx.slots = ctx.fields = None  # slots are about to be written over
        ids, w_h, table = ctx.saved_tensors
        steps, rows, _ = slots.shape
        size = fields[0].shape[2]
        d_hs = d_hs.transpose(0, 1).contiguous()
        d_states = [d.clone(memory_format=torch.contiguous_format) for d in d_finals]
        d_x_gates = slots[..., : kernel.gates * size] if ids is None else torch.empty_like(table)
        told = Recurrence(kernel.number, _threads(rows), steps, rows, size)
        told.ids, told.w_h, told.slots, told.d_hs = map(_at, (ids, w_h, slots, d_hs))
        told.states[: len(fields)] = [_at(field) for field in fields]
        told.d_states[: len(fields)] = [_at(d) for d in d_states]
        if ids is not None:
            told.d_table, told.symbols = _at(d_x_gates), len(table)
        _call("charseq_back", told)
        d_w_h = d_b_n = None
        if w_h is not None:
            by_gates = slots.view(steps * rows, -1)[:, -kernel.recurrent * size :]
            d_w_h = by_gates.t() @ fields[0][:-1].view(steps * rows, size)
        if kernel is KERNELS["gru"]:
            d_b_n = slots[..., -size:].sum((0, 1))
        return None, None, None, d_x_gates, d_w_h, d_b_n, *d_states


def dropout(hs: Tensor, part: float, random: torch.Generator) -> Tensor:
    """Leave out a part of hs [B T H] by chance, and scale the rest so that the mean stays; float32 on a CPU.

    Which part follows from two numbers, drawn here, and the place alone, so that nothing is kept for the way
    back.  Source: Srivastava et al. 2014, "Dropout".
    """
    key, other = torch.randint(1 << 32, (2,), generator=random).tolist()
    drop: Callable[..., Tensor] = _Dropout.apply
    return drop(hs.transpose(0, 1).contiguous(), 1 - part, key, other).transpose(0, 1)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: float, key: int, other: int) -> Tensor:
        ctx.told = kept, key, other
        return _dropped(x, kept, key, other)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _dropped(gradient.contiguous(), *ctx.told), None, None, None


def _dropped(x: Tensor, kept: float, key: int, other: int) -> Tensor:
    out = torch.empty_like(x)
    limit = min(round(kept * 2**32), 2**32 - 1)
    found: Any = library()
    team = threads.allowed(torch.get_num_threads())
    found.charseq_dropout(x.numel(), _at(x), _at(out), key, other, limit, 1 / kept, team)
    return out


def _threads(rows: int) -> int:
    """Two rows for each at least, for those of one keep a core half idle."""
    return min(threads.allowed(torch.get_num_threads()), -(-rows // 2))


def _at(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _call(name: str, told: Recurrence) -> None:
    if getattr(library(), name)(ctypes.byref(told)):
        raise MemoryError
