"""Initial weights: an initializer is (draw, shape, H) -> array, over any array library."""

from collections.abc import Callable, Sequence
from typing import Protocol

from charseq.cells.ops import Array


class Draw(Protocol):
    """A seeded source of random values."""

    def uniform(self, shape: tuple[int, ...], bound: float) -> Array:
        """Uniform values in [-bound, bound)."""

    def orthogonal(self, size: int) -> Array:
        """A random orthogonal matrix [size size]."""

    def identity(self, size: int) -> Array:
        """The identity matrix [size size]."""

    def constant(self, shape: tuple[int, ...], value: float) -> Array:
        """An array filled with one value."""

    def time_scales(self, count: int) -> Array:
        """The steps that each of [count] units should remember, uniform from 1 to the sequence length."""

    def logarithm(self, x: Array) -> Array:
        """The natural logarithm."""

    def join(self, parts: Sequence[Array]) -> Array:
        """Concatenate arrays along the first axis."""


Init = Callable[[Draw, tuple[int, ...], int], Array]
"""(draw, shape, H) -> the initial value of a parameter."""


def uniform(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """U(-1/sqrt(H), 1/sqrt(H)), as torch.nn initializes recurrent layers."""
    return draw.uniform(shape, hidden**-0.5)


def zeros(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Fill with 0."""
    return draw.constant(shape, 0.0)


def ones(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
    """Fill with 1."""
    return draw.constant(shape, 1.0)


def identity(scale: float) -> Init:
    """The identity matrix [H H] times a scale: without input, the state persists at 1 and decays below 1.

    Source: Le et al. 2015, arXiv:1504.00941, who use a smaller scale where long memory does harm.
    """

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        return draw.identity(hidden) * scale

    return init


class Orthogonal:
    """One orthogonal matrix [H H] per gate, times the gate's gain.

    Orthogonal matrices preserve the norm of signals over time (Saxe et al. 2013, arXiv:1312.6120).  With a
    gain above 1 before a tanh, the state of an untrained network does not settle at a fixed point
    (Sompolinsky et al. 1988, "Chaos in random neural networks").  It changes at every step, so the network
    can learn to count.
    """

    def __init__(self, *gains: float) -> None:
        self._gains = gains

    def __call__(self, draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        """Concatenate the matrices."""
        return draw.join([draw.orthogonal(hidden) * gain for gain in self._gains])


def gates(*values: float) -> Init:
    """Biases with one value per gate; all gates have the same size."""

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        return draw.join([draw.constant((shape[0] // len(values),), value) for value in values])

    return init


def chrono(*signs: float, fast: Sequence[float] | None = None) -> Init:
    """Biases of gates of H units each: half the units remember over all time scales, half for few steps.

    The sign of a gate is 1 if it keeps memory, -1 if it admits input, 0 if neither.  `fast` are the biases of
    the other half, 0 by default.
    Source: chrono initialization, Tallec & Ollivier 2018, arXiv:1804.11188, for the first half.
    """

    def init(draw: Draw, shape: tuple[int, ...], hidden: int) -> Array:
        slow = hidden // 2
        log_times = draw.logarithm(draw.time_scales(slow))
        return draw.join(
            [
                half
                for sign, bias in zip(signs, fast or [0.0] * len(signs), strict=True)
                for half in (log_times * sign, draw.constant((hidden - slow,), bias))
            ]
        )

    return init
