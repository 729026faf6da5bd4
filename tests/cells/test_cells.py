import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS, cell_named
from charseq.cells.cell import Cell, factors, shape_of, unroll
from charseq.cells.minimal import candidate
from charseq.errors import UsageError
from charseq.model.numpy_ops import NUMPY, SeededDraw
from charseq.training.kernels.torch_ops import TORCH
from tests.support.command import SIZES

TORCH_MODULES: dict[str, Any] = {
    "rnn": torch.nn.RNN,
    "rnn-relu": partial(torch.nn.RNN, nonlinearity="relu"),
    "lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
}
NAMES_IN_TORCH = {"W_x": "weight_ih_l0", "W_h": "weight_hh_l0", "b_x": "bias_ih_l0", "b_h": "bias_hh_l0"}

every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def weights_of(cell: Cell) -> dict[str, Any]:
    return {
        name: random(*shape_of(param.axes, SIZES), seed=i)
        for i, (name, param) in enumerate(cell.params.items())
    }


def state_of(cell: Cell) -> Any:
    fields = enumerate(cell.state._fields)
    state = cell.state(*(random(*shape_of(cell.axes_of(name), SIZES), seed=i + 50) for i, name in fields))
    return state._replace(n=abs(state.n) + 0.5) if cell.name == "slstm" else state  # n > 0


@every_cell
def test_a_cell_computes_the_same_over_numpy_and_torch(cell: Cell) -> None:
    w, state, xs = weights_of(cell), state_of(cell), random(SIZES["B"], SIZES["T"], SIZES["I"])
    hs, final = unroll(cell, NUMPY, w, xs, state)
    in_torch = {name: torch.from_numpy(array) for name, array in w.items()}
    torch_hs, torch_final = unroll(
        cell, TORCH, in_torch, torch.from_numpy(xs), cell.state(*map(torch.from_numpy, state))
    )
    assert hs.shape == (SIZES["B"], SIZES["T"], SIZES["H"])
    np.testing.assert_allclose(torch_hs.numpy(), hs, atol=1e-10)
    for field, torch_field in zip(final, torch_final, strict=True):
        np.testing.assert_allclose(torch_field.numpy(), field, atol=1e-10)


@pytest.mark.parametrize("name", TORCH_MODULES)
def test_weights_copied_to_torch_nn_give_the_same_outputs(name: str) -> None:
    cell = CELLS[name]
    w, xs = weights_of(cell), random(SIZES["B"], SIZES["T"], SIZES["I"])
    module = TORCH_MODULES[name](SIZES["I"], SIZES["H"], batch_first=True).double()
    module.load_state_dict({NAMES_IN_TORCH[n]: torch.from_numpy(a) for n, a in w.items()})
    expected, _ = module(torch.from_numpy(xs))
    hs, _ = unroll(cell, NUMPY, w, xs, cell.start(NUMPY, SIZES["B"], SIZES["H"], xs))
    np.testing.assert_allclose(hs, expected.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("name", TORCH_MODULES)
def test_weights_copied_from_torch_nn_give_the_same_outputs(name: str) -> None:
    cell = CELLS[name]
    module = TORCH_MODULES[name](SIZES["I"], SIZES["H"], batch_first=True).double()
    w = {n: module.state_dict()[t].numpy() for n, t in NAMES_IN_TORCH.items()}
    assert {n: a.shape for n, a in w.items()} == {
        n: shape_of(param.axes, SIZES) for n, param in cell.params.items()
    }
    xs = random(SIZES["B"], SIZES["T"], SIZES["I"])
    expected, _ = module(torch.from_numpy(xs))
    hs, _ = unroll(cell, NUMPY, w, xs, cell.start(NUMPY, SIZES["B"], SIZES["H"], xs))
    np.testing.assert_allclose(hs, expected.detach().numpy(), atol=1e-10)


@every_cell
def test_outputs_past_the_length_are_zero_and_the_state_does_not_change(cell: Cell) -> None:
    w, state, xs = weights_of(cell), state_of(cell), random(SIZES["B"], SIZES["T"], SIZES["I"])
    hs, final = unroll(cell, NUMPY, w, xs, state, lengths=np.array([3, 1]))
    assert (hs[1, 1:] == 0).all()
    assert (hs[1, 0] != 0).any()
    alone, end = unroll(cell, NUMPY, w, xs[:, :1], state)
    for field, short in zip(final, end, strict=True):
        np.testing.assert_array_equal(field[1], short[1])
    np.testing.assert_array_equal(hs[1, 0], alone[1, 0])


@every_cell
def test_the_initial_state_is_zero(cell: Cell) -> None:
    state = cell.start(NUMPY, SIZES["B"], SIZES["H"], np.zeros(1, np.float32))
    assert state._fields[0] == "h"
    for name, field in zip(state._fields, state, strict=True):
        assert field.shape == shape_of(cell.axes_of(name), SIZES)
        assert not field.any()


@every_cell
def test_initial_weights_have_the_declared_shapes_and_depend_on_the_seed(cell: Cell) -> None:
    for param in cell.params.values():
        shape = shape_of(param.axes, SIZES)
        for init in filter(None, (param.init, param.init_to_memorize)):
            one, same, other = (init(SeededDraw(seed), shape, SIZES["H"]) for seed in (1, 1, 2))
            assert one.shape == shape
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, same)
            drawn = np.unique(one).size > 2  # biases are constants
            assert not drawn or (one != other).any()


def test_an_orthogonal_matrix_is_orthogonal() -> None:
    q = SeededDraw(3).orthogonal(7)
    np.testing.assert_allclose(q @ q.T, np.eye(7), atol=1e-6)


def test_the_error_for_a_misspelled_cell_suggests_a_similar_name() -> None:
    with pytest.raises(UsageError) as caught:
        cell_named("LTSM")
    assert "'LTSM'" in caught.value.message
    assert "did you mean 'lstm'?" in caught.value.hint
    assert "rnn, rnn-relu, rnn-norm, lstm, gru" in caught.value.hint


@pytest.mark.parametrize("axis", ["", "3h", "H3", "-H", "B H"])
def test_an_axis_is_a_number_and_capital_letters(axis: str) -> None:
    assert [factors(known) for known in ("3H", "BT", "2")] == [("3", "H"), ("", "BT"), ("2", "")]
    with pytest.raises(ValueError, match="is not an axis"):
        factors(axis)


def test_the_candidate_of_the_minimal_cells_is_never_negative() -> None:
    x = np.array([-1.0, -1e-9, 0.0, 1.0])
    expected = [1 / (1 + math.e), 0.5, 0.5, 1.5]
    np.testing.assert_allclose(candidate(NUMPY, x), expected, atol=1e-9)
