"""A reader computes what the network does, symbol by symbol, in C and over NumPy."""

from typing import Any

import numpy as np
import pytest

from charseq import native
from charseq.cells import CELLS
from charseq.model.network import Network, Weights
from charseq.model.numpy_ops import NUMPY, Floats
from charseq.model.stepper import Reader

SYMBOLS, HIDDEN, ROWS, STEPS = 11, 37, 5, 7
IDS = np.random.default_rng(0).integers(0, SYMBOLS, (ROWS, STEPS))
STACKS: dict[str, dict[str, Any]] = {
    "one layer": {},
    "everything": {
        "layers": 2,
        "residual": True,
        "layer_norm": True,
        "embedding_size": HIDDEN,
        "tie_weights": True,
    },
    "learned start": {"initial_state": "learned", "layers": 2},
    "no head": {"head": "none"},
}
HAS_LIBRARY = native.library() is not None
every_cell = pytest.mark.parametrize("cell", CELLS)
in_c_or_not = pytest.mark.parametrize(
    "in_c", [pytest.param(True, marks=pytest.mark.skipif(not HAS_LIBRARY, reason="no C compiler")), False]
)


def network(cell: str, **options: Any) -> tuple[Network, Weights]:
    hidden = SYMBOLS if options.get("head") == "none" else HIDDEN
    plan = Network(cell, SYMBOLS, hidden, **options)
    random = np.random.default_rng(1)
    drawn = {
        name: random.normal(0, 0.3, spec.shape).astype(np.float32)
        for name, spec in plan.parameter_specs().items()
    }
    return plan, plan.arrange(drawn)


def expected(plan: Network, weights: Weights) -> Floats:
    hs, _ = plan.forward(
        NUMPY, weights, plan.embed(NUMPY, weights, IDS), plan.initial_states(NUMPY, weights, ROWS)
    )
    logits: Floats = plan.read_out(weights, hs)
    return logits


def read(reader: Reader, ids: Any) -> Floats:
    return np.stack([reader.read(column).copy() for column in ids.T], 1)


@every_cell
@in_c_or_not
@pytest.mark.parametrize("stack", STACKS)
def test_logits_are_those_of_the_network(cell: str, stack: str, in_c: bool) -> None:
    if stack == "learned start" and not CELLS[cell].learned_start:
        pytest.skip("a cell without a state to learn")
    plan, weights = network(cell, **STACKS[stack])
    logits = read(Reader(plan, weights, ROWS, native=in_c), IDS)
    np.testing.assert_allclose(logits, expected(plan, weights), atol=2e-5, rtol=2e-5)


@every_cell
@in_c_or_not
def test_rows_can_be_left_and_doubled_on_the_way(cell: str, in_c: bool) -> None:
    plan, weights = network(cell, layers=2)
    reader = Reader(plan, weights, ROWS, native=in_c)
    read(reader, IDS[:, :3])
    reader.keep([3, 0, 3])
    logits = read(reader, IDS[[3, 0, 3], 3:])
    np.testing.assert_allclose(logits, expected(plan, weights)[[3, 0, 3], 3:], atol=2e-5, rtol=2e-5)


@every_cell
@in_c_or_not
def test_a_row_can_begin_anew(cell: str, in_c: bool) -> None:
    plan, weights = network(cell, **STACKS["everything"])
    reader = Reader(plan, weights, ROWS, native=in_c)
    read(reader, IDS[::-1, :4])
    reader.restart([0, 2, 4])
    logits = read(reader, IDS)
    np.testing.assert_allclose(logits[::2], expected(plan, weights)[::2], atol=2e-5, rtol=2e-5)
    assert not np.allclose(logits[1], expected(plan, weights)[1], atol=1e-3) or cell == "none"


@every_cell
@in_c_or_not
@pytest.mark.parametrize("stack", STACKS)
def test_several_symbols_at_once_are_read_as_one_by_one_to_the_bit(cell: str, in_c: bool, stack: str) -> None:
    if stack == "learned start" and not CELLS[cell].learned_start:
        return
    plan, weights = network(cell, **STACKS[stack])
    one_by_one = Reader(plan, weights, ROWS, native=in_c)
    along = Reader(plan, weights, ROWS, native=in_c)
    for first, last in ((0, 3), (3, 4), (4, STEPS)):
        expected = np.stack([one_by_one.read(IDS[:, t]).copy() for t in range(first, last)])
        assert np.array_equal(along.read_sequence(IDS[:, first:last].T), expected)
    assert np.array_equal(along.read(IDS[:, 0]), one_by_one.read(IDS[:, 0]))


@every_cell
@in_c_or_not
@pytest.mark.parametrize("embedding_size", [0, 13])
def test_a_row_is_bit_identical_whatever_the_other_rows_are(
    cell: str, in_c: bool, embedding_size: int
) -> None:
    plan, weights = network(cell, layers=2, embedding_size=embedding_size, layer_norm=True)
    together = read(Reader(plan, weights, ROWS, native=in_c), IDS)
    for row in range(ROWS):
        alone = read(Reader(plan, weights, 1, native=in_c), IDS[row : row + 1])
        assert np.array_equal(alone[0], together[row])


@pytest.mark.skipif(not HAS_LIBRARY, reason="no C compiler")
@pytest.mark.parametrize("cell", [*native.kernels(), "mlstm"])
@pytest.mark.parametrize("rows", [1, ROWS])
def test_in_c_the_number_of_threads_changes_no_bit(
    cell: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, weights = network(cell, layers=2)
    found = []
    for threads in (1, 2, 3):
        for module in ("layer", "linear", "mlstm"):
            monkeypatch.setattr(f"charseq.native.{module}.threads_for", lambda *_, threads=threads: threads)
        found.append(read(Reader(plan, weights, rows), IDS[:rows]))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.skipif(not HAS_LIBRARY, reason="no C compiler")
@pytest.mark.parametrize("cell", native.kernels())
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_in_c_the_number_of_threads_changes_no_bit_of_a_sequence(
    cell: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, weights = network(cell, layers=2)
    one_by_one = read(Reader(plan, weights, rows), IDS[:rows])
    for threads in (1, 2, 3):
        monkeypatch.setattr("charseq.native.layer.threads_for_sequence", lambda *_, threads=threads: threads)
        along = Reader(plan, weights, rows).read_sequence(IDS[:rows].T)
        assert np.array_equal(along.swapaxes(0, 1), one_by_one)
