"""What a cell is: parameters declared as data, and one pure step over any array library.

Axes, everywhere: B batch, T steps, I inputs, H hidden, V vocabulary.
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
"""How long each axis is: {"B": 2, "T": 3, "I": 5, "H": 7}."""


class H(NamedTuple):
    """The state of a cell whose output is all it remembers."""

    h: Array


@dataclass(frozen=True)
class Param:
    """A parameter: its axes ("3H I"), how it is first filled, and how where whole strings are to be learned.

    A string learned whole asks for counting, from the zero state on; a longer text asks for stability.
    """

    axes: str
    init: Init = uniform
    init_to_count: Init | None = None


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
    """A recurrent cell: a name, a state, parameters, and the step that defines it."""

    name: str
    state: Any
    """The NamedTuple class of the state."""
    params: Mapping[str, Param]
    step: Step
    summary: str
    """What it is for, in one line."""
    source: str
    state_axes: Mapping[str, str] = field(default_factory=dict)
    """The axes of the fields of the state that are not [B H]."""
    learned_start: tuple[str, ...] = ("h",)
    """The fields of a first state that may be learned; the others begin as zeros."""
    memory: bool = True
    """Whether a step reads the state before it."""
    gates: Gates | None = None
    """Of a cell whose h is linear in h[t-1]: what the step keeps and adds, from x alone.

    Such a cell is trained on all steps at once, by a scan.
    """

    def axes_of(self, name: str) -> str:
        """The axes of a field of the state."""
        return self.state_axes.get(name, "B H")

    def start(self, ops: Ops, batch: int, hidden: int, like: Array) -> State:
        """The state before the first step: zeros."""
        sizes = {"B": batch, "H": hidden}
        fields = self.state._fields
        return self.state(*(ops.zeros(shape_of(self.axes_of(name), sizes), like) for name in fields))

    def equations(self) -> dict[str, str]:
        """What the step computes, by the name of the tensor, in order; read from the step's docstring.

        An equation is an indented line `name = ...`; an empty dict where Python runs without docstrings.
        """
        lines = (inspect.getdoc(self.step) or "").splitlines()
        found = (re.fullmatch(r" {4,}(\w+) += +(.+)", line) for line in lines)
        return {match[1]: match[2] for match in found if match}

    def formula(self) -> str:
        """The number of parameters of a layer, as people write it: 3H (I + H + 2)."""
        return formula([param.axes for param in self.params.values()])


def formula(axes: Sequence[str]) -> str:
    """The number of values in tensors of these axes: ["3H I", "3H H", "3H", "3H"] is 3H (I + H + 2)."""
    products = [product.split() for product in axes]
    shared = products[0][0]
    if len(products) == 1 or any(product[0] != shared for product in products):
        return _sum([" ".join(product) for product in products])
    inner = _sum([" ".join(product[1:]) or "1" for product in products])
    return f"{inner}{shared}" if inner.isdecimal() else f"{shared} ({inner})"


def _sum(terms: Sequence[str]) -> str:
    """Terms with plus signs between, the plain numbers added up: I + H + 1 + 1 is I + H + 2."""
    number = sum(int(term) for term in terms if term.isdecimal())
    return " + ".join([term for term in terms if not term.isdecimal()] + [str(number)] * (number > 0))


def shape_of(axes: str, sizes: Sizes) -> tuple[int, ...]:
    """Real sizes for symbolic axes: ("3H BT 2", {"H": 7, "B": 2, "T": 3}) -> (21, 6, 2)."""
    return tuple(
        int(times or 1) * math.prod(sizes[letter] for letter in letters)
        for times, letters in (factors(token) for token in axes.split())
    )


def factors(axis: str) -> tuple[str, str]:
    """The number and the letters of an axis: "3H" is ("3", "H").  Raises ValueError for what is none."""
    found = re.fullmatch(r"(\d*)([A-Z]*)", axis)
    if found is None or not axis:
        raise ValueError(f"{axis!r} is not an axis such as B, 3H, BT or 2")
    return found[1], found[2]


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
    """Run the step over every place: xs [B T I], state -> hs [B T H], final state.

    With lengths [B], outputs past a string's own end are exactly 0, and its final state is the one of its
    last real character.
    """
    hs = []
    for t in range(xs.shape[1]):
        after = cell.step(ops, w, xs[:, t], state, tap.at(step=t))
        if lengths is None:
            state = after
            hs.append(after.h)
            continue
        live = lengths > t
        state = type(after)(
            *(ops.where(beside(live, new), new, old) for new, old in zip(after, state, strict=True))
        )
        hs.append(ops.where(beside(live, after.h), after.h, ops.zeros(after.h.shape, after.h)))
    return ops.stack(hs, 1), state


def beside(rows: Array, field: Array) -> Array:
    """Values of rows [B] -> [B 1 ...], to stand beside a field of a state [B ...]."""
    return rows.reshape((-1,) + (1,) * (field.ndim - 1))
