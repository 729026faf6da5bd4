"""Define a cell: parameters as data, and one pure step over any array library.

Axes: B batch, T time steps, I inputs, H hidden, V vocabulary.
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from charseq.cells.initializers import Init, uniform
from charseq.cells.ops import UNTAPPED, Array, Ops, Tap

State = Any
"""A NamedTuple of arrays [B ...]; its first field is always the output, h [B H]."""

Sizes = Mapping[str, int]
"""Sizes by axis: {"B": 2, "T": 3, "I": 5, "H": 7}."""


class H(NamedTuple):
    """The state of a cell that remembers only its output."""

    h: Array


@dataclass(frozen=True)
class Param:
    """A parameter: its axes ("3H I"), and its initialization.

    `init_to_memorize` replaces `init` where texts are memorized: the cell must then count steps from the zero
    state.  For longer text, the initialization must be stable.
    """

    axes: str
    init: Init = uniform
    init_to_memorize: Init | None = None


class Step(Protocol):
    """One step of a cell: x [B I], state -> the next state."""

    def __call__(
        self, ops: Ops, w: Mapping[str, Array], x: Array, state: State, tap: Tap = UNTAPPED
    ) -> State:
        """Advance one step."""


Gates = Callable[[Ops, Mapping[str, Array], Array, Tap], tuple[Array, Array]]
"""(ops, w, x [... I], tap) -> keep, add [... H], where h = keep * h[t-1] + add."""


@dataclass(frozen=True)
class Cell:
    """A recurrent cell, defined by its step."""

    name: str
    state: Any
    """The NamedTuple class of the state."""
    params: Mapping[str, Param]
    step: Step
    summary: str
    """One line on its purpose."""
    source: str
    state_axes: Mapping[str, str] = field(default_factory=dict)
    """The axes of the fields of the state that are not [B H]."""
    learned_start: tuple[str, ...] = ("h",)
    """The fields of the initial state that can be learned; the others are zeros."""
    memory: bool = True
    """Whether the step reads the previous state."""
    gates: Gates | None = None
    """For a cell whose h is linear in h[t-1]: its coefficients, from x alone.

    Such a cell is trained on all steps at once, by a scan.
    """

    def axes_of(self, name: str) -> str:
        """Return the axes of a field of the state."""
        return self.state_axes.get(name, "B H")

    def start(self, ops: Ops, batch: int, hidden: int, like: Array) -> State:
        """Return the initial state: zeros."""
        sizes = {"B": batch, "H": hidden}
        fields = self.state._fields
        return self.state(*(ops.zeros(shape_of(self.axes_of(name), sizes), like) for name in fields))

    def equations(self) -> dict[str, str]:
        """Return the equations in the step's docstring by the tensor's name, in order.

        An equation is an indented line `name = ...`.  The dict is empty if Python runs without docstrings.
        """
        lines = (inspect.getdoc(self.step) or "").splitlines()
        matches = (re.fullmatch(r" {4,}(\w+) += +(.+)", line) for line in lines)
        return {match[1]: match[2] for match in matches if match}

    def formula(self) -> str:
        """Return the number of parameters of a layer as a formula: 3H (I + H + 2)."""
        return formula([param.axes for param in self.params.values()])


def formula(axes: Sequence[str]) -> str:
    """Return the number of values as a formula: ["3H I", "3H H", "3H", "3H"] -> 3H (I + H + 2)."""
    products = [product.split() for product in axes]
    shared = products[0][0]
    if len(products) == 1 or any(product[0] != shared for product in products):
        return _sum([" ".join(product) for product in products])
    inner = _sum([" ".join(product[1:]) or "1" for product in products])
    return f"{inner}{shared}" if inner.isdecimal() else f"{shared} ({inner})"


def _sum(terms: Sequence[str]) -> str:
    """Join terms by plus signs and add up plain numbers: I + H + 1 + 1 is I + H + 2."""
    number = sum(int(term) for term in terms if term.isdecimal())
    return " + ".join([term for term in terms if not term.isdecimal()] + [str(number)] * (number > 0))


def shape_of(axes: str, sizes: Sizes) -> tuple[int, ...]:
    """Return the shape for symbolic axes: ("3H BT 2", {"H": 7, "B": 2, "T": 3}) -> (21, 6, 2)."""
    return tuple(
        int(times or 1) * math.prod(sizes[letter] for letter in letters)
        for times, letters in (factors(token) for token in axes.split())
    )


def factors(axis: str) -> tuple[str, str]:
    """Split an axis into its number and letters: "3H" -> ("3", "H").  Raises ValueError if invalid."""
    match = re.fullmatch(r"(\d*)([A-Z]*)", axis)
    if match is None or not axis:
        raise ValueError(f"{axis!r} is not an axis such as B, 3H, BT or 2")
    return match[1], match[2]


def unroll(
    cell: Cell,
    ops: Ops,
    w: Mapping[str, Array],
    xs: Array,
    state: State,
    *,
    lengths: Array | None = None,
    tap: Tap = UNTAPPED,
) -> tuple[Array, State]:
    """Run the step over a sequence: xs [B T I], state -> hs [B T H], final state.

    With lengths [B], outputs past a row's length are exactly 0, and its final state is that of its last step
    within the length.
    """
    hs = []
    for t in range(xs.shape[1]):
        after = cell.step(ops, w, xs[:, t], state, tap.at(step=t))
        if lengths is None:
            state = after
            hs.append(after.h)
            continue
        active = lengths > t
        state = type(after)(
            *(ops.where(expand_rows(active, new), new, old) for new, old in zip(after, state, strict=True))
        )
        hs.append(ops.where(expand_rows(active, after.h), after.h, ops.zeros(after.h.shape, after.h)))
    return ops.stack(hs, 1), state


def expand_rows(rows: Array, field: Array) -> Array:
    """Reshape values of rows [B] -> [B 1 ...], to broadcast with a field of a state [B ...]."""
    return rows.reshape((-1,) + (1,) * (field.ndim - 1))
