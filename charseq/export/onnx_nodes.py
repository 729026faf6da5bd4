"""Write recorded operations as nodes of an ONNX graph."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

from charseq.cells.ops import NORM_FLOOR, VARIANCE_FLOOR
from charseq.export.graph import BATCH, Operation, Value

Names = dict[int, str]
"""The names of values in an ONNX graph, by the values' id()."""

OPERATORS: Mapping[str, str] = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "matmul": "MatMul",
    "maximum": "Max",
    "greater": "Greater",
    "greater_or_equal": "GreaterOrEqual",
    "neg": "Neg",
    "abs": "Abs",
    "exp": "Exp",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
    "transpose": "Transpose",
    "where": "Where",
}
"""The kinds of operations that are one operator without attributes."""

CONDITIONS = ("greater", "greater_or_equal")
"""The kinds of operations whose values are true or false."""


def constant_values(operations: Sequence[Operation], parameters: Collection[int]) -> set[int]:
    """Return the id() of the parameters and of all values that depend on them alone."""
    constant = set(parameters)
    for operation in operations:
        operands = [operand for operand in operation.operands if isinstance(operand, Value)]
        if all(id(operand) in constant for operand in operands):
            constant.add(id(operation.output))
    return constant


class Nodes:
    """Nodes in the order of execution, and the constants that they use.

    Names are unique in the whole model; a body, such as that of a Scan, shares the constants of its `outer`
    graph.
    """

    def __init__(self, outer: "Nodes | None" = None) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = outer.initializers if outer else {}
        self._names: set[str] = outer._names if outer else set()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = outer._constants if outer else {}

    def unique(self, wanted: str) -> str:
        """Return a name that nothing has yet: the wanted one, or with a number after it."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}.{number}"
        self._names.add(name)
        return name

    def add(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return the output's unique name."""
        return self.add_named(kind, inputs, self.unique(name or kind.lower()), **attributes)

    def add_named(self, kind: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> str:
        """Add a node whose outputs have names of their own; return the first."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=f"{kind}:{outputs[0]}", **attributes))
        return outputs[0]

    def parameter(self, name: str, array: npt.NDArray[np.float32]) -> str:
        """Add an array under its own name, once, and return the name."""
        if name not in self.initializers:
            self._names.add(name)
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        """Return the name of a constant; equal ones are one."""
        array = np.asarray(value, kind)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            name = self.unique("constant")
            self.initializers[name] = numpy_helper.from_array(array, name)
            self._constants[key] = name
        return self._constants[key]

    def axes(self, *values: int) -> str:
        """Return the name of a constant list of whole numbers, such as axes."""
        return self.constant(values, np.int64)


class Output(NamedTuple):
    """A value under a name that is chosen outside, such as an output of a model."""

    name: str
    value: Value
    like: str
    """The name of a value with the shape that the output must have."""


def write_graph(
    nodes: Nodes,
    operations: Sequence[Operation],
    names: Names,
    outputs: Sequence[Output],
    *,
    constant: Collection[int],
    prefix: str = "",
) -> None:
    """Write operations and their outputs.

    `constant` has the id() of every value that depends on parameters alone; it may have 1 row instead of B.
    """
    computed = {id(operation.output) for operation in operations}.difference(constant)
    direct: Names = {}
    for output in outputs:
        if id(output.value) in computed:
            direct.setdefault(id(output.value), output.name)
    write_operations(nodes, operations, names, direct, prefix=prefix)
    for output in outputs:
        if direct.get(id(output.value)) != output.name:
            shape = nodes.add("Shape", [output.like], f"{output.name}.shape")
            nodes.add_named("Expand", [names[id(output.value)], shape], output.name)


def write_operations(
    nodes: Nodes,
    operations: Sequence[Operation],
    names: Names,
    chosen: Mapping[int, str] = {},
    *,
    prefix: str = "",
) -> None:
    """Write operations as nodes, and add the names of their values; those in `chosen` have given names.

    Axes are counted from the last one, so operands may have further axes before theirs.
    """
    for operation in operations:
        if id(operation.output) in names:
            continue  # written by the split of another slice

        def name_of(value: Value) -> str:
            return chosen.get(id(value)) or nodes.unique(f"{prefix}{value.name}")

        if operation.kind == "slice":
            _write_split(nodes, operation, operations, names, name_of)
            continue
        operands = [
            names[id(operand)] if isinstance(operand, Value) else nodes.constant(operand)
            for operand in operation.operands
        ]
        names[id(operation.output)] = name = name_of(operation.output)
        if operation.kind in OPERATORS:
            nodes.add_named(OPERATORS[operation.kind], operands, name)
        else:
            COMPOSED[operation.kind](nodes, operation, operands, name)


def _write_split(
    nodes: Nodes,
    first: Operation,
    operations: Sequence[Operation],
    names: Names,
    name_of: Callable[[Value], str],
) -> None:
    """Write all slices of a value that have the same size as one Split."""
    (whole,), size = first.operands, first.attributes["stop"] - first.attributes["start"]
    slices = {
        each.attributes["start"]: each.output
        for each in operations
        if each.kind == "slice" and each.operands[0] is whole and each.output.shape[-1] == size
    }
    starts = range(0, whole.shape[-1], size)
    parts = [name_of(slices[start]) if start in slices else nodes.unique("unused") for start in starts]
    names.update(
        (id(slices[start]), part) for start, part in zip(starts, parts, strict=True) if start in slices
    )
    sizes = nodes.axes(*(min(size, whole.shape[-1] - start) for start in starts))
    nodes.add_named("Split", [names[id(whole)], sizes], *parts, axis=-1)


def _log_sigmoid(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    negative = nodes.add("Neg", operands, f"{name}.minus_x")
    nodes.add_named("Neg", [nodes.add("Softplus", [negative], f"{name}.softplus")], name)


def _unit(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    (x,) = operands
    squares = nodes.add("Mul", [x, x], f"{name}.squares")
    total = nodes.add("ReduceSum", [squares, nodes.axes(-1)], f"{name}.sum", keepdims=1)
    floored = nodes.add("Add", [total, nodes.constant(NORM_FLOOR)], f"{name}.floored")
    nodes.add_named("Div", [x, nodes.add("Sqrt", [floored], f"{name}.norm")], name)


def _sum(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    nodes.add_named("ReduceSum", [*operands, nodes.axes(-1)], name, keepdims=0)


def _select(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    index = nodes.constant(operation.attributes["index"], np.int64)
    axis = operation.attributes["axis"] - operation.operands[0].ndim
    nodes.add_named("Gather", [*operands, index], name, axis=axis)


def _unsqueeze(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    axis = operation.attributes["axis"] - operation.output.ndim
    nodes.add_named("Unsqueeze", [*operands, nodes.axes(axis)], name)


def _normalized(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    nodes.add_named("LayerNormalization", operands, name, axis=-1, epsilon=VARIANCE_FLOOR)


def _rows(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    nodes.add_named("Gather", operands, name, axis=0)


def _one_hot(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    size = nodes.constant(operation.attributes["size"], np.int64)
    nodes.add_named("OneHot", [*operands, size, nodes.constant([0, 1])], name, axis=-1)


def _zeros(nodes: Nodes, operation: Operation, operands: Sequence[str], name: str) -> None:
    """Write zeros with 1 row, which broadcast over the batch."""
    shape = [1 if size == BATCH else size for size in operation.output.shape]
    nodes.add_named("Identity", [nodes.constant(np.zeros(shape))], name)


COMPOSED: Mapping[str, Callable[[Nodes, Operation, Sequence[str], str], None]] = {
    "log_sigmoid": _log_sigmoid,
    "unit": _unit,
    "sum": _sum,
    "select": _select,
    "unsqueeze": _unsqueeze,
    "normalized": _normalized,
    "rows": _rows,
    "one_hot": _one_hot,
    "zeros": _zeros,
}
"""The other kinds of operations: each writes its nodes, the last of which has the given name."""
