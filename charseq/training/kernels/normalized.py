"""Whole sequences through rnn-norm in few torch operations, with a hand-derived backward pass."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.cells.cell import Cell, State
from charseq.cells.normalized import STATE_NORM
from charseq.cells.ops import NORM_FLOOR, OneHot, Ops


def rnn_norm(
    cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor | OneHot, state: Any
) -> tuple[Tensor, State]:
    """Run the cell: xs [B T I], state -> hs [B T H], final state."""
    x_proj = (xs @ w["W_x"].T + w["b_x"] + w["b_h"]).transpose(0, 1).contiguous()
    apply: Callable[..., Tensor] = _Recurrence.apply
    hs = apply(x_proj, w["W_h"].to(x_proj.dtype), state.h.to(x_proj.dtype))
    return hs.transpose(0, 1), cell.state(hs[-1])


class _Recurrence(torch.autograd.Function):
    """x_proj [T B H], W_h [H H], h [B H] -> hs [T B H].

    With h = c s, where c = STATE_NORM / sqrt(s . s + NORM_FLOOR), the gradient of s is
    c (dh - h (h . dh) / STATE_NORM^2) where s > 0, and 0 elsewhere.
    """

    @staticmethod
    def forward(ctx: Any, x_proj: Tensor, w_h: Tensor, h: Tensor) -> Tensor:
        hs = torch.empty_like(x_proj)
        precise = torch.promote_types(x_proj.dtype, torch.float32)  # half precision is too coarse for a norm
        scales = x_proj.new_empty(*x_proj.shape[:2], 1, dtype=precise)
        before = h
        for t in range(len(x_proj)):
            s = torch.addmm(x_proj[t], before, w_h.t()).relu_()
            square = s.square().sum(-1, keepdim=True, dtype=precise)
            torch.rsqrt(square.add_(NORM_FLOOR), out=scales[t]).mul_(STATE_NORM)
            hs[t] = s * scales[t]
            before = hs[t]
        ctx.save_for_backward(hs, scales, w_h, h)
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hs, scales, w_h, h = ctx.saved_tensors
        d_sums = torch.empty_like(hs)
        dh = torch.zeros_like(h)
        for t in reversed(range(len(hs))):
            dh = d_hs[t] + dh
            along = (hs[t] * dh).sum(-1, keepdim=True, dtype=scales.dtype).div_(STATE_NORM**2)
            d_sums[t] = (dh - hs[t] * along) * scales[t] * (hs[t] > 0)
            dh = d_sums[t] @ w_h
        before = torch.cat([h[None], hs[:-1]])
        return d_sums, d_sums.flatten(0, 1).t() @ before.flatten(0, 1), dh
