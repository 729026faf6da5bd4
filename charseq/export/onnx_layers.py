"""Write a layer that reads a whole sequence as ONNX nodes: as an operator of ONNX, or as a Scan of the step.

The operators are for rnn-relu, lstm and gru.  A Scan runs the recorded step of any other cell; operations
that depend on the inputs alone come before it, for all steps at once.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, ValueInfoProto, helper

from charseq.cells.classic import CEILING
from charseq.export.graph import BATCH, Graph, Operation, Value
from charseq.export.onnx_nodes import (
    CONDITIONS,
    Names,
    Nodes,
    Output,
    constant_values,
    write_graph,
    write_operations,
)
from charseq.export.recording import cell_graph
from charseq.model.network import Network

Arrays = Mapping[str, npt.NDArray[np.float32]]


class Operator(NamedTuple):
    """An operator of ONNX that computes a cell."""

    kind: str
    gates: tuple[int, ...]
    """For each gate of the operator, in its order, the number of that gate in the cell's parameters."""
    attributes: Mapping[str, Any]


CELL_OPERATORS: Mapping[str, Operator] = {
    "rnn-relu": Operator("RNN", (0,), {"activations": ["Relu"], "clip": CEILING}),
    "lstm": Operator("LSTM", (0, 3, 1, 2), {}),  # i f g o -> i o f c
    "gru": Operator("GRU", (1, 0, 2), {"linear_before_reset": 1}),  # r z n -> z r h
}
"""By the cell's name.  `clip` bounds what relu is applied to, and so its result.

For one text, onnxruntime 1.32 runs them 1.1 to 6 times as fast as a Scan; for 16 or more, up to twice as
slowly.  Its RNN with tanh is slower than a Scan: 1.4 to 2.3 times for one text and 256 or 512 units, 2 to 10
times for several texts.
"""


class LayerInputs(NamedTuple):
    """The names of the inputs of a layer, and of its final state."""

    xs: str
    """The inputs [T B I], or ids [T B] that stand for one-hot vectors."""
    are_ids: bool
    states: Sequence[str]
    """The fields of the initial state [B ...]."""
    finals: Sequence[str]
    """The names that the fields of the final state will have."""


def write_layer(nodes: Nodes, network: Network, arrays: Arrays, number: int, inputs: LayerInputs) -> str:
    """Write the layer of a number; return the name of its outputs hs [T B H]."""
    if network.cell_name in CELL_OPERATORS:
        return _write_operator(nodes, network, arrays, number, inputs)
    return _write_scan(nodes, network, arrays, number, inputs)


def _write_operator(nodes: Nodes, network: Network, arrays: Arrays, number: int, inputs: LayerInputs) -> str:
    operator, prefix = CELL_OPERATORS[network.cell_name], f"layers.{number}"
    xs = inputs.xs
    if inputs.are_ids:
        size = nodes.constant(network.vocabulary_size, np.int64)
        xs = nodes.add("OneHot", [xs, size, nodes.constant([0, 1])], f"{prefix}.one_hot", axis=-1)

    def reordered(name: str) -> npt.NDArray[np.float32]:
        parts = np.split(arrays[f"{prefix}.{name}"], len(operator.gates))
        return np.concatenate([parts[gate] for gate in operator.gates])

    parameters = [
        nodes.parameter(f"{prefix}.W", reordered("W_x")[None]),
        nodes.parameter(f"{prefix}.R", reordered("W_h")[None]),
        nodes.parameter(f"{prefix}.B", np.concatenate([reordered("b_x"), reordered("b_h")])[None]),
    ]
    states = [nodes.add("Unsqueeze", [state, nodes.axes(0)], f"{state}.direction") for state in inputs.states]
    fields = network.cell.state._fields
    outputs = [nodes.unique(f"{prefix}.{name}") for name in ("Y", *(f"Y_{field}" for field in fields))]
    nodes.add_named(
        operator.kind,
        [xs, *parameters, "", *states],
        *outputs,
        hidden_size=network.hidden_size,
        **operator.attributes,
    )
    for final, name in zip(outputs[1:], inputs.finals, strict=True):
        nodes.add_named("Squeeze", [final, nodes.axes(0)], name)
    return nodes.add("Squeeze", [outputs[0], nodes.axes(1)], f"{prefix}.hs")


def _write_scan(nodes: Nodes, network: Network, arrays: Arrays, number: int, inputs: LayerInputs) -> str:
    input_size = network.hidden_size if number else network.input_size
    graph = cell_graph(network.cell, input_size, network.hidden_size, reads_ids=inputs.are_ids)
    (x, *states), fields = graph.inputs.values(), [*graph.outputs.values()]
    operations, prefix = graph.used(), f"layers.{number}."
    names = parameter_names(nodes, graph, arrays, prefix)
    constant = constant_values(operations, names)
    before, rest = _partition(operations, x, constant)
    names[id(x)] = inputs.xs
    write_operations(nodes, before, names, prefix=prefix)
    sequences = [value for value in (x, *(o.output for o in before)) if id(value) not in constant]
    if {*map(id, fields)} <= {*map(id, sequences)}:  # the cell does not read its state
        last = nodes.constant(-1, np.int64)
        for field, name in zip(fields, inputs.finals, strict=True):
            nodes.add_named("Gather", [names[id(field)], last], name, axis=0)
        return names[id(fields[0])]
    read = {id(operand) for operation in rest for operand in operation.operands}.union(map(id, fields))
    scanned = [value for value in sequences if id(value) in read] or [x]
    names_before = [names[id(value)] for value in scanned]
    body = Nodes(nodes)
    names |= {id(value): body.unique(f"{prefix}step.{value.name}") for value in (*states, *scanned)}
    outputs = [
        Output(body.unique(f"{names[id(state)]}.next"), value, like=names[id(state)])
        for state, value in zip(states, fields, strict=True)
    ]
    write_graph(body, rest, names, outputs, constant=constant, prefix=f"{prefix}step.")
    h = body.add("Identity", [outputs[0].name], f"{prefix}step.output")
    conditions = {id(o.output) for o in before if o.kind in CONDITIONS}
    step = helper.make_graph(
        body.nodes,
        f"{prefix}step",
        [_info(names[id(v)], v, is_condition=id(v) in conditions) for v in (*states, *scanned)],
        [*(_info(o.name, s) for o, s in zip(outputs, states, strict=True)), _info(h, states[0])],
    )
    hs = nodes.unique(f"{prefix}hs")
    read_by_scan = [*inputs.states, *names_before]
    nodes.add_named("Scan", read_by_scan, *inputs.finals, hs, body=step, num_scan_inputs=len(scanned))
    return hs


def parameter_names(nodes: Nodes, graph: Graph, arrays: Arrays, prefix: str = "") -> Names:
    """Add the parameters that a graph uses; return their names, which are those in the model file."""
    read = {id(operand) for operation in graph.used() for operand in operation.operands}
    read.update(map(id, graph.outputs.values()))
    return {
        id(value): nodes.parameter(f"{prefix}{name}", arrays[f"{prefix}{name}"])
        for name, value in graph.parameters.items()
        if id(value) in read
    }


def _partition(
    operations: Sequence[Operation], x: Value, constant: Collection[int]
) -> tuple[list[Operation], list[Operation]]:
    """Return the operations that run before the Scan, for all steps at once, and those of each step.

    The former depend on no state, and treat all rows of the batch alike, so that a time axis before the rows
    changes nothing.  Axes are added in each step, as products of vectors of all steps would take much memory.
    """
    ready = {id(x), *constant}
    before, rest = [], []
    for operation in operations:
        operands = [operand for operand in operation.operands if isinstance(operand, Value)]
        is_ready = all(id(operand) in ready for operand in operands)
        if id(operation.output) in constant or (is_ready and _is_rowwise(operation, constant)):
            ready.add(id(operation.output))
            before.append(operation)
        else:
            rest.append(operation)
    return before, rest


def _is_rowwise(operation: Operation, constant: Collection[int]) -> bool:
    """Return whether an operation treats each row of the batch alike, with any axes before the rows."""
    kind, rank = operation.kind, operation.output.ndim
    values = [operand for operand in operation.operands if isinstance(operand, Value)]
    changing = [value for value in values if id(value) not in constant]
    if kind == "rows":
        return changing == values[1:]
    if kind in ("matmul", "normalized"):
        return changing == values[:1] and rank == values[0].ndim
    if kind == "select":
        return bool(operation.attributes["axis"] == values[0].ndim - 1)
    if kind in ("slice", "sum", "unit"):
        return values[0].ndim > 1
    if kind in ("transpose", "unsqueeze"):
        return False
    return all(value.ndim == rank for value in changing)


def _info(name: str, value: Value, *, is_condition: bool = False) -> ValueInfoProto:
    """Return the declaration of a value in the body of a Scan."""
    kind = TensorProto.INT64 if value.name == "ids" else TensorProto.FLOAT
    if is_condition:
        kind = TensorProto.BOOL
    shape = ["batch" if size == BATCH else size for size in value.shape]
    return helper.make_tensor_value_info(name, kind, shape)
