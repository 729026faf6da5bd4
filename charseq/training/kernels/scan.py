"""Recurrences computed over all steps at once: the linear scan, and the mLSTM as attention over a stretch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from charseq.cells.cell import Cell, State
from charseq.cells.exponential import mlstm_inputs
from charseq.cells.ops import Ops

STRETCH = 128
"""Steps of an mLSTM that look at each other directly; from stretch to stretch its matrix is carried."""


def linear_scan(keep: Tensor, add: Tensor, start: Tensor) -> Tensor:
    """The recurrence h = keep * h[t-1] + add: keep, add [B T H], start [B H] -> hs [B T H].

    Exact from any start.  `keep` is to lie between 0 and 1.
    """
    scan: Callable[[Tensor, Tensor, Tensor], Tensor] = _LinearScan.apply
    return scan(keep, add, start)


class _LinearScan(torch.autograd.Function):
    """Its gradient is the same recurrence, run backwards."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, start: Tensor) -> Tensor:
        hs = _scan(keep, add, start)
        ctx.save_for_backward(keep, hs, start)
        return hs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep, hs, start = ctx.saved_tensors
        after = torch.cat([keep[:, 1:], torch.zeros_like(keep[:, :1])], 1)
        to_add = _scan(after.flip(1), gradient.flip(1), torch.zeros_like(start)).flip(1)
        before = torch.cat([start[:, None], hs[:, :-1]], 1)
        return to_add * before, to_add, to_add[:, 0] * keep[:, 0]


def _scan(keep: Tensor, add: Tensor, start: Tensor) -> Tensor:
    """On a CPU a loop of small steps, which stay in the cache; on a GPU by doubling, in log2(T) large ones.

    Source of the doubling: Hillis & Steele 1986, "Data parallel algorithms".
    """
    if not keep.is_cuda:
        hs = torch.empty_like(add)
        for t in range(add.shape[1]):
            start = torch.addcmul(add[:, t], keep[:, t], start, out=hs[:, t])
        return hs
    reach = 1
    hs, kept = add, keep
    while reach < add.shape[1]:
        hs = torch.cat([hs[:, :reach], hs[:, reach:] + kept[:, reach:] * hs[:, :-reach]], 1)
        kept = torch.cat([kept[:, :reach], kept[:, reach:] * kept[:, :-reach]], 1)
        reach *= 2
    return hs + kept * start[:, None]


def mlstm(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """The mLSTM without its matrix at every step: xs [B T I], state -> hs [B T H], final state.

    Source: arXiv:2405.04517, appendix A.3, here from a carried state, a stretch of steps at a time.
    """
    hs = []
    q, k, v, o, log_i, log_f = mlstm_inputs(ops, w, xs)
    stretches = [x.split(STRETCH, 1) for x in (q, k, v, log_i, log_f)]
    for q, k, v, log_i, log_f in zip(*stretches, strict=True):
        read, state = _stretch(cell, q, k, v, log_i, log_f, state)
        hs.append(read)
    outputs = o * torch.cat(hs, 1)
    return outputs, state._replace(h=outputs[:, -1])


def _stretch(
    cell: Cell, q: Tensor, k: Tensor, v: Tensor, log_i: Tensor, log_f: Tensor, state: Any
) -> tuple[Tensor, State]:
    """Steps that read each other's keys and values, and the state from before: q, k, v [B T H] -> [B T H]."""
    decay = log_f.cumsum(1)
    reach = decay[:, :, None] - decay[:, None, :] + log_i[:, None, :]  # [B T T], how much t reads of s
    later = torch.ones(reach.shape[1:], dtype=torch.bool, device=reach.device).triu(1)
    reach = reach.masked_fill(later, -torch.inf)
    carried = decay + state.m[:, None]
    m = torch.maximum(carried, reach.amax(2))
    carry = (carried - m).exp()
    seen = (reach - m[:, :, None]).exp()
    scores = seen * (q @ k.mT)
    read = scores @ v + carry[:, :, None] * (q @ state.C.mT)
    weight = scores.sum(2) + carry * (q @ state.n[:, :, None])[:, :, 0]
    weight = torch.maximum(weight.abs(), (-m).exp())
    last, kept = seen[:, -1, :, None], carry[:, -1]
    final = cell.state(
        state.h,
        kept[:, None, None] * state.C + v.mT @ (last * k),
        kept[:, None] * state.n + (last * k).sum(1),
        m[:, -1],
    )
    return read / weight[:, :, None], final
