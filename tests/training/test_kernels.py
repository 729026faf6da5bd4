"""A fast path computes what the step that defines the cell computes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from charseq.cells import CELLS
from charseq.cells.cell import Cell, shape_of, unroll
from charseq.cells.ops import OneHot
from charseq.training.kernels.select import BY_TORCH, select_path
from charseq.training.kernels.torch_ops import TORCH
from tests.support.command import SIZES

CPU = torch.device("cpu")
PATHS = {name: select_path(cell, CPU, "torch") for name, cell in CELLS.items()}
FAST = {name: path.unroll for name, path in PATHS.items() if path.path == "fused"}
every_fused_cell = pytest.mark.parametrize("cell", [CELLS[name] for name in FAST], ids=FAST)
starts = pytest.mark.parametrize("start", ["zero", "carried"])
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
devices = pytest.mark.parametrize("device", DEVICES)


def draw(*shape: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(device).requires_grad_()


def inputs_for(cell: Cell, start: str, device: str) -> tuple[dict[str, Tensor], Tensor, Any]:
    w = {name: draw(*shape_of(param.axes, SIZES), device=device) for name, param in cell.params.items()}
    xs = draw(SIZES["B"], SIZES["T"], SIZES["I"], device=device)
    if start == "zero":
        return w, xs, cell.start(TORCH, SIZES["B"], SIZES["H"], xs)
    fields = [draw(*shape_of(cell.axes_of(name), SIZES), device=device) for name in cell.state._fields]
    state = cell.state(*fields)
    if cell.name == "slstm":  # n is a sum of exponentials
        state = state._replace(n=(state.n.detach().abs() + 0.5).requires_grad_())
    return w, xs, state


@every_fused_cell
@starts
@devices
def test_outputs_final_state_and_gradients_equal_those_of_the_step(
    cell: Cell, start: str, device: str
) -> None:
    results = []
    for run in (unroll, FAST[cell.name]):
        w, xs, state = inputs_for(cell, start, device)
        hs, final = run(cell, TORCH, w, xs, state)
        cost = (hs * torch.arange(hs.numel(), device=device).view(hs.shape).cos()).sum()
        cost = cost + sum((field * (i + 2)).sum() for i, field in enumerate(final))
        leaves = [xs, *w.values(), *(state if start == "carried" else ())]
        gradients = torch.autograd.grad(cost, leaves, materialize_grads=True)
        results.append([hs, *final, *gradients])
    for stepped, fused in zip(*results, strict=True):
        torch.testing.assert_close(fused, stepped, atol=1e-9, rtol=1e-7)


@every_fused_cell
@devices
def test_two_pieces_give_the_same_result_as_one(cell: Cell, device: str) -> None:
    run = FAST[cell.name]
    w, xs, state = inputs_for(cell, "carried", device)
    hs, final = run(cell, TORCH, w, xs, state)
    first, between = run(cell, TORCH, w, xs[:, :1], state)
    second, end = run(cell, TORCH, w, xs[:, 1:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), hs, atol=1e-9, rtol=1e-7)
    for whole, pieces in zip(final, end, strict=True):
        torch.testing.assert_close(pieces, whole, atol=1e-9, rtol=1e-7)


@every_fused_cell
def test_outputs_without_gradients_are_the_same(cell: Cell) -> None:
    w, xs, state = inputs_for(cell, "zero", "cpu")
    expected, _ = FAST[cell.name](cell, TORCH, w, xs, state)
    with torch.no_grad():
        hs, _ = FAST[cell.name](cell, TORCH, w, xs, state)
    torch.testing.assert_close(hs, expected.detach(), atol=1e-9, rtol=1e-7)


@every_fused_cell
@devices
def test_ids_give_the_same_as_dense_one_hot_vectors(cell: Cell, device: str) -> None:
    w, xs, state = inputs_for(cell, "carried", device)
    ids = torch.tensor([[3, 0, 3], [1, 4, 0]], device=device)
    results = []
    for one_hot in (OneHot(TORCH, ids, xs, SIZES["I"]), TORCH.one_hot(ids, SIZES["I"], xs)):
        hs, final = FAST[cell.name](cell, TORCH, w, one_hot, state)
        gradients = torch.autograd.grad(hs.square().sum(), list(w.values()), materialize_grads=True)
        results.append([hs, *final, *gradients])
    for looked_up, multiplied in zip(*results, strict=True):
        torch.testing.assert_close(looked_up, multiplied, atol=1e-9, rtol=1e-7)


def test_the_selected_path_is_named() -> None:
    assert select_path(CELLS["lstm"], CPU, "torch") == BY_TORCH["lstm"]
    assert select_path(CELLS["mingru"], CPU, "torch")[:2] == ("fused", "scan")
    assert select_path(CELLS["slstm"], CPU, "torch") == ("stepped", "step", unroll)


def test_a_cell_without_a_fast_path_is_stepped() -> None:
    assert select_path(replace(CELLS["gru"], name="mine"), CPU) == ("stepped", "step", unroll)
