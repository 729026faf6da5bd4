"""The newer cells against published packages of their authors and others."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from charseq.cells import CELLS
from charseq.cells.cell import Cell, shape_of, unroll
from charseq.model.numpy_ops import NUMPY
from charseq.training.kernels.select import select_path
from charseq.training.kernels.torch_ops import TORCH
from tests.support.command import SIZES

STEPS = 13


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def inputs_for(cell: Cell, inputs: int) -> tuple[dict[str, Tensor], Tensor]:
    sizes = {**SIZES, "I": inputs}
    w = {name: draw(*shape_of(param.axes, sizes)) for name, param in cell.params.items()}
    return w, draw(SIZES["B"], STEPS, inputs)


def both_paths(cell: Cell, w: dict[str, Tensor], xs: Tensor, state: Any = None) -> list[Tensor]:
    """The outputs of the step over NumPy, and of the fast path over torch."""
    if state is None:
        state = cell.start(TORCH, len(xs), SIZES["H"], xs)
    arrays = {name: tensor.numpy() for name, tensor in w.items()}
    stepped, _ = unroll(cell, NUMPY, arrays, xs.numpy(), cell.state(*(f.numpy() for f in state)))
    fast, _ = select_path(cell, torch.device("cpu"), "torch").unroll(cell, TORCH, w, xs, state)
    return [torch.from_numpy(stepped), fast]


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
@pytest.mark.parametrize("start", ["zero", "carried"])
def test_the_minimal_cells_agree_with_the_package_mingru_pytorch(name: str, start: str) -> None:
    from minGRU_pytorch.minGRU import minGRU
    from minGRU_pytorch.minLSTM import minLSTM

    cell, size = CELLS[name], SIZES["H"]
    w, xs = inputs_for(cell, inputs=size)
    w["b_x"] = torch.zeros_like(w["b_x"])  # the package has no biases
    gates, theirs = ("zn", "nz") if name == "mingru" else ("fin", "nfi")
    parts = dict(zip(gates, w["W_x"].chunk(len(gates)), strict=True))
    published: Any = (minGRU if name == "mingru" else minLSTM)(size).double()
    layer = published.to_hidden_and_gate if name == "mingru" else published.to_hidden_and_f_i_gate
    layer.weight.data = torch.cat([parts[gate] for gate in theirs])
    first = draw(SIZES["B"], size).abs() if start == "carried" else None
    state = None if first is None else cell.state(first)
    expected: list[Tensor] = []
    for x in (
        xs[:, t : t + 1] for t in range(STEPS)
    ):  # its step; its parallel minLSTM is wrong from a carried state
        before = expected[-1] if expected else (None if first is None else first[:, None])
        expected.append(published(x, before).detach())
    for outputs in both_paths(cell, w, xs, state):
        torch.testing.assert_close(outputs, torch.cat(expected, 1), atol=1e-10, rtol=0)
    if name == "mingru":
        parallel = published(xs, None if first is None else first[:, None]).detach()
        torch.testing.assert_close(outputs, parallel, atol=1e-10, rtol=0)


def test_slstm_agrees_with_the_step_of_the_package_xlstm() -> None:
    from xlstm.blocks.slstm.src.vanilla.slstm import slstm_forward_pointwise

    cell = CELLS["slstm"]
    w, xs = inputs_for(cell, inputs=SIZES["I"])
    states = torch.zeros(4, SIZES["B"], SIZES["H"], dtype=torch.float64)
    expected = []
    for x in xs.unbind(1):
        states, _ = slstm_forward_pointwise(
            x @ w["W_x"].T, states[0] @ w["W_h"].T, w["b_x"][None], states, {}
        )
        expected.append(states[0])
    for outputs in both_paths(cell, w, xs):
        torch.testing.assert_close(outputs, torch.stack(expected, 1), atol=1e-10, rtol=0)


def test_mlstm_agrees_with_the_package_mlstm_kernels() -> None:
    from mlstm_kernels.torch.parallel.native.fw import mlstm_parallel_fw

    cell = CELLS["mlstm"]
    w, xs = inputs_for(cell, inputs=SIZES["I"])
    q, k, v, o = (part[:, None] for part in (xs @ w["W_x"].T + w["b_x"]).chunk(4, -1))
    i, f = ((xs @ w["W_g"].T + w["b_g"])[:, None, :, gate] for gate in range(2))
    expected, _, _ = mlstm_parallel_fw(q, k, v, i, f, eps=0.0)
    for outputs in both_paths(cell, w, xs):
        torch.testing.assert_close(outputs, (o.sigmoid() * expected)[:, 0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_the_stabilizer_does_not_change_outputs_and_no_gate_overflows(name: str) -> None:
    cell = CELLS[name]
    w, xs = inputs_for(cell, inputs=SIZES["I"])
    small = [outputs.float() for outputs in both_paths(cell, w, xs)]
    in_float32 = both_paths(cell, {n: t.float() for n, t in w.items()}, xs.float())
    for expected, outputs in zip(small, in_float32, strict=True):
        torch.testing.assert_close(outputs, expected, atol=1e-4, rtol=1e-3)
    loud = {**w, "b_x": w["b_x"] + 500} if name == "slstm" else {**w, "b_g": w["b_g"] + 500}
    for outputs in both_paths(cell, {n: t.float() for n, t in loud.items()}, xs.float()):
        assert outputs.isfinite().all()


def test_mlstm_agrees_with_its_step_over_several_chunks() -> None:
    cell = CELLS["mlstm"]
    w, _ = inputs_for(cell, inputs=SIZES["I"])
    xs = draw(SIZES["B"], 300, SIZES["I"])
    stepped, fast = both_paths(cell, w, xs)
    torch.testing.assert_close(fast, stepped, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_tapped_tensor_has_an_equation_in_the_docstring_of_the_step(cell: Cell) -> None:
    seen = []

    class Names:
        def __call__(self, name: str, value: Any, axes: str) -> Any:
            assert value.shape == shape_of(axes, SIZES)
            seen.append(name)
            return value

        def at(self, **_: int | None) -> "Names":
            return self

    w = {n: np.zeros(shape_of(p.axes, SIZES)) for n, p in cell.params.items()}
    x = np.zeros((SIZES["B"], SIZES["I"]))
    cell.step(NUMPY, w, x, cell.start(NUMPY, SIZES["B"], SIZES["H"], x), Names())
    assert list(cell.equations()) == seen
    assert seen[-1] == "h"


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_formula_of_a_cell_counts_its_parameters(cell: Cell) -> None:
    formula = re.sub(r"(\d*)([A-Z])", lambda m: f"{m[1] or 1} * {SIZES[m[2]]}", cell.formula())
    formula = re.sub(r"(?<=[\d)]) (?=[\d(])", " * ", formula)
    count = sum(int(np.prod(shape_of(param.axes, SIZES))) for param in cell.params.values())
    assert eval(formula) == count
