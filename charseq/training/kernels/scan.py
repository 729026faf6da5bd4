"""Recurrences over all steps at once: the linear scan, and the mLSTM as attention within chunks."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from charseq.cells.cell import Cell, State
from charseq.cells.exponential import mlstm_inputs
from charseq.cells.ops import Ops

CHUNK = 128
"""Steps of an mLSTM chunk: attention within it, its matrix memory carried to the next one."""


def linear_scan(keep: Tensor, add: Tensor, start: Tensor) -> Tensor:
    """Compute h = keep * h[t-1] + add: keep, add [B T H], start [B H] -> hs [B T H].

    Exact from any initial state.  `keep` must lie between 0 and 1.
    """
    scan: Callable[[Tensor, Tensor, Tensor], Tensor] = _LinearScan.apply
    return scan(keep, add, start)


class _LinearScan(torch.autograd.Function):
    """The linear scan; its gradient is the same recurrence in reverse order."""

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
    """Loop over steps on a CPU, where they stay in the cache; double in log2(T) steps on a GPU.

    Source of the doubling: Hillis & Steele 1986, "Data parallel algorithms".
    """
    if not keep.is_cuda:
        hs = torch.empty_like(add)
        for t in range(add.shape[1]):
            start = torch.addcmul(add[:, t], keep[:, t], start, out=hs[:, t])
        return hs
    distance = 1
    hs, product = add, keep
    while distance < add.shape[1]:
        hs = torch.cat([hs[:, :distance], hs[:, distance:] + product[:, distance:] * hs[:, :-distance]], 1)
        product = torch.cat([product[:, :distance], product[:, distance:] * product[:, :-distance]], 1)
        distance *= 2
    return hs + product * start[:, None]


def attention(cell: Cell, ops: Ops, w: Mapping[str, Tensor], xs: Tensor, state: Any) -> tuple[Tensor, State]:
    """Run the mLSTM in chunks, without its matrix at every step: xs [B T I], state -> hs [B T H], state.

    Source: Beck et al. 2024, arXiv:2405.04517, appendix A.3; here from a carried state.
    """
    hs = []
    q, k, v, o, log_i, log_f = mlstm_inputs(ops, w, xs)
    chunks = [x.split(CHUNK, 1) for x in (q, k, v, log_i, log_f)]
    for q, k, v, log_i, log_f in zip(*chunks, strict=True):
        read, state = _chunk(cell, q, k, v, log_i, log_f, state)
        hs.append(read)
    outputs = o * torch.cat(hs, 1)
    return outputs, state._replace(h=outputs[:, -1])


def _chunk(
    cell: Cell, q: Tensor, k: Tensor, v: Tensor, log_i: Tensor, log_f: Tensor, state: Any
) -> tuple[Tensor, State]:
    """Attend within one chunk and to the state before it: q, k, v [B T H] -> [B T H], state."""
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
    last, keep = seen[:, -1, :, None], carry[:, -1]
    final = cell.state(
        state.h,
        keep[:, None, None] * state.C + v.mT @ (last * k),
        keep[:, None] * state.n + (last * k).sum(1),
        m[:, -1],
    )
    return read / weight[:, :, None], final
