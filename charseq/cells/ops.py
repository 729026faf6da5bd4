"""The array functions of a cell's step, and the taps that observe its tensors.

A cell imports neither NumPy nor torch.  Its step uses `ops`, a few functions of the library in use, and the
operators that the arrays of both libraries share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any
"""A NumPy array or a torch tensor."""

NORM_FLOOR = 1e-5
"""The constant that `unit` adds to a squared norm, to avoid division by zero."""

VARIANCE_FLOOR = 1e-5
"""The constant that layer normalization adds to a variance, as in torch.nn.LayerNorm."""


class Ops(Protocol):
    """The functions of an array library that cells and networks use."""

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""

    def log_sigmoid(self, x: Array) -> Array:
        """The natural logarithm of sigmoid(x), precise for very negative x."""

    def tanh(self, x: Array) -> Array:
        """The hyperbolic tangent."""

    def relu(self, x: Array) -> Array:
        """max(x, 0)."""

    def exp(self, x: Array) -> Array:
        """The exponential."""

    def maximum(self, x: Array, y: Array) -> Array:
        """The element-wise maximum."""

    def split(self, x: Array, parts: int) -> Sequence[Array]:
        """Split the last axis into equal parts."""

    def stack(self, arrays: Sequence[Array], axis: int) -> Array:
        """Stack arrays along a new axis."""

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        """Select element-wise."""

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros with the type and device of another array."""

    def one_hot(self, ids: Array, size: int, like: Array) -> Array:
        """Ids [...] -> vectors [... size] with a single 1 each."""

    def rows(self, matrix: Array, ids: Array) -> Array:
        """Look up rows of a matrix [V N] by ids [...] -> [... N]."""

    def unit(self, x: Array) -> Array:
        """Divide the last axis by its Euclidean norm: x / sqrt(x . x + NORM_FLOOR)."""

    def normalized(self, x: Array, gain: Array, bias: Array) -> Array:
        """Layer normalization of the last axis, then times gain, plus bias."""


@dataclass(frozen=True)
class OneHot:
    """One-hot vectors [... V], stored as ids: a product with them is a look-up.

    They support nothing else, so they are for cells that only multiply x by matrices.
    """

    ops: Ops
    ids: Array
    like: Array
    """A parameter of the network; `dense` takes its type and device."""
    size: int

    def __matmul__(self, matrix: Array) -> Array:
        """Multiply by a matrix [V N] -> [... N]."""
        return self.ops.rows(matrix, self.ids)

    def dense(self) -> Array:
        """Return the vectors [... V]."""
        return self.ops.one_hot(self.ids, self.size, self.like)


class Tap(Protocol):
    """An observer, called with every intermediate tensor; it returns the tensor."""

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Observe a tensor, its name and its axes ("B 3H"); return it unchanged."""

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Tap":
        """Return this observer for the tensors of a layer or a step."""


class Untapped:
    """The tap that observes nothing."""

    def __call__(self, name: str, value: Array, axes: str) -> Array:
        """Return the tensor."""
        return value

    def at(self, *, layer: int | None = None, step: int | None = None) -> "Untapped":
        """Return itself."""
        return self


UNTAPPED = Untapped()
