"""The generated code of a step: it has the names of the equations, and computes what the cell computes."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS
from charseq.cells.cell import Cell, H, Param, shape_of
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap
from charseq.errors import UsageError
from charseq.export.torch_layer import WIDTH, shape_code, step_body
from charseq.export.torch_network import network_module
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY
from tests.support.exported import module_of

GRU = """\
(h_prev,) = state
x_gates = x @ self.W_x.T + self.b_x
h_gates = h_prev @ self.W_h.T + self.b_h
x_r, x_z, x_n = x_gates.chunk(3, dim=-1)
h_r, h_z, h_n = h_gates.chunk(3, dim=-1)
r = torch.sigmoid(x_r + h_r)
z = torch.sigmoid(x_z + h_z)
n = torch.tanh(x_n + r * h_n)
h = (1 - z) * n + z * h_prev
return (h,)"""

SLSTM = """\
h_prev, c_prev, n_prev, m_prev = state
x_gates = x @ self.W_x.T + self.b_x
h_gates = h_prev @ self.W_h.T
log_i, pre_log_f, pre_z, pre_o = (x_gates + h_gates).chunk(4, dim=-1)
log_f = functional.logsigmoid(pre_log_f)
z = torch.tanh(pre_z)
o = torch.sigmoid(pre_o)
total = log_f + m_prev
m = torch.where(n_prev > 0, torch.maximum(total, log_i), log_i)
i = torch.exp(log_i - m)
f = torch.exp(-torch.relu(m - total))
c = f * c_prev + i * z
n = f * n_prev + i
h = o * c / n
return h, c, n, m"""


@pytest.mark.parametrize(("cell", "expected"), [("gru", GRU), ("slstm", SLSTM)])
def test_the_code_of_a_step_has_the_names_of_the_equations(cell: str, expected: str) -> None:
    assert "\n".join(step_body(CELLS[cell], 5, 7)) == expected


def test_indices_of_one_value_become_one_index() -> None:
    body = step_body(CELLS["mlstm"], 5, 7)
    assert "C = f[:, None, None] * C_prev + i[:, None, None] * v[:, :, None] * k[:, None]" in body
    assert "h = o * (C @ q[:, :, None])[:, :, 0] / maximum[:, None]" in body
    assert "k = x_k * HIDDEN_SIZE**-0.5" in body


def odd_step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
    """Advance one step with operations that no cell of charseq has.

    first = W_x x
    """
    first = tap("first", x @ w["W_x"].T * x.shape[-1] ** -0.5, "B H")
    floor = ops.maximum(first, -0.25) - (state.h - w["a"]) - ops.where(first >= 0.5, first, 0.125)
    normalized = ops.normalized(floor, w["a"], w["a"])
    share = abs(normalized).sum(-1)[:, None]
    zeros = ops.zeros(first.shape, first)
    bounded = ops.where(share < 1e6, share, zeros + 3) * ops.unit(normalized) * -w["a"]
    long = bounded + ops.sigmoid(first) * ops.tanh(normalized) + ops.exp(-abs(normalized)) / 2.5
    x_2 = tap("x", long + ops.relu(normalized) * ops.sigmoid(normalized) - ops.tanh(w["a"]), "B H")
    return H(tap("first", x_2 - (ops.log_sigmoid(x_2) + zeros), "B H"))


ODD = Cell(
    "odd",
    state=H,
    step=odd_step,
    params={"W_x": Param("H I"), "a": Param("H")},
    summary='a "cell" with \\ in its summary: """',
    source="none",
)


def odd_network(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Network:
    monkeypatch.setitem(CELLS, "odd", ODD)
    return Network("odd", 11, **{"hidden_size": 7, "layers": 2, **options})


def test_every_operation_of_a_step_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of(network_module(odd_network(monkeypatch)))
    random = np.random.default_rng(0)
    for kind, inputs in (("FirstLayer", 11), ("Layer", 7)):
        sizes = {"I": inputs, "H": 7}
        w = {name: random.normal(size=shape_of(p.axes, sizes)) for name, p in ODD.params.items()}
        x, h = random.normal(size=(3, inputs)), random.normal(size=(3, 7))
        layer = getattr(module, kind)(inputs).double()
        layer.load_state_dict({name: torch.from_numpy(array) for name, array in w.items()}, strict=True)
        (after,) = layer.step(torch.from_numpy(x), (torch.from_numpy(h),))
        np.testing.assert_allclose(after.detach().numpy(), odd_step(NUMPY, w, x, H(h)).h, rtol=1e-12)


def test_long_expressions_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    code = network_module(odd_network(monkeypatch))
    body = step_body(ODD, 11, 7)
    assert max(map(len, body)) <= WIDTH
    assert "difference = (" in body  # a line for each term of a sum
    assert "    - torch.where(first >= 0.5, first, 0.125)" in body
    assert "total_2 = total + torch.exp(-torch.abs(normalized)) / 2.5" in body
    assert body[-1] == "return (first_2,)"
    formatted = subprocess.run(
        ["ruff", "format", "--isolated", "-"], input=code, capture_output=True, text=True, timeout=60
    )
    assert formatted.stdout == code


def test_a_layer_whose_step_depends_on_the_size_of_its_input_has_a_class_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "class FirstLayer(" in network_module(odd_network(monkeypatch))
    assert "class FirstLayer(" not in network_module(odd_network(monkeypatch, layers=1))
    assert "class FirstLayer(" not in network_module(odd_network(monkeypatch, embedding_size=7))


def test_shapes_are_written_in_sizes_of_the_network() -> None:
    assert shape_code("3H I") == "3 * HIDDEN_SIZE, input_size"
    assert shape_code("2 H") == "2, HIDDEN_SIZE"
    assert shape_code(" H H") == "HIDDEN_SIZE, HIDDEN_SIZE"


def test_a_step_that_cannot_be_exported_is_an_error_that_names_the_cell() -> None:
    def step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
        return H(np.tanh(x @ w["W_x"].T))

    with pytest.raises(UsageError, match="the cell odd cannot be exported"):
        step_body(replace(ODD, step=step), 5, 7)


def test_a_parameter_whose_name_is_no_name_in_python_is_an_error() -> None:
    def step(ops: Ops, w: Mapping[str, Array], x: Array, state: H, tap: Tap = UNTAPPED) -> H:
        return H(x @ w["lambda"].T)

    cell = replace(ODD, step=step, params={"lambda": Param("H I")})
    with pytest.raises(UsageError, match="'lambda' is no valid name"):
        step_body(cell, 5, 7)
