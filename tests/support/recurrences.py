"""Weights, inputs and states of cells, and what a run of them gives: outputs, final state and gradients."""

import math
from typing import Any

import torch
from torch import Tensor

from charseq.cells.cell import Cell, shape_of, unroll
from charseq.cells.ops import OneHot
from charseq.training.kernels.torch_ops import TORCH


def draw(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator) / math.sqrt(shape[-1])


def inputs_for(cell: Cell, sizes: dict[str, int], start: str, dtype: torch.dtype) -> tuple[Any, Any, Any]:
    """Weights, ids [B T] and a state; the values are the same for every type."""
    w = {name: draw(*shape_of(param.axes, sizes)) for name, param in cell.params.items()}
    ids = torch.randint(sizes["I"], (sizes["B"], sizes["T"]), generator=torch.Generator().manual_seed(1))
    state = cell.start(TORCH, sizes["B"], sizes["H"], w["W_x"])
    if start == "carried":
        state = cell.state(*(draw(*shape_of(cell.axes_of(f), sizes)) for f in cell.state._fields))
        if cell.name == "slstm":  # n is a sum of exponentials; one row is before its first step
            n = state.n.abs() + 0.5
            n[0] = 0
            state = state._replace(n=n)
    return (
        {name: value.to(dtype).requires_grad_() for name, value in w.items()},
        ids,
        cell.state(*(field.to(dtype).requires_grad_() for field in state)),
    )


def results_of(run: Any, cell: Cell, sizes: dict[str, int], start: str, one_hot: bool) -> list[Tensor]:
    """Outputs, final state, and the gradients of a cost that depends on all of them."""
    w, ids, state = inputs_for(cell, sizes, start, torch.float64 if run is unroll else torch.float32)
    xs: Any = TORCH.one_hot(ids, sizes["I"], w["W_x"])
    leaves = [*w.values(), *state]
    if not one_hot:
        xs = (xs + 0.1).requires_grad_()
        leaves.append(xs)
    elif run is not unroll:
        xs = OneHot(TORCH, ids, w["W_x"], sizes["I"])
    hs, final = run(cell, TORCH, w, xs, state)
    cost = (hs * torch.arange(hs.numel()).view(hs.shape).cos()).sum()
    cost = cost + sum((field * (i + 2)).sum() for i, field in enumerate(final))
    return [hs, *final, *torch.autograd.grad(cost, leaves, materialize_grads=True)]
