"""Recorded steps: the graph, evaluated in NumPy, equals the step."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.cells.cell import Cell, H, Param, shape_of
from charseq.cells.ops import NORM_FLOOR
from charseq.errors import UsageError
from charseq.export.graph import BATCH, Graph, Operation, Value
from charseq.export.recording import cell_graph, network_graph
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY
from charseq.model.stepper import Reader
from tests.example_package.charseq_example_cells import LEAKY
from tests.support.command import SIZES
from tests.support.recorded_networks import EVERY_CELL, NETWORKS, network_of, random_weights, register_leaky

KINDS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "matmul": np.matmul,
    "maximum": np.maximum,
    "greater": np.greater,
    "greater_or_equal": np.greater_equal,
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": NUMPY.sigmoid,
    "log_sigmoid": NUMPY.log_sigmoid,
    "relu": NUMPY.relu,
    "transpose": np.transpose,
    "unit": lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True) + NORM_FLOOR),
    "sum": lambda x: x.sum(-1),
    "slice": lambda x, start, stop: x[..., start:stop],
    "select": lambda x, axis, index: x.take(index, axis),
    "unsqueeze": np.expand_dims,
    "where": np.where,
    "normalized": NUMPY.normalized,
    "rows": NUMPY.rows,
    "one_hot": lambda ids, size: np.eye(size, dtype=np.float32)[ids],
}


def evaluated(graph: Graph, arrays: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """Return the outputs of a graph for the arrays of its inputs and parameters."""
    values = {id(value): arrays[name] for name, value in (graph.inputs | graph.parameters).items()}

    def compute(operation: Operation) -> Any:
        if operation.kind == "zeros":
            return np.zeros([batch if size == BATCH else size for size in operation.output.shape], np.float32)
        operands = [values[id(x)] if isinstance(x, Value) else np.float32(x) for x in operation.operands]
        return KINDS[operation.kind](*operands, **operation.attributes)

    for operation in graph.used():
        result = values[id(operation.output)] = compute(operation)
        assert result.shape == tuple(batch if n == BATCH else n for n in operation.output.shape), operation
    return {name: values[id(value)] for name, value in graph.outputs.items()}


def draws(cell: Cell, batch: int) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Yield weights, inputs and states of a cell: the initial state, and states in use."""
    sizes, random = {**SIZES, "B": batch}, np.random.default_rng(3)

    def normal(axes: str) -> Any:
        return random.normal(size=shape_of(axes, sizes)).astype(np.float32)

    for scale in (0, 1, 3):
        w = {name: normal(param.axes) for name, param in cell.params.items()}
        state = cell.state(*(scale * normal(cell.axes_of(name)) for name in cell.state._fields))
        yield w, normal("B I"), state._replace(**{n: abs(state.n) for n in ("n",) if hasattr(state, "n")})


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("cell", EVERY_CELL, ids=lambda cell: cell.name)
def test_the_graph_of_a_cell_computes_its_step(cell: Cell, batch: int) -> None:
    graph = cell_graph(cell, SIZES["I"], SIZES["H"])
    for w, x, state in draws(cell, batch):
        expected = cell.step(NUMPY, w, x, state)
        states = {f"state.{name}": value for name, value in state._asdict().items()}
        outputs = evaluated(graph, {**w, "x": x, **states}, batch)
        assert list(outputs) == list(states)
        for name, value in expected._asdict().items():
            np.testing.assert_allclose(outputs[f"state.{name}"], value, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cell", EVERY_CELL, ids=lambda cell: cell.name)
def test_a_cell_that_reads_ids_looks_up_what_it_multiplies_one_hot_vectors_with(cell: Cell) -> None:
    graph = cell_graph(cell, SIZES["I"], SIZES["H"], reads_ids=True)
    assert any(o.kind == "rows" for o in graph.used()) == (cell is not LEAKY)
    ids = np.array([3, 1])
    for w, _, state in draws(cell, 2):
        expected = cell.step(NUMPY, w, np.eye(SIZES["I"], dtype=np.float32)[ids], state)
        states = {f"state.{name}": value for name, value in state._asdict().items()}
        outputs = evaluated(graph, {**w, "ids": ids, **states}, 2)
        for name, value in expected._asdict().items():
            np.testing.assert_allclose(outputs[f"state.{name}"], value, rtol=1e-6, atol=1e-6)


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    register_leaky(monkeypatch)


@pytest.mark.usefixtures("leaky")
@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", [cell.name for cell in EVERY_CELL])
def test_the_graph_of_a_network_computes_its_steps(name: str, options: dict[str, Any]) -> None:
    network = network_of(name, options)
    arrays = random_weights(network)
    weights = network.arrange(arrays)
    reader, graph = Reader(network, weights, SIZES["B"], native=False), network_graph(network)
    initial = network.initial_states(NUMPY, weights, SIZES["B"])
    states = {f"layers.{i}.{n}": v for i, s in enumerate(initial) for n, v in s._asdict().items()}
    assert list(graph.inputs) == ["ids", *states]
    for ids in np.random.default_rng(0).integers(0, SIZES["V"], (SIZES["T"], SIZES["B"])):
        states = evaluated(graph, {**arrays, "ids": ids, **states}, SIZES["B"])
        np.testing.assert_allclose(states.pop("logits"), reader.read(ids), rtol=1e-4, atol=1e-5)


def test_values_have_the_names_of_the_equations() -> None:
    names = [operation.output.name for operation in network_graph(Network("gru", 5, 3)).used()]
    assert names[-6:] == ["mul", "mul", "layers.0.h", "transpose", "matmul", "add"]
    assert {"layers.0.x_gates", "layers.0.r", "layers.0.z", "layers.0.n"} < {*names}
    assert [o.output.name for o in cell_graph(CELLS["rnn"], 5, 3).used()][-2:] == ["add", "h"]


def unwritable(x: Any, h: Any) -> Iterator[Callable[[], Any]]:
    yield lambda: h if x.sum(-1) > 0 else -h
    yield lambda: h * next(iter(x))
    yield lambda: h**2
    yield lambda: h * h.sum(0)
    yield lambda: h[:, 99:]
    yield lambda: h[:, 99]
    yield lambda: h * x.mean()
    yield lambda: np.sqrt(h)
    yield lambda: h + x


@pytest.mark.parametrize("number", range(9))
def test_a_step_that_cannot_be_recorded_is_an_error_that_names_the_cell(number: int) -> None:
    def step(ops: Any, w: Any, x: Any, state: H, tap: Any = None) -> H:
        return H([*unwritable(x, state.h)][number]())

    cell = Cell("odd", H, {"W": Param("H I")}, step, "a test", "nowhere")
    with pytest.raises(UsageError, match="the cell odd cannot be exported: ") as caught:
        cell_graph(cell, SIZES["I"], SIZES["H"])
    assert "safetensors" in caught.value.hint


def test_numbers_of_numpy_are_recorded_as_numbers() -> None:
    def step(ops: Any, w: Any, x: Any, state: H, tap: Any = None) -> H:
        return H(np.float32(2) * state.h / np.int64(3))

    cell = Cell("scaled", H, {"W": Param("H I")}, step, "a test", "nowhere")
    h = np.ones((2, 7), np.float32)
    outputs = evaluated(cell_graph(cell, 5, 7), {"x": 0, "W": 0, "state.h": h}, 2)
    np.testing.assert_allclose(outputs["state.h"], h * 2 / 3)
