"""Whole sequences through a cell in the C library, on a CPU, with gradients.

Inputs are ids of one-hot vectors, whose products with W_x are rows of a table, or vectors, which take one
large product before the recurrence.  The gradient of W_h is one large product after the backward pass.
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
from charseq.native import Kernel, Recurrence, kernels, library, threads
from charseq.settings.train_settings import ChosenPrecision
from charseq.training.kernels.products import linear, product

if hasattr(os, "register_at_fork"):  # the thread pool of torch does not survive a fork either
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
if threads.forked:
    torch.set_num_threads(1)


def is_available(cell: Cell) -> bool:
    """Return whether the library is installed and has a kernel for a cell."""
    return cell.name in kernels()


def unroll(
    cell: Cell,
    ops: Ops,
    w: Mapping[str, Tensor],
    xs: Tensor | OneHot,
    state: Any,
    *,
    precision: ChosenPrecision = "float32",
) -> tuple[Tensor, State]:
    """Run a cell: xs [B T I], state -> hs [B T H], final state.

    `precision` is that of products; sums, states and everything element-wise are float32.
    Raises TypeError for weights that are not float32 on a CPU.
    """
    kernel, w_x = kernels()[cell.name], w["W_x"]
    check_type(w_x)
    bias, h_bias = _biases(kernel, w, state.h.shape[1])
    if isinstance(xs, OneHot):
        ids, x_gates = xs.ids.t().contiguous(), w_x.t() + bias
    else:
        ids, x_gates = None, linear(xs.transpose(0, 1), w_x, bias, precision=precision)
    apply: Callable[..., tuple[Tensor, ...]] = _Recurrence.apply
    w_h = w["W_h"].contiguous() if kernel.h_blocks else None
    options = kernel, precision, torch.is_grad_enabled()
    hs, *finals = apply(*options, ids, x_gates.contiguous(), w_h, h_bias, *state)
    return hs, cell.state(*finals)


def check_type(weights: Tensor) -> None:
    """Raise TypeError for weights that are not float32 on a CPU."""
    if weights.dtype != torch.float32 or weights.device.type != "cpu":
        message = f"the native kernels require float32 on a CPU, not {weights.dtype} on {weights.device}"
        raise TypeError(message)


def _biases(kernel: Kernel, w: Mapping[str, Tensor], hidden: int) -> tuple[Tensor, Tensor | None]:
    """Return the bias of x_gates, and the part of b_h for the kernel's separate blocks."""
    if "b_h" not in w:
        return w["b_x"], None
    if not kernel.separate_blocks:
        return w["b_x"] + w["b_h"], None
    separate = kernel.separate_blocks * hidden
    added = functional.pad(w["b_h"][:-separate], (0, separate))
    return w["b_x"] + added, w["b_h"][-separate:]


class _Recurrence(torch.autograd.Function):
    """x_gates [T B G], or a table of them [V G] with ids [T B], state -> hs [B T H], final state."""

    @staticmethod
    def forward(
        ctx: Any,
        kernel: Kernel,
        precision: ChosenPrecision,
        needs_backward: bool,
        ids: Tensor | None,
        x_gates: Tensor,
        w_h: Tensor | None,
        h_bias: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        steps, rows = (x_gates if ids is None else ids).shape[:2]
        hidden = state[0].shape[1]
        fields = [initial.new_empty(steps + 1, rows, hidden) for initial in state]
        for field, initial in zip(fields, state, strict=True):
            field[0] = initial
        saved = x_gates.new_empty(steps, rows, kernel.saved_blocks * hidden) if needs_backward else None
        call = Recurrence(cell=kernel.number, threads=_threads(rows), T=steps, B=rows, H=hidden)
        call.bf16 = precision == "bfloat16"
        call.ids, call.x_gates, call.W_h = address(ids), address(x_gates), address(w_h)
        call.h_bias, call.saved = address(h_bias), address(saved)
        call.states[: len(fields)] = [address(field) for field in fields]
        run("charseq_forward", call)
        if needs_backward:
            ctx.kernel, ctx.precision, ctx.saved, ctx.fields = kernel, precision, saved, fields
            ctx.save_for_backward(ids, w_h, x_gates if ids is not None else None)
        return fields[0][1:].transpose(0, 1), *(field[-1].clone() for field in fields)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hs: Tensor, *d_finals: Tensor) -> tuple[Tensor | None, ...]:
        kernel, saved, fields = ctx.kernel, ctx.saved, ctx.fields
        if saved is None:
            raise RuntimeError("the backward pass can run only once")
        ctx.saved = ctx.fields = None  # the library replaces `saved` by gradients
        ids, w_h, table = ctx.saved_tensors
        steps, rows, _ = saved.shape
        hidden = fields[0].shape[2]
        d_hs = d_hs.transpose(0, 1).contiguous()
        d_states = [d.clone(memory_format=torch.contiguous_format) for d in d_finals]
        d_x_gates = saved[..., : kernel.x_blocks * hidden] if ids is None else torch.empty_like(table)
        call = Recurrence(cell=kernel.number, threads=_threads(rows), T=steps, B=rows, H=hidden)
        call.bf16 = ctx.precision == "bfloat16"
        call.ids, call.W_h, call.saved, call.d_outputs = map(address, (ids, w_h, saved, d_hs))
        call.states[: len(fields)] = [address(field) for field in fields]
        call.d_states[: len(fields)] = [address(d) for d in d_states]
        if ids is not None:
            call.d_table, call.V = address(d_x_gates), len(table)
        run("charseq_backward", call)
        d_w_h = d_h_bias = None
        if kernel.h_blocks:
            d_gates, h_prev = saved.flatten(0, 1), fields[0][:-1].flatten(0, 1)
            d_w_h, d_h_bias = _hidden_gradients(kernel, d_gates, h_prev, ctx.precision)
        return None, None, None, None, d_x_gates, d_w_h, d_h_bias, *d_states


def _hidden_gradients(
    kernel: Kernel, d_gates: Tensor, h_prev: Tensor, precision: ChosenPrecision
) -> tuple[Tensor, Tensor | None]:
    """Gradients of the gates [TB G], h[t-1] [TB H] -> those of W_h [G H] and h_bias."""
    hidden = h_prev.shape[1]
    added = (kernel.h_blocks - kernel.separate_blocks) * hidden
    d_added = d_gates[:, :added]
    multiply = partial(product, precision=precision)
    if not kernel.separate_blocks:
        return multiply(d_added.t(), h_prev), None
    separate = kernel.separate_blocks * hidden
    d_separate = d_gates[:, kernel.x_blocks * hidden :][:, :separate]
    d_w_h = h_prev.new_empty(added + separate, hidden)
    multiply(d_added.t(), h_prev, out=d_w_h[:added])
    multiply(d_separate.t(), h_prev, out=d_w_h[added:])
    return d_w_h, d_separate.sum(0)


def _threads(rows: int) -> int:
    """Use at least two rows per thread, because one leaves half of a core's arithmetic units idle."""
    return min(threads.allowed(torch.get_num_threads()), -(-rows // 2))


def address(tensor: Tensor | None) -> int | None:
    """Return the address of a contiguous tensor, which must outlive its use."""
    return None if tensor is None else tensor.data_ptr()


def run(function: str, call: ctypes.Structure) -> None:
    """Call a function of the library.  Raises MemoryError."""
    if getattr(library(), function)(ctypes.byref(call)):
        raise MemoryError
