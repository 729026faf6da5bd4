"""A layer of a cell as a class of PyTorch: the code of one step, written from its graph.

Tensors have the names of the cell's equations; an unnamed value is written where it is used.
"""

import keyword
import re
from collections.abc import Iterator
from itertools import chain, count
from typing import NamedTuple

from charseq.cells.cell import Cell, factors
from charseq.errors import UsageError
from charseq.export.graph import Graph, Operation, Value, shape_at
from charseq.export.recording import cell_graph
from charseq.export.torch_expressions import ATOM, VIEWS, Expression, constant, expression

WIDTH = 80
"""The most columns of a statement within a method, without its indentation."""
RESERVED = {"self", "x", "state", "torch", "nn", "functional"}
NAMES = {"add": "total", "sub": "difference", "mul": "product", "div": "ratio", "matmul": "projection"}
"""The names of unnamed values by the kind of the operation, where it is not the name itself."""


def step_body(cell: Cell, input_size: int, hidden_size: int) -> list[str]:
    """Return the statements of a step: x, state -> the next state.

    Raises UsageError for a cell whose step cannot be exported.
    """
    graph = cell_graph(cell, input_size, hidden_size)
    assigned: set[int] = set()
    try:
        while True:
            code = _Statements(graph, cell, hidden_size, assigned)
            statements = [*code.all()]
            too_long = [s for s in statements if max(map(len, s.lines)) > WIDTH and s.inner]
            if not too_long:
                return [line for statement in statements for line in statement.lines]
            assigned.add(code.longest(too_long[0]))
    except TypeError as error:
        raise UsageError(
            f"the cell {cell.name} cannot be exported: {error}",
            hint="use --format safetensors, which contains only the weights",
        ) from error


def shape_code(axes: str) -> str:
    """Return the arguments for the shape of a parameter: "3H I" -> "3 * HIDDEN_SIZE, input_size"."""
    names = {"H": "HIDDEN_SIZE", "I": "input_size"}
    sizes = []
    for number, letters in map(factors, axes.split()):
        sizes.append(" * ".join([number] * bool(number) + [names[letter] for letter in letters]))
    return ", ".join(sizes)


def identifier(name: str) -> str:
    """Return a name that is valid in Python.  Raises UsageError."""
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise UsageError(
            f"the cell cannot be exported: {name!r} is no valid name in Python",
            hint="use --format safetensors, which contains only the weights",
        )
    return name


class _Statement(NamedTuple):
    """The lines of a statement, and the values of the operations that are written within it."""

    lines: tuple[str, ...]
    inner: frozenset[int] = frozenset()


class _Statements:
    """The statements of a graph; the values in `assigned`, by id, get names of their own."""

    def __init__(self, graph: Graph, cell: Cell, hidden_size: int, assigned: set[int]) -> None:
        self._graph, self._cell, self._hidden_size, self._assigned = graph, cell, hidden_size, assigned
        self._operations = graph.used()
        self._consumers = self._find_consumers()
        self._taken = set(RESERVED)
        self._inner: dict[int, frozenset[int]] = {}
        self._expressions = {id(graph.inputs["x"]): Expression("x")}
        for name, parameter in graph.parameters.items():
            self._expressions[id(parameter)] = Expression(f"self.{identifier(name)}")

    def all(self) -> Iterator[_Statement]:
        """Yield the statements in order."""
        if line := self._read_state():
            yield _Statement((line,))
        slices: set[tuple[int, int]] = set()
        for operation in self._operations:
            output = operation.output
            if operation.kind == "slice":
                source, size = operation.operands[0], output.shape[-1]
                if (id(source), size) not in slices:
                    slices.add((id(source), size))
                    yield self._split(source, size)
                continue
            operands = [self._operand(operand) for operand in operation.operands]
            code = expression(operation, operands, [shape_at(operand) for operand in operation.operands])
            inner = frozenset[int]().union(*(self._inner.get(id(each), ()) for each in operation.operands))
            if self._is_assigned(operation):
                name = self._unused(
                    output.name if _is_named(operation) else NAMES.get(output.name, output.name)
                )
                self._expressions[id(output)] = Expression(name)
                yield _Statement(_broken(name, code), inner)
            else:
                self._expressions[id(output)] = code
                is_value = operation.kind not in VIEWS and code.number is None
                self._inner[id(output)] = inner | ({id(output)} if is_value else set())
        fields = [self._expressions[id(value)].text for value in self._graph.outputs.values()]
        yield _Statement((f"return {', '.join(fields)}" if len(fields) > 1 else f"return ({fields[0]},)",))

    def longest(self, statement: _Statement) -> int:
        """Return the value with the longest expression within a statement."""
        return max(statement.inner, key=lambda output: len(self._expressions[output].text))

    def _read_state(self) -> str:
        """Return the line that names the fields of the previous state; empty if none of them is read."""
        names = []
        for name in self._cell.state._fields:
            value = self._graph.inputs[f"state.{name}"]
            is_read = id(value) in self._consumers or value in self._graph.outputs.values()
            names.append(self._unused(identifier(f"{name}_prev")) if is_read else "_")
            self._expressions[id(value)] = Expression(names[-1])
        if {*names} == {"_"}:
            return ""
        return f"{', '.join(names)} = state" if len(names) > 1 else f"({names[0]},) = state"

    def _split(self, source: Value, size: int) -> _Statement:
        """Return the statement that splits the last axis of a value into parts."""
        parts = source.shape[-1] // size
        names = ["_"] * parts
        for operation in self._operations:
            output = operation.output
            if operation.kind == "slice" and operation.operands[0] is source and output.shape[-1] == size:
                part = operation.attributes["start"] // size
                names[part] = self._unused(self._part_name(operation, part, parts))
                self._expressions[id(output)] = Expression(names[part])
        text = self._expressions[id(source)].within(ATOM)
        line = f"{', '.join(names)} = {text}.chunk({parts}, dim=-1)"
        return _Statement((line,), self._inner.get(id(source), frozenset()))

    def _part_name(self, operation: Operation, part: int, parts: int) -> str:
        """Return the name of a part: its own, that of the equations, or else that of what it is used for."""
        source, output = operation.operands[0], operation.output
        if _is_named(operation):
            return output.name
        equation = self._cell.equations().get(source.name, "")
        listed = re.fullmatch(r".*, split into ([\w, ]+)", equation)
        if listed and len(names := listed[1].split(", ")) == parts and names[part].isidentifier():
            return names[part]
        consumers = self._consumers.get(id(output), [])
        if len(consumers) == 1 and _is_named(consumers[0]):
            return f"pre_{consumers[0].output.name}"
        return f"part_{part}"

    def _operand(self, operand: Value | float) -> Expression:
        if isinstance(operand, Value):
            return self._expressions[id(operand)]
        return constant(operand, self._hidden_size)

    def _is_assigned(self, operation: Operation) -> bool:
        output = operation.output
        if _is_named(operation) or id(output) in self._assigned:
            return True
        uses = len(self._consumers.get(id(output), []))
        uses += sum(value is output for value in self._graph.outputs.values())
        return uses > 1 and operation.kind not in (*VIEWS, "zeros")

    def _find_consumers(self) -> dict[int, list[Operation]]:
        """Return the operations that read each value; parts of a value that is split count once."""
        consumers: dict[int, list[Operation]] = {}
        for operation in self._operations:
            for operand in operation.operands:
                readers = consumers.setdefault(id(operand), [])
                if operation.kind != "slice" or not any(reader.kind == "slice" for reader in readers):
                    readers.append(operation)
        return consumers

    def _unused(self, name: str) -> str:
        """Return a name that no other value has: x, x_2, x_3."""
        name = identifier(name)
        candidates = chain([name], (f"{name}_{number}" for number in count(2)))
        chosen = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(chosen)
        return chosen


def _is_named(operation: Operation) -> bool:
    """Return whether a tap has named the value of an operation."""
    return operation.output.name != operation.kind


def _broken(name: str, code: Expression) -> tuple[str, ...]:
    """Return the lines of an assignment; a sum that is too long for one has a line for each term."""
    line = f"{name} = {code.text}"
    if len(line) <= WIDTH or not code.terms or max(map(len, code.terms)) + 4 > WIDTH:
        return (line,)
    return (f"{name} = (", *(f"    {term}" for term in code.terms), ")")
