"""First values of parameters: an initialisation is (draw, shape, H) -> array, over any array library."""

from collections.abc import Callable, Sequence
from typing import Protocol

from charseq.cells.ops import Array


class Draw(Protocol):
    """Where first weights come from: a seeded generator with the usual distributions."""

    def uniform(self, shape: tuple[int, ...], bound: float) -> Array:
        """Values spread evenly over [-bound, bound)."""

    def orthogonal(self, size: int) -> Array:
        """A random orthogonal matrix [size size]."""

    def identity(self, size: int) -> Array:
        """The identity matrix [size size]."""

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


def ones(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """One everywhere."""
    return draw.constant(shape, 1.0)


def identity(scale: float) -> Init:
    """The identity matrix [H H] times a scale: at 1 a state that nothing disturbs stays, below 1 it fades.

    Source: Le et al. 2015, arXiv:1504.00941, who scale it down where long memory does harm.
    """

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        return draw.identity(hidden) * scale

    return init


class Orthogonal:
    """One orthogonal matrix [H H] a gate, times the gate's gain.

    Orthogonal matrices keep signals alive over time (Saxe et al. 2013, arXiv:1312.6120).  A gain above 1 on
    what passes a tanh keeps a new network from settling at a fixed point (Sompolinsky et al. 1988, "Chaos in
    random neural networks"): its state is another at every step, and so it can learn to count.
    """

    def __init__(self, *gains: float) -> None:
        self._gains = gains

    def __call__(self, draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        """The matrices, one beneath the other."""
        return draw.join([draw.orthogonal(hidden) * gain for gain in self._gains])


def gates(*values: float) -> Init:
    """Biases of gates of equally many units, one value a gate."""

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        return draw.join([draw.constant((shape[0] // len(values),), value) for value in values])

    return init


def remembering(*signs: float, fast: Sequence[float] | None = None) -> Init:
    """Biases of gates of H units each: half the units remember for times of every scale, half for few steps.

    A gate of sign 1 keeps the memory, one of sign -1 lets new things in, one of sign 0 does neither; `fast`
    are the biases of the other half, 0 by default.
    Source: Tallec & Ollivier 2018, arXiv:1804.11188, for the first half.
    """

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        slow = hidden // 2
        memory = draw.logarithm(draw.time_scales(slow))
        return draw.join(
            [
                part
                for sign, bias in zip(signs, fast or [0.0] * len(signs), strict=True)
                for part in (memory * sign, draw.constant((hidden - slow,), bias))
            ]
        )

    return init
