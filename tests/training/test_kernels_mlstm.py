"""The mLSTM in C, in chunks, computes what its step computes.

An exact result is that of the step in float64.  Results in float32 differ from it by no more than T + H
roundings of 2^-24, relative to the largest value: sums run over T steps and H units.
"""

import ctypes
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from charseq import native
from charseq.cells import CELLS
from charseq.cells.cell import unroll
from charseq.cells.ops import OneHot
from charseq.training.kernels import mlstm
from charseq.training.kernels import native as kernels
from charseq.training.kernels.torch_ops import TORCH
from tests.support.recurrences import inputs_for, results_of

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without a C compiler")

CELL = CELLS["mlstm"]
SMALL = {"B": 2, "T": 3, "I": 5, "H": 7}
ODD = {"B": 3, "T": 37, "I": 11, "H": 67}
"""Sizes that are no multiple of a tile or a panel."""
sizes = pytest.mark.parametrize(
    "sizes",
    [SMALL, ODD, {**ODD, "B": 1}, {**ODD, "H": 64}, {**SMALL, "T": 131}],
    ids=["small", "odd", "one row", "whole panels", "two chunks"],
)
starts = pytest.mark.parametrize("start", ["zero", "carried"])
inputs = pytest.mark.parametrize("one_hot", [False, True], ids=["vectors", "one-hot"])
BUILDS = [level for level in native.BUILDS if native.can_run(level)]


@pytest.fixture(params=BUILDS, ids=lambda level: native.BUILDS[level].rpartition(".")[2])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ctypes.CDLL:
    """Each build that this processor can run."""
    lib = native.open_build(request.param)
    assert lib is not None
    monkeypatch.setattr(kernels, "library", lambda: lib)
    return lib


def assert_close(results: Any, exact: Any, sizes: dict[str, int]) -> None:
    roundings = (sizes["T"] + sizes["H"]) * 2**-24
    for result, expected in zip(results, exact, strict=True):
        bound = roundings * float(expected.detach().abs().max()) + 2**-120
        torch.testing.assert_close(result.double(), expected.double(), atol=bound, rtol=0)


@sizes
@starts
@inputs
@pytest.mark.usefixtures("build")
def test_outputs_final_state_and_gradients_equal_those_of_the_step(
    sizes: dict[str, int], start: str, one_hot: bool
) -> None:
    exact = results_of(unroll, CELL, sizes, start, one_hot)
    assert_close(results_of(mlstm.unroll, CELL, sizes, start, one_hot), exact, sizes)


@pytest.mark.parametrize("chunk", [1, 5, 32, 36])
def test_chunks_of_any_length_give_the_same_results(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = results_of(unroll, CELL, ODD, "carried", True)
    monkeypatch.setattr(mlstm, "CHUNK", chunk)
    assert_close(results_of(mlstm.unroll, CELL, ODD, "carried", True), exact, ODD)


def test_two_pieces_give_the_same_results_as_one() -> None:
    w, ids, state = inputs_for(CELL, ODD, "carried", torch.float32)
    whole, first, second = (
        OneHot(TORCH, part, w["W_x"], ODD["I"]) for part in (ids, ids[:, :13], ids[:, 13:])
    )
    hs, final = mlstm.unroll(CELL, TORCH, w, whole, state)
    before, between = mlstm.unroll(CELL, TORCH, w, first, state)
    after, end = mlstm.unroll(CELL, TORCH, w, second, between)
    assert_close([torch.cat([before, after], 1), *end], [hs, *final], ODD)


@pytest.mark.parametrize("sizes", [SMALL, ODD], ids=["small", "odd"])
@pytest.mark.usefixtures("build")
def test_gates_from_exp_minus_50_to_exp_50_give_the_results_of_the_step(sizes: dict[str, int]) -> None:
    def results(run: Any, dtype: torch.dtype) -> list[Tensor]:
        w, ids, state = inputs_for(CELL, sizes, "carried", dtype)
        gates = torch.linspace(-50, 50, 2 * sizes["I"]).view(2, -1)[:, torch.randperm(sizes["I"])]
        w["W_g"] = gates.to(dtype).requires_grad_()
        hs, final = run(CELL, TORCH, w, TORCH.one_hot(ids, sizes["I"], w["W_x"]), state)
        cost = (hs * torch.arange(hs.numel()).view(hs.shape).cos()).sum() + final.C.sum() + final.n.sum()
        leaves = [*w.values(), *state[1:]]
        return [hs, *final, *torch.autograd.grad(cost, leaves)]

    torch.manual_seed(1)
    exact = results(unroll, torch.float64)
    torch.manual_seed(1)
    found = results(mlstm.unroll, torch.float32)
    roundings = (sizes["T"] + sizes["H"]) * 2**-24 * 50  # a logarithm of 50 is rounded to 50 * 2^-24
    for result, expected in zip(found, exact, strict=True):
        bound = roundings * float(expected.detach().abs().max())
        torch.testing.assert_close(result.double(), expected, atol=bound, rtol=0)


@inputs
@pytest.mark.usefixtures("build")
def test_the_number_of_threads_changes_no_bit(one_hot: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(mlstm, "team", lambda rows, threads=threads: threads)
        results.append(results_of(mlstm.unroll, CELL, {**ODD, "B": 5}, "carried", one_hot))
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


def test_a_row_has_the_same_bits_whatever_the_other_rows() -> None:
    w, ids, state = inputs_for(CELL, ODD, "carried", torch.float32)
    all_rows, _ = mlstm.unroll(CELL, TORCH, w, OneHot(TORCH, ids, w["W_x"], ODD["I"]), state)
    for rows in (slice(1, 2), slice(0, 2)):
        some = CELL.state(*(field[rows] for field in state))
        hs, _ = mlstm.unroll(CELL, TORCH, w, OneHot(TORCH, ids[rows], w["W_x"], ODD["I"]), some)
        assert torch.equal(hs, all_rows[rows])


@starts
def test_outputs_without_gradients_are_the_same(start: str) -> None:
    w, ids, state = inputs_for(CELL, ODD, start, torch.float32)
    xs = OneHot(TORCH, ids, w["W_x"], ODD["I"])
    expected, _ = mlstm.unroll(CELL, TORCH, w, xs, state)
    with torch.no_grad():
        hs, _ = mlstm.unroll(CELL, TORCH, w, xs, state)
    assert torch.equal(hs, expected)


def test_the_gradient_of_a_learned_matrix_is_the_sum_over_the_rows() -> None:
    gradients = []
    for run, dtype in ((unroll, torch.float64), (mlstm.unroll, torch.float32)):
        w, ids, state = inputs_for(CELL, ODD, "zero", dtype)
        learned = state.C[0].detach().fill_(0.25).requires_grad_()
        start = state._replace(C=learned.expand_as(state.C))
        hs, _ = run(CELL, TORCH, w, TORCH.one_hot(ids, ODD["I"], w["W_x"]), start)
        gradients.append(torch.autograd.grad(hs.square().sum(), learned))
    assert_close(gradients[1], gradients[0], ODD)


def test_a_second_backward_pass_gives_the_same_bits() -> None:
    w, ids, state = inputs_for(CELL, ODD, "carried", torch.float32)
    hs, _ = mlstm.unroll(CELL, TORCH, w, OneHot(TORCH, ids, w["W_x"], ODD["I"]), state)
    leaves = [*w.values(), *state[1:]]
    first, second = (torch.autograd.grad(hs.sum(), leaves, retain_graph=True) for _ in range(2))
    assert all(map(torch.equal, first, second))


@pytest.mark.usefixtures("build")
def test_nan_gives_nan() -> None:
    w, ids, state = inputs_for(CELL, SMALL, "zero", torch.float32)
    hs, _ = mlstm.unroll(CELL, TORCH, w, TORCH.one_hot(ids, SMALL["I"], w["W_x"]) * math.nan, state)
    assert hs.isnan().all()


def test_other_types_are_rejected() -> None:
    w, ids, state = inputs_for(CELL, SMALL, "zero", torch.float64)
    with pytest.raises(TypeError, match="float64"):
        mlstm.unroll(CELL, TORCH, w, OneHot(TORCH, ids, w["W_x"], SMALL["I"]), state)


@pytest.mark.skipif(not native.has_bfloat16(), reason="no AVX512-BF16")
def test_in_bfloat16_only_the_factors_of_the_input_projection_are_rounded() -> None:
    w, ids, state = inputs_for(CELL, ODD, "carried", torch.float32)
    xs = TORCH.one_hot(ids, ODD["I"], w["W_x"]) + 0.1
    hs, final = mlstm.unroll(CELL, TORCH, w, xs, state, precision="bfloat16")
    rounded = {name: w[name].bfloat16().float() for name in ("W_x", "W_g")}
    expected, end = mlstm.unroll(CELL, TORCH, {**w, **rounded}, xs.bfloat16().float(), state)
    assert_close([hs, *final], [expected, *end], ODD)
