"""Record a step of a cell or a network as a graph.

The step runs once with symbols instead of arrays, and every operation is recorded.  So an export computes
what the cell's own function computes, whatever package the cell comes from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from charseq.cells import CELLS
from charseq.cells.cell import Cell, State, shape_of
from charseq.cells.ops import UNTAPPED, Array, OneHot, Tap
from charseq.errors import UsageError
from charseq.export.graph import BATCH, LENGTH, Graph, Shape, Value, binary, broadcast, shape_at
from charseq.model.network import Network, Unroll


class GraphOps:
    """The functions of charseq.cells.ops.Ops, recorded in a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def sigmoid(self, x: Value) -> Value:
        """1 / (1 + exp(-x))."""
        return self._unary("sigmoid", x)

    def log_sigmoid(self, x: Value) -> Value:
        """The natural logarithm of sigmoid(x)."""
        return self._unary("log_sigmoid", x)

    def tanh(self, x: Value) -> Value:
        """The hyperbolic tangent."""
        return self._unary("tanh", x)

    def relu(self, x: Value) -> Value:
        """max(x, 0)."""
        return self._unary("relu", x)

    def exp(self, x: Value) -> Value:
        """The exponential."""
        return self._unary("exp", x)

    def maximum(self, x: Value, y: Value) -> Value:
        """The element-wise maximum."""
        return binary("maximum", x, y)

    def split(self, x: Value, parts: int) -> list[Value]:
        """Split the last axis into equal parts."""
        size = x.shape[-1] // parts
        shape = (*x.shape[:-1], size)
        return [
            self._graph.record("slice", [x], shape, start=part * size, stop=(part + 1) * size)
            for part in range(parts)
        ]

    def stack(self, arrays: Sequence[Value], axis: int) -> Value:
        """Stack arrays; no single step does."""
        raise TypeError("stacking arrays cannot be exported")

    def where(self, condition: Value, yes: Value, no: Value) -> Value:
        """Select element-wise."""
        shape = broadcast(condition.shape, broadcast(shape_at(yes), shape_at(no)))
        return self._graph.record("where", [condition, yes, no], shape)

    def zeros(self, shape: Shape, like: Array) -> Value:
        """Zeros."""
        return self._graph.record("zeros", [], tuple(shape))

    def one_hot(self, ids: Value, size: int, like: Array) -> Value:
        """Ids [B] -> vectors [B size] with a single 1 each."""
        return self._graph.record("one_hot", [ids], (*ids.shape, size), size=size)

    def rows(self, matrix: Value, ids: Value) -> Value:
        """Look up rows of a matrix [V N] by ids [B] -> [B N]."""
        return self._graph.record("rows", [matrix, ids], (*ids.shape, matrix.shape[1]))

    def unit(self, x: Value) -> Value:
        """Divide the last axis by its Euclidean norm."""
        return self._unary("unit", x)

    def normalized(self, x: Value, gain: Value, bias: Value) -> Value:
        """Layer normalization of the last axis."""
        return self._graph.record("normalized", [x, gain, bias], x.shape)

    def _unary(self, kind: str, x: Value) -> Value:
        return self._graph.record(kind, [x], x.shape)


class NamingTap:
    """A tap that names values as the equations do, such as "r", or "layers.0.r" in a network."""

    def __init__(self, layer: int | None = None) -> None:
        self.layer = layer

    def __call__(self, name: str, value: Value, axes: str) -> Value:
        """Name a value that an operation computes."""
        if any(operation.output is value for operation in value.graph.operations):
            value.name = name if self.layer is None else f"layers.{self.layer}.{name}"
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "NamingTap":
        """Return the tap of a layer."""
        return self if layer is None else NamingTap(layer)


def cell_graph(cell: Cell, input_size: int, hidden_size: int, *, reads_ids: bool = False) -> Graph:
    """Record one step of a cell.

    The inputs are "x" [B I] and "state.<field>", the parameters have their own names, the outputs are
    "state.<field>".  With `reads_ids`, the input is "ids" [B] instead of "x", and a product of one-hot
    vectors and a matrix is a look-up of rows.  Raises UsageError for a cell with operations that cannot be
    exported.
    """
    graph, sizes = Graph(), {"B": BATCH, "I": input_size, "H": hidden_size}
    ops = GraphOps(graph)
    x: Any = graph.add_input("ids", (BATCH,)) if reads_ids else graph.add_input("x", (BATCH, input_size))
    state = _state_inputs(graph, cell, "state", sizes)
    w = {name: graph.add_parameter(name, shape_of(p.axes, sizes)) for name, p in cell.params.items()}
    if reads_ids:
        x = OneHot(ops, x, None, input_size)
        x = x if cell.name in CELLS else x.dense()
    after = _exporting(cell)(lambda: cell.step(ops, w, x, state, NamingTap()))
    _state_outputs(graph, "state", state, after)
    return graph


def network_graph(network: Network) -> Graph:
    """Record one step of a network: ids [B], "layers.<layer>.<field>" -> logits [B V], the next states.

    The parameters have their names in the model file.  Raises UsageError as `cell_graph` does.
    """
    return _record(network, (BATCH,), _one_step)


def sequence_graph(network: Network) -> Graph:
    """Record a network that reads a sequence: ids [T B], "layers.<layer>.<field>" -> logits [T B V], states.

    A layer is two kinds of operations.  layer: xs [T B I] or ids, then the fields of its initial state ->
    hs [T B H]; `number`.  final: hs -> a `field` of the layer's final state.
    """
    return _record(network, (LENGTH, BATCH), _one_layer)


def _record(network: Network, ids_shape: Shape, unroll: Unroll) -> Graph:
    graph, cell = Graph(), network.cell
    sizes = {"B": BATCH, "H": network.hidden_size}
    ids = graph.add_input("ids", ids_shape)
    states = tuple(_state_inputs(graph, cell, f"layers.{layer}", sizes) for layer in range(network.layers))
    specs = network.parameter_specs()
    w = network.arrange({name: graph.add_parameter(name, spec.shape) for name, spec in specs.items()})
    ops = GraphOps(graph)

    def run() -> Any:
        hs, after = network.forward(
            ops, w, network.look_up(ops, w, ids), states, tap=NamingTap(), unroll=unroll
        )
        return network.read_out(w, hs), after

    graph.outputs["logits"], after = _exporting(cell)(run)
    for layer, (before, state) in enumerate(zip(states, after, strict=True)):
        _state_outputs(graph, f"layers.{layer}", before, state)
    return graph


def _one_step(
    cell: Cell, ops: GraphOps, w: Mapping[str, Value], x: Value | OneHot, state: State, tap: Tap = UNTAPPED
) -> tuple[Value, State]:
    """Run a single step where a network unrolls a sequence: x [B I] -> h [B H], the state."""
    if isinstance(x, OneHot) and cell.name not in CELLS:
        x = x.dense()  # a cell of another package may do more with x than multiply it
    after = cell.step(ops, w, x, state, tap)
    return after.h, after


def _one_layer(
    cell: Cell, ops: GraphOps, w: Mapping[str, Value], xs: Value | OneHot, state: State, tap: NamingTap
) -> tuple[Value, State]:
    """Record a layer as one operation: xs [T B I] -> hs [T B H], the final state."""
    operand = xs.ids if isinstance(xs, OneHot) else xs
    shape = (LENGTH, *state[0].shape)
    hs = tap("hs", state[0].graph.record("layer", [operand, *state], shape, number=tap.layer), "T B H")
    fields = zip(state._fields, state, strict=True)
    return hs, type(state)(*(hs.graph.record("final", [hs], s.shape, field=f) for f, s in fields))


def _state_inputs(graph: Graph, cell: Cell, prefix: str, sizes: Mapping[str, int]) -> State:
    fields = cell.state._fields
    return cell.state(
        *(graph.add_input(f"{prefix}.{name}", shape_of(cell.axes_of(name), sizes)) for name in fields)
    )


def _state_outputs(graph: Graph, prefix: str, before: State, after: State) -> None:
    for name in before._fields:
        graph.outputs[f"{prefix}.{name}"] = getattr(after, name)


def _exporting(cell: Cell) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that runs a step, and turns its errors into one that names the cell."""

    def run(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (TypeError, ValueError, AttributeError, NotImplementedError, UsageError) as error:
            cause = error.__cause__ if isinstance(error, UsageError) else None
            raise UsageError(
                f"the cell {cell.name} cannot be exported: {cause or error}",
                hint="use --format safetensors, which contains only the weights",
            ) from error

    return run
