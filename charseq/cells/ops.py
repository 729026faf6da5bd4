"""What a cell is given to compute with, and who may look on.

A cell imports neither NumPy nor torch.  It is given `ops`, a handful of functions of the library in use, and
everything else it needs are the operators that both libraries' arrays share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Array = Any
"""A NumPy array or a torch tensor; a step never asks which."""


NORM_FLOOR = 1e-5
"""What is added to a squared norm before a vector is divided by it."""
VARIANCE_FLOOR = 1e-5
"""What layer normalisation adds to a variance, as torch.nn.LayerNorm does."""


class Ops(Protocol):
    """The functions of an array library that cells and networks are written with."""

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""

    def log_sigmoid(self, x: Array) -> Array:
        """The natural logarithm of sigmoid(x), exact where that is very small."""

    def tanh(self, x: Array) -> Array:
        """The hyperbolic tangent."""

    def relu(self, x: Array) -> Array:
        """Zero for what is negative."""

    def exp(self, x: Array) -> Array:
        """The exponential."""

    def maximum(self, x: Array, y: Array) -> Array:
        """The larger of two, element by element."""

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

    def rows(self, matrix: Array, ids: Array) -> Array:
        """The rows of a matrix [V N] that ids [...] name -> [... N]."""

    def unit(self, x: Array) -> Array:
        """The last axis divided by its Euclidean norm: x / sqrt(x . x + NORM_FLOOR)."""

    def normalized(self, x: Array, gain: Array, bias: Array) -> Array:
        """The last axis less its mean, divided by its standard deviation; times gain, plus bias."""


@dataclass(frozen=True)
class OneHot:
    """One-hot vectors [... V] that are not written out: a product with them is a look-up.

    That is all they can do, so they are for cells that do nothing else with x.
    """

    ops: Ops
    ids: Array
    like: Array
    """A parameter of the network, whose type and device the written vectors take."""
    size: int

    def __matmul__(self, matrix: Array) -> Array:
        """The product with a matrix [V N] -> [... N]."""
        return self.ops.rows(matrix, self.ids)

    def written(self) -> Array:
        """The vectors themselves [... V]."""
        return self.ops.one_hot(self.ids, self.size, self.like)


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
