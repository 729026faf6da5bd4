"""Gradients of every position without PyTorch, held equal to those of autograd."""

from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.errors import CharseqError
from charseq.inspection import gradient_table as tables
from charseq.inspection.gradient_table import GradientTable, gradient_table, positions_within_limits
from charseq.inspection.reverse_mode import Tape
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.training.gradient_flow import loss_and_norms

IDS = np.array([1, 3, 0, 4, 4, 2, 0, 1], np.uint8)
EVERYTHING: dict[str, Any] = {
    "layers": 2, "residual": True, "layer_norm": True, "embedding_size": 7, "tie_weights": True,
}  # fmt: skip
TOLERANCE = 1e-10
"""Relative and absolute: both are computed in float64."""


def table_of(network: Network, arrays: Any, ids: Any = IDS) -> GradientTable:
    *shares, table = gradient_table(network, arrays, ids)
    assert isinstance(table, GradientTable)
    assert shares[-1] == 1.0
    return table


@pytest.mark.parametrize("details", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_table_equals_autograd_at_every_position(cell: str, details: dict[str, Any]) -> None:
    learned: dict[str, Any] = {"initial_state": "learned"} if details and cell != "none" else {}
    network = Network(cell, 5, 7, **details, **learned)
    arrays = {name: array * 2 for name, array in network.draw(SeededDraw(3)).items()}
    table = table_of(network, arrays)
    for position in range(len(IDS) - 1):
        loss, norms = loss_and_norms(network, arrays, IDS[: position + 2])
        assert table.losses[position] == pytest.approx(loss, rel=TOLERANCE, abs=TOLERANCE)
        row = table.norms[position]
        np.testing.assert_allclose(row[: position + 1], norms, rtol=TOLERANCE, atol=TOLERANCE)
        assert not row[position + 1 :].any()


def test_the_table_is_the_same_in_several_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network("lstm", 5, 7)
    arrays = network.draw(SeededDraw(3))
    whole = table_of(network, arrays)
    monkeypatch.setattr(tables, "MAX_BYTES", 1.0)
    shares = [step for step in gradient_table(network, arrays, IDS) if isinstance(step, float)]
    assert len(shares) == len(IDS) - 1
    np.testing.assert_allclose(table_of(network, arrays).norms, whole.norms, rtol=1e-12)


def test_a_cell_without_memory_has_gradients_at_the_same_step_only() -> None:
    network = Network("none", 5, 7)
    norms = table_of(network, network.draw(SeededDraw(3))).norms
    assert (norms > 0).tolist() == np.eye(len(norms), dtype=bool).tolist()


def test_infinite_weights_are_an_error() -> None:
    network = Network("rnn", 5, 7)
    arrays = {name: np.full_like(array, 1e38) for name, array in network.draw(SeededDraw(3)).items()}
    arrays["head.W"] = np.full_like(arrays["head.W"], np.inf)
    with pytest.raises(CharseqError, match="NaN or infinite"):
        table_of(network, arrays)


def test_large_networks_get_fewer_positions_and_small_ones_no_more_than_the_maximum() -> None:
    assert positions_within_limits(Network("gru", 5, 7)) == tables.MAX_POSITIONS
    assert 1 < positions_within_limits(Network("lstm", 101, 1009)) < tables.MAX_POSITIONS
    assert positions_within_limits(Network("mlstm", 101, 10007)) == 0


def test_operations_that_only_other_packages_use_are_differentiated() -> None:
    tape = Tape()
    value = np.array([[0.5, 2.0, 3.0]])

    def function(x: Any) -> Any:
        return (2.0 / x + x**3 - (1 - x) * x).reshape(3, 1)

    x = tape.leaf(value)
    output = function(x)
    found = tape.gradients(output, np.ones((3, 1)))[x.number]
    step = 1e-6
    expected = (function(tape.leaf(value + step)).value - function(tape.leaf(value - step)).value) / (
        2 * step
    )
    np.testing.assert_allclose(found, expected.T, rtol=1e-6)
    assert ((x > 1).tolist(), (x < 1).tolist()) == ([[False, True, True]], [[True, False, False]])
    assert ((x >= 2).tolist(), (x <= 2).tolist()) == ([[False, True, True]], [[True, True, False]])
