"""The cells in C compute what the steps that define them compute."""

import ctypes
import math
import os

import pytest
import torch

from charseq import native
from charseq.cells import CELLS
from charseq.cells.cell import Cell, unroll
from charseq.cells.ops import OneHot
from charseq.errors import UsageError
from charseq.training.kernels import native as kernels
from charseq.training.kernels import products, select
from charseq.training.kernels.select import select_path
from charseq.training.kernels.torch_ops import TORCH
from tests.support.products import use_native_products
from tests.support.recurrences import inputs_for, results_of

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without a C compiler")

CPU = torch.device("cpu")
SMALL = {"B": 2, "T": 3, "I": 5, "H": 7}
ODD = {"B": 19, "T": 5, "I": 11, "H": 67}
"""Sizes that are no multiple of a tile or a panel."""
every_cell = pytest.mark.parametrize("cell", [CELLS[name] for name in native.kernels()], ids=native.kernels())
sizes = pytest.mark.parametrize("sizes", [SMALL, ODD, {**ODD, "B": 1}], ids=["small", "odd", "one row"])
starts = pytest.mark.parametrize("start", ["zero", "carried"])
inputs = pytest.mark.parametrize("one_hot", [False, True], ids=["vectors", "one-hot"])
BUILDS = [level for level in native.BUILDS if native.can_run(level)]


@pytest.fixture(
    params=[*((level, True) for level in BUILDS), *((level, False) for level in BUILDS[:1])],
    ids=lambda param: native.BUILDS[param[0]].rpartition(".")[2] + ("" if param[1] else "-products-of-torch"),
)
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ctypes.CDLL:
    """Each build that this processor can run, with its products, and the fastest with PyTorch's."""
    level, has_native_products = request.param
    lib = native.open_build(level)
    assert lib is not None
    monkeypatch.setattr(kernels, "library", lambda: lib)
    if has_native_products:
        use_native_products(monkeypatch, lib)
    else:
        monkeypatch.setattr(products, "products_are_fast", lambda: False)
    return lib


@every_cell
@sizes
@starts
@inputs
@pytest.mark.usefixtures("build")
def test_outputs_final_state_and_gradients_equal_those_of_the_step(
    cell: Cell, sizes: dict[str, int], start: str, one_hot: bool
) -> None:
    expected = results_of(unroll, cell, sizes, start, one_hot)
    for exact, result in zip(expected, results_of(kernels.unroll, cell, sizes, start, one_hot), strict=True):
        torch.testing.assert_close(result.double(), exact, atol=2e-5, rtol=2e-5)


@every_cell
@pytest.mark.usefixtures("build")
def test_two_pieces_give_the_same_bits_as_one(cell: Cell) -> None:
    w, ids, state = inputs_for(cell, ODD, "carried", torch.float32)
    whole, first, second = (OneHot(TORCH, part, w["W_x"], ODD["I"]) for part in (ids, ids[:, :2], ids[:, 2:]))
    hs, final = kernels.unroll(cell, TORCH, w, whole, state)
    before, between = kernels.unroll(cell, TORCH, w, first, state)
    after, end = kernels.unroll(cell, TORCH, w, second, between)
    assert torch.equal(torch.cat([before, after], 1), hs)
    assert all(map(torch.equal, end, final))


@every_cell
@pytest.mark.usefixtures("build")
def test_the_number_of_threads_changes_no_bit(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(kernels, "_threads", lambda rows, threads=threads: threads)
        results.append(results_of(kernels.unroll, cell, ODD, "carried", True))
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@every_cell
@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("hidden", [7, 67, 96])
@pytest.mark.usefixtures("build")
def test_threads_that_share_a_few_rows_change_no_bit(
    cell: Cell, rows: int, hidden: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(kernels, "_threads", lambda rows, threads=threads: threads)
        results.append(results_of(kernels.unroll, cell, {**ODD, "B": rows, "H": hidden}, "carried", True))
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@pytest.mark.parametrize("cell", [CELLS["lstm"], CELLS["rnn-norm"]], ids=["lstm", "rnn-norm"])
def test_more_threads_than_cores_finish_and_change_no_bit(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for threads in (1, 2 * (os.cpu_count() or 1) + 1):
        monkeypatch.setattr(kernels, "_threads", lambda rows, threads=threads: threads)
        results.append(results_of(kernels.unroll, cell, {**ODD, "B": 1, "T": 40}, "carried", True))
    assert all(map(torch.equal, *results))


@every_cell
def test_a_row_has_the_same_bits_whatever_the_other_rows(cell: Cell) -> None:
    w, ids, state = inputs_for(cell, ODD, "carried", torch.float32)
    all_rows, _ = kernels.unroll(cell, TORCH, w, OneHot(TORCH, ids, w["W_x"], ODD["I"]), state)
    for rows in (slice(3, 4), slice(3, 5), slice(0, 7)):
        some = cell.state(*(field[rows] for field in state))
        hs, _ = kernels.unroll(cell, TORCH, w, OneHot(TORCH, ids[rows], w["W_x"], ODD["I"]), some)
        assert torch.equal(hs, all_rows[rows])


@every_cell
@pytest.mark.usefixtures("build")
def test_large_inputs_give_finite_outputs_and_nan_gives_nan(cell: Cell) -> None:
    w, ids, state = inputs_for(cell, SMALL, "zero", torch.float32)
    one_hot = TORCH.one_hot(ids, SMALL["I"], w["W_x"])
    exact = {name: value.detach().double() for name, value in w.items()}
    start = cell.state(*(field.detach().double() for field in state))
    for size in (-200.0, 200.0):
        hs, _ = kernels.unroll(cell, TORCH, w, size * one_hot, state)
        expected, _ = unroll(cell, TORCH, exact, size * one_hot.double(), start)
        torch.testing.assert_close(hs.double(), expected, atol=1e-4, rtol=1e-4)
    hs, _ = kernels.unroll(cell, TORCH, w, one_hot * math.nan, state)
    assert hs.isnan().all()


@every_cell
def test_outputs_without_gradients_are_the_same(cell: Cell) -> None:
    w, ids, state = inputs_for(cell, ODD, "carried", torch.float32)
    xs = OneHot(TORCH, ids, w["W_x"], ODD["I"])
    expected, _ = kernels.unroll(cell, TORCH, w, xs, state)
    with torch.no_grad():
        hs, _ = kernels.unroll(cell, TORCH, w, xs, state)
    assert torch.equal(hs, expected)


def test_the_backward_pass_runs_only_once() -> None:
    cell = CELLS["gru"]
    w, ids, state = inputs_for(cell, SMALL, "zero", torch.float32)
    hs, _ = kernels.unroll(cell, TORCH, w, OneHot(TORCH, ids, w["W_x"], SMALL["I"]), state)
    hs.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="only once"):
        hs.sum().backward()  # type: ignore[no-untyped-call]


def test_other_types_are_rejected() -> None:
    w, ids, state = inputs_for(CELLS["gru"], SMALL, "zero", torch.float64)
    with pytest.raises(TypeError, match="float64"):
        kernels.unroll(CELLS["gru"], TORCH, w, OneHot(TORCH, ids, w["W_x"], SMALL["I"]), state)


def test_native_kernels_are_chosen_where_they_exist_and_torch_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert select_path(CELLS["gru"], CPU)[:2] == ("fused", "native")
    assert select_path(CELLS["mlstm"], CPU)[:2] == ("fused", "native")
    assert select_path(CELLS["mlstm"], CPU, "torch")[:2] == ("fused", "attention")
    assert select_path(CELLS["gru"], torch.device("cuda"))[:2] == ("fused", "torch")
    with pytest.raises(UsageError, match=r"the cell none has no native kernel; those with one are .*, mlstm"):
        select_path(CELLS["none"], CPU, "native")
    for module in (kernels, select):
        monkeypatch.setattr(module, "kernels", dict)
    assert select_path(CELLS["gru"], CPU)[:2] == ("fused", "torch")
    assert select_path(CELLS["mlstm"], CPU)[:2] == ("fused", "attention")
    assert select_path(CELLS["slstm"], CPU)[:2] == ("stepped", "step")
    with pytest.raises(UsageError, match="without a C compiler"):
        select_path(CELLS["gru"], CPU, "native")
