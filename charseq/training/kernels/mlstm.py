"""An mLSTM over whole sequences in the C library, on a CPU, with gradients: attention within chunks."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.cells.cell import Cell, State
from charseq.cells.ops import OneHot, Ops
from charseq.native import MLSTMChunk, threads
from charseq.settings.train_settings import ChosenPrecision
from charseq.training.kernels.native import address, check_type, run
from charseq.training.kernels.products import linear

CHUNK = 128
"""Steps of a chunk: attention within it, its matrix memory carried to the next one.

Measured with hidden sizes from 64 to 512: chunks of 32 to 96 steps took 0.98 to 1.8 times as long, chunks of
256 steps 0.87 (size 512) to 1.14 times (size 64).
"""


def unroll(
    cell: Cell,
    ops: Ops,
    w: Mapping[str, Tensor],
    xs: Tensor | OneHot,
    state: Any,
    *,
    precision: ChosenPrecision = "float32",
) -> tuple[Tensor, State]:
    """Run the mLSTM: xs [B T I], state -> hs [B T H], final state.

    `precision` is that of the input projection; everything after it is float32.
    Raises TypeError for weights that are not float32 on a CPU.
    """
    check_type(w["W_x"])
    w_x = torch.cat([w["W_x"], w["W_g"]])
    bias = torch.cat([w["b_x"], w["b_g"]])
    if isinstance(xs, OneHot):
        table, projected = w_x.t() + bias, xs.ids
    else:
        table, projected = None, linear(xs, w_x, bias, precision=precision)
    apply: Callable[..., tuple[Tensor, ...]] = _Chunk.apply
    hs, memory = [], state[1:]
    for part in torch.split(projected, CHUNK, 1):
        ids, x = (None, part) if table is None else (part.contiguous(), table)
        h, *memory = apply(torch.is_grad_enabled(), ids, x.contiguous(), *(f.contiguous() for f in memory))
        hs.append(h)
    outputs = torch.cat(hs, 1) if len(hs) > 1 else hs[0]
    return outputs, cell.state(outputs[:, -1], *memory)


class _Chunk(torch.autograd.Function):
    """x [B T 4H+2], or a table of them [V 4H+2] with ids [B T], C, n, m -> hs [B T H], final C, n, m."""

    @staticmethod
    def forward(
        ctx: Any, needs_backward: bool, ids: Tensor | None, x: Tensor, *memory: Tensor
    ) -> tuple[Tensor, ...]:
        rows, steps = (x if ids is None else ids).shape[:2]
        h = x.new_empty(rows, steps, memory[1].shape[1])
        r, norm = torch.empty_like(h), x.new_empty(rows, steps)
        final = [torch.empty_like(field) for field in memory]
        call = _call(ids, x, memory, r, norm)
        call.h = h.data_ptr()
        call.C_next, call.n_next, call.m_next = (field.data_ptr() for field in final)
        run("charseq_mlstm_forward", call)
        if needs_backward:
            ctx.save_for_backward(ids, x, r, norm, *memory)
            ctx.set_materialize_grads(False)
        return h, *final

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_h: Tensor | None, *d_final: Tensor | None) -> tuple[Tensor | None, ...]:
        ids, x, r, norm, *memory = ctx.saved_tensors
        d_h = torch.zeros_like(r) if d_h is None else d_h.contiguous()
        d_x = x.new_empty(*r.shape[:2], x.shape[-1])
        d_table = None if ids is None else torch.empty_like(x)
        d_memory = [
            torch.empty_like(field) if needed else None
            for field, needed in zip(memory, ctx.needs_input_grad[3:], strict=True)
        ]
        call = _call(ids, x, memory, r, norm)
        call.d_h, call.d_x = d_h.data_ptr(), d_x.data_ptr()
        call.d_C, call.d_n, call.d_m = map(address, d_memory)
        if d_table is not None:
            call.d_table, call.V = d_table.data_ptr(), len(x)
        if any(d is not None for d in d_final):
            d_final = tuple(
                torch.zeros_like(field) if d is None else d.contiguous()
                for d, field in zip(d_final, memory, strict=True)
            )
            call.d_C_next, call.d_n_next, call.d_m_next = map(address, d_final)
        run("charseq_mlstm_backward", call)
        return None, None, d_x if d_table is None else d_table, *d_memory


def _call(
    ids: Tensor | None, x: Tensor, memory: tuple[Tensor, ...] | list[Tensor], r: Tensor, norm: Tensor
) -> MLSTMChunk:
    rows, steps, hidden = r.shape
    call = MLSTMChunk(threads=team(rows), T=steps, B=rows, H=hidden, k_scale=hidden**-0.5)
    call.ids, call.x, call.r, call.norm = map(address, (ids, x, r, norm))
    call.C, call.n, call.m = map(address, memory)
    return call


def team(rows: int) -> int:
    """Return the number of threads, each of which takes whole rows."""
    return min(threads.allowed(torch.get_num_threads()), rows)
