"""Cells of other packages in ONNX: operations and states that no cell of charseq has."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from charseq.cells.cell import Cell, Param
from charseq.cells.ops import UNTAPPED
from charseq.export.onnx_models import sequence_model, step_model
from charseq.model.network import Network
from tests.support.command import SIZES
from tests.support.onnx_models import Runtime, logits_of
from tests.support.recorded_networks import random_weights

B, T, V = SIZES["B"], 13, SIZES["V"]


class State(NamedTuple):
    h: Any
    a: Any
    b: Any
    M: Any


AXES = {"b": "B", "M": "B H H"}


def every_operation(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Use all operations, on inputs and on states; parts of a split stay unused."""
    _, y, _ = ops.split(x @ w["W_x"].T, 3)
    g, _ = ops.split(ops.unit(y) @ w["G"].T, 2)
    s = ops.sigmoid(abs(g[:, 0] - 0.25) / 2)
    is_large = y > 0.1
    M = 0.5 * state.M + ops.tanh(y[:, :, None] * state.h[:, None, :])  # noqa: N806
    h = ops.where(is_large, (M @ y[:, :, None])[:, :, 0], -state.h)
    h = ops.normalized(h, ops.exp(w["gain"]), w["gain"]) * ops.log_sigmoid(g[:, 1])[:, None]
    b = ops.maximum(s, (y * state.a).sum(-1) - state.b)
    return State(ops.tanh(h + ops.unit(b[:, None] * y)), ops.relu(y) + 1, b, M)


def kept_and_equal(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Return a state as it was, one value twice, and a constant."""
    h = ops.tanh(state.a + ops.split(x @ w["W_x"].T, 3)[0])
    return State(h, h, state.b, ops.zeros(state.M.shape, state.M) + 2)


def products_from_the_left(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Multiply a matrix by inputs."""
    y = w["G"] @ ops.split(x @ w["W_x"].T, 3)[0][:, :, None]  # [H H] @ [B H 1]
    return state._replace(h=ops.tanh(y[:, :, 0] + 0.5 * state.h), a=ops.exp(-abs(y[:, :, 0])))


def a_product_with_planes(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Multiply all rows by a stack of matrices, which has an axis before that of the batch."""
    rows = x @ w["P"]  # [1 B I] @ [1 I H] -> [1 B H]
    return state._replace(h=ops.tanh(rows[0] - state.h))


def a_counter(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Read no input at all."""
    return state._replace(h=0.9 * state.h + w["gain"], b=state.b + 1)


def without_state(ops: Any, w: Any, x: Any, state: State, tap: Any = UNTAPPED) -> State:
    """Read no state at all."""
    y = ops.split(x @ w["W_x"].T, 3)[1]
    return State(ops.tanh(y), y, (y * y).sum(-1), state.M)


STEPS = [
    every_operation,
    kept_and_equal,
    products_from_the_left,
    a_product_with_planes,
    a_counter,
    without_state,
]


@pytest.mark.parametrize("embedding_size", [0, SIZES["I"]])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_any_cell_that_can_be_recorded_computes_its_step(
    step: Callable[..., State], embedding_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {
        "W_x": Param("3H I"),
        "G": Param("4 H" if step is every_operation else "H H"),
        "gain": Param("H"),
        "P": Param("1 I H"),
    }
    cell = Cell("odd", State, params, step, "a test", "nowhere", AXES)
    monkeypatch.setattr("charseq.model.network.cell_named", lambda name: cell)
    network = Network("odd", V, SIZES["H"], layers=2, embedding_size=embedding_size)
    arrays = random_weights(network)
    ids = np.random.default_rng(1).integers(0, V, (B, T))
    wanted = logits_of(network, arrays, ids)
    model = Runtime(step_model(network, arrays, {}), B)
    shapes = {name: state.shape for name, state in model.states.items()}
    np.testing.assert_allclose(
        np.stack([model.read(column) for column in ids.T], 1), wanted, rtol=1e-5, atol=1e-5
    )
    assert {name: state.shape for name, state in model.states.items()} == shapes
    sequence = Runtime(sequence_model(network, arrays, {}), B)
    np.testing.assert_allclose(sequence.read(ids), wanted, rtol=1e-5, atol=1e-5)
    for name, state in model.states.items():
        np.testing.assert_allclose(sequence.states[name], state, rtol=1e-5, atol=1e-5)
