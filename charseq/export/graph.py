"""The operations of a step as data: the equations of a cell or a network, to be written in another language.

`charseq.export.recording` runs a step with these values instead of arrays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

BATCH = -1
"""The size of the batch axis in a shape: it is known only when the exported model runs."""
LENGTH = -2
"""The size of the time axis of a sequence in a shape; it is known only when the exported model runs."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operation:
    """One operation: the value that it computes, from which operands.

    Kinds with two operands: add, sub, mul, div, matmul, maximum, greater, greater_or_equal.  With one: neg,
    abs, exp, tanh, sigmoid, log_sigmoid, relu, transpose (of a matrix), unit (division of the last axis by
    its norm), sum (of the last axis), slice (`start`, `stop` of the last axis), select (`index` of an `axis`,
    which is removed), unsqueeze (a new `axis` of size 1).  With three: where (condition, yes, no), normalized
    (layer normalization: x, gain, bias).  rows: a matrix and ids.  one_hot: ids, `size`.  zeros: no operands;
    the shape is that of the output.
    """

    kind: str
    operands: tuple[Any, ...]
    """Values, or numbers that apply to all elements."""
    output: "Value"
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """Recorded operations in the order of execution."""

    inputs: dict[str, "Value"] = field(default_factory=dict)
    parameters: dict[str, "Value"] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    outputs: dict[str, "Value"] = field(default_factory=dict)

    def add_input(self, name: str, shape: Shape) -> "Value":
        """Add an input, such as "x" or "layers.0.h"."""
        self.inputs[name] = Value(self, name, shape)
        return self.inputs[name]

    def add_parameter(self, name: str, shape: Shape) -> "Value":
        """Add a parameter, by its name in the model file."""
        self.parameters[name] = Value(self, name, shape)
        return self.parameters[name]

    def record(self, kind: str, operands: Sequence[Any], shape: Shape, **attributes: Any) -> "Value":
        """Add an operation and return its value, which is named after its kind until a tap names it."""
        output = Value(self, kind, shape)
        self.operations.append(Operation(kind, tuple(operands), output, attributes))
        return output

    def used(self) -> list[Operation]:
        """Return the operations that the outputs depend on, in order."""
        needed = {id(value) for value in self.outputs.values()}
        kept = []
        for operation in reversed(self.operations):
            if id(operation.output) in needed:
                kept.append(operation)
                needed.update(id(operand) for operand in operation.operands)
        return kept[::-1]


class Value:
    """A symbol for an array: its shape, and the operators that record operations."""

    __array_ufunc__ = None  # so that NumPy's numbers use the operators below

    def __init__(self, graph: Graph, name: str, shape: Shape) -> None:
        self.graph, self.name, self.shape = graph, name, shape

    def __repr__(self) -> str:
        """Return the name and the shape."""
        return f"{self.name}{list(self.shape)}"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> "Value":  # noqa: N802
        """The transpose of a matrix."""
        rows, columns = self.shape
        return self.graph.record("transpose", [self], (columns, rows))

    def __matmul__(self, other: "Value") -> "Value":
        """Multiply matrices: [... M K] @ [... K N] -> [... M N]."""
        if self.shape[-1] != other.shape[-2]:
            raise ValueError(f"{self} @ {other}: the inner sizes differ")
        batch = broadcast(self.shape[:-2], other.shape[:-2])
        return self.graph.record("matmul", [self, other], (*batch, *self.shape[-2:-1], other.shape[-1]))

    def __getitem__(self, index: Any) -> "Value":
        """Select by whole numbers, full slices, None and an ellipsis."""
        parts = list(index if isinstance(index, tuple) else (index,))
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            missing = self.ndim - sum(part is not None for part in parts) + 1
            parts[at : at + 1] = [slice(None)] * missing
        value, axis = self, 0
        for part in parts:
            shape = value.shape
            if part is None:
                value = self.graph.record("unsqueeze", [value], (*shape[:axis], 1, *shape[axis:]), axis=axis)
                axis += 1
            elif isinstance(part, int):
                if not -shape[axis] <= part < shape[axis]:
                    raise TypeError(f"the index {part} of an axis of size {shape[axis]} cannot be exported")
                rest = (*shape[:axis], *shape[axis + 1 :])
                value = self.graph.record("select", [value], rest, axis=axis, index=part % shape[axis])
            elif part == slice(None):
                axis += 1
            else:
                raise TypeError(f"the index {index!r} cannot be exported")
        return value

    def __bool__(self) -> bool:
        """Refuse: a symbol is neither true nor false."""
        raise TypeError("a decision that depends on values cannot be exported; use ops.where")

    def __iter__(self) -> Iterator["Value"]:
        """Refuse: the number of rows is not known."""
        raise TypeError("a loop over rows cannot be exported")

    def sum(self, axis: int) -> "Value":
        """Add up the last axis."""
        if axis not in (-1, self.ndim - 1):
            raise TypeError(f"a sum over axis {axis} of {self.ndim} cannot be exported")
        return self.graph.record("sum", [self], self.shape[:-1])

    def __neg__(self) -> "Value":
        return self.graph.record("neg", [self], self.shape)

    def __abs__(self) -> "Value":
        return self.graph.record("abs", [self], self.shape)

    def __add__(self, other: Any) -> "Value":
        return binary("add", self, other)

    def __radd__(self, other: Any) -> "Value":
        return binary("add", other, self)

    def __sub__(self, other: Any) -> "Value":
        return binary("sub", self, other)

    def __rsub__(self, other: Any) -> "Value":
        return binary("sub", other, self)

    def __mul__(self, other: Any) -> "Value":
        return binary("mul", self, other)

    def __rmul__(self, other: Any) -> "Value":
        return binary("mul", other, self)

    def __truediv__(self, other: Any) -> "Value":
        return binary("div", self, other)

    def __rtruediv__(self, other: Any) -> "Value":
        return binary("div", other, self)

    def __gt__(self, other: Any) -> "Value":
        return binary("greater", self, other)

    def __ge__(self, other: Any) -> "Value":
        return binary("greater_or_equal", self, other)

    def __lt__(self, other: Any) -> "Value":
        return binary("greater", other, self)

    def __le__(self, other: Any) -> "Value":
        return binary("greater_or_equal", other, self)


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape of an element-wise operation.  Raises ValueError if the shapes do not match."""
    sizes = []
    for x, y in zip_longest(reversed(a), reversed(b), fillvalue=1):
        if x != y and 1 not in (x, y):
            raise ValueError(f"the shapes {a} and {b} do not match")
        sizes.append(y if x == 1 else x)
    return tuple(reversed(sizes))


def shape_at(operand: Any) -> Shape:
    """Return the shape of an operand: a number has none."""
    return operand.shape if isinstance(operand, Value) else ()


def binary(kind: str, left: Any, right: Any) -> Value:
    """Record an element-wise operation of two operands, at least one of which is a value."""
    value = left if isinstance(left, Value) else right
    operands = [each if isinstance(each, Value) else float(each) for each in (left, right)]
    shape = broadcast(shape_at(left), shape_at(right))
    return value.graph.record(kind, operands, shape)
