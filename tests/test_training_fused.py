"""A fast path is held equal to the step that defines the cell."""

from typing import Any

import pytest
import torch
from torch import Tensor

from charseq.cells import CELLS
from charseq.cells.cell import Cell, shape_of, unroll
from charseq.training.fused import FUSED, path_for
from charseq.training.ops import TORCH
from tests.support import SIZES

FAST = {name: path for name, cell in CELLS.items() if (path := path_for(cell)[1]) is not unroll}
every_fused_cell = pytest.mark.parametrize("cell", [CELLS[name] for name in FAST], ids=FAST)
starts = pytest.mark.parametrize("start", ["zero", "carried"])
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
devices = pytest.mark.parametrize("device", DEVICES)


def draw(*shape: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(device).requires_grad_()


def setting(cell: Cell, start: str, device: str) -> tuple[dict[str, Tensor], Tensor, Any]:
    w = {name: draw(*shape_of(param.axes, SIZES), device=device) for name, param in cell.params.items()}
    xs = draw(SIZES["B"], SIZES["T"], SIZES["I"], device=device)
    if start == "zero":
        return w, xs, cell.start(TORCH, SIZES["B"], SIZES["H"], xs)
    fields = [draw(*shape_of(cell.axes_of(name), SIZES), device=device) for name in cell.state._fields]
    state = cell.state(*fields)
    if cell.name == "slstm":  # its normaliser is a sum of exponentials
        state = state._replace(n=(state.n.detach().abs() + 0.5).requires_grad_())
    return w, xs, state


@every_fused_cell
@starts
@devices
def test_outputs_final_state_and_gradients_equal_those_of_the_step(
    cell: Cell, start: str, device: str
) -> None:
    results = []
    for way in (unroll, FAST[cell.name]):
        w, xs, state = setting(cell, start, device)
        hs, final = way(cell, TORCH, w, xs, state)
        cost = (hs * torch.arange(hs.numel(), device=device).view(hs.shape).cos()).sum()
        cost = cost + sum((field * (i + 2)).sum() for i, field in enumerate(final))
        leaves = [xs, *w.values(), *(state if start == "carried" else ())]
        gradients = torch.autograd.grad(cost, leaves, materialize_grads=True)
        results.append([hs, *final, *gradients])
    for stepped, fused in zip(*results, strict=True):
        torch.testing.assert_close(fused, stepped, atol=1e-9, rtol=1e-7)


@every_fused_cell
@devices
def test_two_pieces_equal_the_whole(cell: Cell, device: str) -> None:
    way = FAST[cell.name]
    w, xs, state = setting(cell, "carried", device)
    hs, final = way(cell, TORCH, w, xs, state)
    first, between = way(cell, TORCH, w, xs[:, :1], state)
    second, end = way(cell, TORCH, w, xs[:, 1:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), hs, atol=1e-9, rtol=1e-7)
    for whole, pieces in zip(final, end, strict=True):
        torch.testing.assert_close(pieces, whole, atol=1e-9, rtol=1e-7)


@every_fused_cell
def test_without_gradients_the_outputs_are_the_same_and_nothing_warns(cell: Cell) -> None:
    w, xs, state = setting(cell, "zero", "cpu")
    expected, _ = FAST[cell.name](cell, TORCH, w, xs, state)
    with torch.no_grad():
        hs, _ = FAST[cell.name](cell, TORCH, w, xs, state)
    torch.testing.assert_close(hs, expected.detach(), atol=1e-9, rtol=1e-7)


def test_the_path_that_runs_is_named() -> None:
    assert path_for(CELLS["lstm"]) == ("fused", FUSED["lstm"])


def test_a_cell_without_a_kernel_goes_step_by_step_and_says_so() -> None:
    from dataclasses import replace

    assert path_for(replace(CELLS["gru"], name="mine")) == ("stepped", unroll)
