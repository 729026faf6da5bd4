"""Reverse-mode differentiation over NumPy, for the step of any cell.

A `Tape` is an array library for cells and networks.  It records every operation on the arrays that `leaf`
returns, and `gradients` follows the operations backwards.  Weights are plain arrays: they are constants.
Source: Griewank & Walther 2008, "Evaluating Derivatives", chapter 3.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.cells.ops import NORM_FLOOR, VARIANCE_FLOOR
from charseq.model.numpy_ops import NUMPY

Floats = npt.NDArray[np.float64]
Backward = Callable[[Floats], Floats]
"""From the gradient with respect to a result to that with respect to one operand."""


class Tape:
    """The operations on tracked arrays, in order; also the functions that a cell's step uses."""

    def __init__(self) -> None:
        self._nodes: list[Tracked] = []

    def leaf(self, value: Any) -> "Tracked":
        """Return a tracked array equal to another, which may be tracked: its gradient can be read."""
        leaf: Tracked = self._record(_value(value), [(value, lambda gradient: gradient)])
        return leaf

    def gradients(self, output: "Tracked", seed: Floats) -> dict[int, Floats]:
        """Return the gradients with respect to every tracked array, by its `number`.

        `seed` is the gradient with respect to the output, of its shape.
        """
        found: dict[int, Floats] = {output.number: seed}
        for node in reversed(self._nodes[: output.number + 1]):
            gradient = found.get(node.number)
            if gradient is None:
                continue
            for operand, backward in node.operands:
                part = backward(gradient)
                known = found.get(operand.number)
                found[operand.number] = part if known is None else known + part
        return found

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x))."""
        y = NUMPY.sigmoid(_value(x))
        return self._record(y, [(x, lambda g: g * y * (1 - y))])

    def log_sigmoid(self, x: Any) -> Any:
        """The natural logarithm of sigmoid(x)."""
        value = _value(x)
        return self._record(NUMPY.log_sigmoid(value), [(x, lambda g: g * NUMPY.sigmoid(-value))])

    def tanh(self, x: Any) -> Any:
        """The hyperbolic tangent."""
        y = np.tanh(_value(x))
        return self._record(y, [(x, lambda g: g * (1 - y * y))])

    def relu(self, x: Any) -> Any:
        """max(x, 0)."""
        value = _value(x)
        return self._record(np.maximum(value, 0), [(x, lambda g: g * (value > 0))])

    def exp(self, x: Any) -> Any:
        """The exponential."""
        y = np.exp(_value(x))
        return self._record(y, [(x, lambda g: g * y)])

    def maximum(self, x: Any, y: Any) -> Any:
        """The element-wise maximum; where both are equal, each has half of the gradient, as in torch."""
        a, b = _value(x), _value(y)
        share = np.where(a == b, 0.5, a > b)
        return self._record(
            np.maximum(a, b),
            [(x, lambda g: _sum_to(g * share, a)), (y, lambda g: _sum_to(g * (1 - share), b))],
        )

    def split(self, x: Any, parts: int) -> Sequence[Any]:
        """Split the last axis into equal parts."""
        size = x.shape[-1] // parts
        return [x[..., i * size : (i + 1) * size] for i in range(parts)]

    def stack(self, arrays: Sequence[Any], axis: int) -> Any:
        """Stack arrays along a new axis."""

        def backward(index: int) -> Backward:
            return lambda g: np.take(g, index, axis)

        values = np.stack([_value(array) for array in arrays], axis)
        return self._record(values, [(array, backward(i)) for i, array in enumerate(arrays)])

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """Select element-wise."""
        a, b = _value(yes), _value(no)
        return self._record(
            np.where(condition, a, b),
            [
                (yes, lambda g: _sum_to(np.where(condition, g, 0), a)),
                (no, lambda g: _sum_to(np.where(condition, 0, g), b)),
            ],
        )

    def zeros(self, shape: tuple[int, ...], like: Any) -> Any:
        """Zeros, a constant."""
        return np.zeros(shape)

    def one_hot(self, ids: Any, size: int, like: Any) -> Any:
        """Ids [...] -> vectors [... size], a constant."""
        return np.eye(size)[ids]

    def rows(self, matrix: Any, ids: Any) -> Any:
        """Look up rows of a constant matrix [V N] by ids [...] -> [... N]."""
        return np.take(matrix, ids, 0)

    def unit(self, x: Any) -> Any:
        """Divide the last axis by its Euclidean norm."""
        return x / self._root((x * x).sum(-1)[..., None] + NORM_FLOOR)

    def normalized(self, x: Any, gain: Any, bias: Any) -> Any:
        """Layer normalization of the last axis, then times gain, plus bias."""
        size = x.shape[-1]
        centered = x - (x.sum(-1) / size)[..., None]
        variance = ((centered * centered).sum(-1) / size)[..., None]
        return centered / self._root(variance + VARIANCE_FLOOR) * gain + bias

    def _root(self, x: Any) -> Any:
        y = np.sqrt(_value(x))
        return self._record(y, [(x, lambda g: g / (2 * y))])

    def _record(self, value: Any, operands: Sequence[tuple[Any, Backward]]) -> Any:
        """Return a tracked array; only tracked operands are recorded."""
        tracked = [(operand, backward) for operand, backward in operands if isinstance(operand, Tracked)]
        node = Tracked(self, np.asarray(value), tracked, len(self._nodes))
        self._nodes.append(node)
        return node


class Tracked:
    """An array whose operations a tape records."""

    __array_ufunc__ = None
    """NumPy leaves operations with a plain array on the left to this class."""

    def __init__(
        self, tape: Tape, value: Floats, operands: "Sequence[tuple[Tracked, Backward]]", number: int
    ) -> None:
        self.tape, self.value, self.operands, self.number = tape, value, operands, number

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every axis."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    def __add__(self, other: Any) -> Any:
        a, b = self.value, _value(other)
        return self._of(a + b, (self, lambda g: _sum_to(g, a)), (other, lambda g: _sum_to(g, b)))

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self._of(-self.value, (self, lambda g: -g))

    def __sub__(self, other: Any) -> Any:
        a, b = self.value, _value(other)
        return self._of(a - b, (self, lambda g: _sum_to(g, a)), (other, lambda g: _sum_to(-g, b)))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        a, b = self.value, _value(other)
        return self._of(a * b, (self, lambda g: _sum_to(g * b, a)), (other, lambda g: _sum_to(g * a, b)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        a, b = self.value, _value(other)
        return self._of(
            a / b, (self, lambda g: _sum_to(g / b, a)), (other, lambda g: _sum_to(-g * a / (b * b), b))
        )

    def __rtruediv__(self, other: Any) -> Any:
        a, b = _value(other), self.value
        return self._of(a / b, (self, lambda g: _sum_to(-g * a / (b * b), b)))

    def __pow__(self, exponent: float) -> Any:
        a = self.value
        return self._of(a**exponent, (self, lambda g: g * exponent * a ** (exponent - 1)))

    def __matmul__(self, other: Any) -> Any:
        a, b = self.value, _value(other)
        return self._of(
            a @ b,
            (self, lambda g: _sum_to(g @ np.swapaxes(b, -1, -2), a)),
            (other, lambda g: _sum_to(np.swapaxes(a, -1, -2) @ g, b)),
        )

    def __abs__(self) -> Any:
        a = self.value
        return self._of(np.abs(a), (self, lambda g: g * np.sign(a)))

    def __getitem__(self, index: Any) -> Any:
        a = self.value

        def backward(gradient: Floats) -> Floats:
            whole = np.zeros_like(a)
            whole[index] += gradient
            return whole

        return self._of(a[index], (self, backward))

    def __gt__(self, other: Any) -> Any:
        return self.value > _value(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= _value(other)

    def __lt__(self, other: Any) -> Any:
        return self.value < _value(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= _value(other)

    def sum(self, axis: int) -> Any:
        """The sum over an axis."""
        a = self.value
        return self._of(a.sum(axis), (self, lambda g: np.broadcast_to(np.expand_dims(g, axis), a.shape)))

    def reshape(self, *shape: Any) -> Any:
        """The same values in another shape."""
        a = self.value
        return self._of(a.reshape(*shape), (self, lambda g: g.reshape(a.shape)))

    def _of(self, value: Any, *operands: tuple[Any, Backward]) -> Any:
        return self.tape._record(value, operands)


def _value(array: Any) -> Any:
    """Return the values of an array, tracked or not."""
    return array.value if isinstance(array, Tracked) else np.asarray(array)


def _sum_to(gradient: Floats, operand: Floats) -> Floats:
    """Sum a gradient over the axes along which an operand was broadcast."""
    surplus = gradient.ndim - operand.ndim
    total = gradient.sum(tuple(range(surplus))) if surplus else gradient
    ones = tuple(i for i, size in enumerate(operand.shape) if size == 1 and total.shape[i] != 1)
    return np.asarray(total.sum(ones, keepdims=True) if ones else total)
