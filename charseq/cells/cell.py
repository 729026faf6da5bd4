"""What a cell is: parameters declared as data, and one pure step over any array library.

A cell imports neither NumPy nor torch.  It is given `ops`, a handful of functions of the library in
use, and everything else it needs are the operators that both libraries' arrays share.

Axes, everywhere: B batch, T steps, I inputs, H hidden, V vocabulary.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any
"""A NumPy array or a torch tensor; a step never asks which."""

State = Any
"""A NamedTuple of arrays [B ...]; its first field is always the output, h [B H]."""

Sizes = Mapping[str, int]
"""How long each axis is: {"B": 2, "T": 3, "I": 5, "H": 7}."""


class Ops(Protocol):
    """The functions of an array library that cells and networks are written with."""

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""

    def tanh(self, x: Array) -> Array:
        """The hyperbolic tangent."""

    def split(self, x: Array, parts: int) -> Sequence[Array]:
        """Cut the last axis into equal parts."""

    def stack(self, arrays: Sequence[Array], axis: int) -> Array:
        """Join arrays along a new axis."""

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        """Choose element by element."""

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros of the type, and on the device, of another array."""

    def one_hot(self, ids: Array, size: int, like: Array) -> Array:
        """Ids [...] -> vectors [... size] with a single 1 each."""


class Tap(Protocol):
    """Whoever looks on: called with every intermediate tensor, it hands the tensor back."""

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """See one tensor, its name and its axes ("B 3H"); return it unchanged."""

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Tap":
        """The same onlooker, told where in the network the next tensors arise."""


class Untapped:
    """The onlooker who is not there."""

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Return the tensor."""
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Untapped":
        """Return itself."""
        return self


UNTAPPED = Untapped()


class Draw(Protocol):
    """Where first weights come from: a seeded generator with the usual distributions."""

    def uniform(self, shape: tuple[int, ...], bound: float) -> Array:
        """Values spread evenly over [-bound, bound)."""

    def orthogonal(self, size: int) -> Array:
        """A random orthogonal matrix [size size]."""

    def constant(self, shape: tuple[int, ...], value: float) -> Array:
        """One value everywhere."""

    def time_scales(self, count: int) -> Array:
        """How many steps each of [count] units is to remember: even from 1 to the sequence's length."""

    def logarithm(self, x: Array) -> Array:
        """The natural logarithm."""

    def join(self, parts: Sequence[Array]) -> Array:
        """Arrays one beneath the other, along the first axis."""


Init = Callable[[Draw, tuple[int, ...], int], Array]
"""(draw, shape, H) -> the first value of a parameter."""


def uniform(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """U(-1/sqrt(H), 1/sqrt(H)), as torch.nn initialises recurrent layers."""
    return draw.uniform(shape, hidden**-0.5)


def zeros(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Zero everywhere."""
    return draw.constant(shape, 0.0)


def orthogonal(*gains: float) -> Init:
    """One orthogonal matrix [H H] a gate, times the gate's gain.

    Orthogonal matrices keep signals alive over time (Saxe et al. 2013, arXiv:1312.6120).  A gain above 1 on
    what passes a tanh keeps a new network from settling at a fixed point (Sompolinsky et al. 1988, "Chaos in
    random neural networks"): its state is another at every step, and so it can learn to count.
    """

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        return draw.join([draw.orthogonal(hidden) * gain for gain in gains])

    return init


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


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: a name, a state, parameters, and the step that defines it."""

    name: str
    state: Any
    """The NamedTuple class of the state; every field so far is [B H]."""
    params: Mapping[str, Param]
    step: Step
    summary: str
    source: str

    def start(self, ops: Ops, batch: int, hidden: int, like: Array) -> State:
        """The state before the first step: zeros [B H]."""
        return self.state(*(ops.zeros((batch, hidden), like) for _ in self.state._fields))


def shape_of(axes: str, sizes: Sizes) -> tuple[int, ...]:
    """Real sizes for symbolic axes: ("3H I", {"H": 7, "I": 5}) -> (21, 5)."""
    return tuple(
        int(times or 1) * sizes[letter] for times, letter in (_parts(token) for token in axes.split())
    )


def _parts(token: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\d*)([A-Z])", token)
    if found is None:
        raise ValueError(f"{token!r} is not an axis such as B or 3H")
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
        live = (lengths > t)[:, None]
        state = type(after)(*(ops.where(live, new, old) for new, old in zip(after, state, strict=True)))
        hs.append(ops.where(live, after.h, ops.zeros(after.h.shape, after.h)))
    return ops.stack(hs, 1), state
