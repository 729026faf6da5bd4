"""NumPy as an array library for cells and networks, and the draw of first weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.cells.ops import NORM_FLOOR, VARIANCE_FLOOR
from charseq.errors import CharseqError

Floats = npt.NDArray[np.floating[Any]]


class NumpyOps:
    """The functions of charseq.cells.cell.Ops, for NumPy."""

    def sigmoid(self, x: Floats) -> Floats:
        """Compute by tanh, which neither overflows nor warns."""
        return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)

    def log_sigmoid(self, x: Floats) -> Floats:
        """The natural logarithm of sigmoid(x), exact where that is very small."""
        return np.asarray(-np.logaddexp(0, -x))

    def tanh(self, x: Floats) -> Floats:
        """The hyperbolic tangent."""
        return np.tanh(x)

    def relu(self, x: Floats) -> Floats:
        """Zero for what is negative."""
        return np.maximum(x, 0)

    def exp(self, x: Floats) -> Floats:
        """The exponential."""
        return np.exp(x)

    def maximum(self, x: Floats, y: Floats) -> Floats:
        """The larger of two, element by element."""
        return np.maximum(x, y)

    def split(self, x: Floats, parts: int) -> list[Floats]:
        """Cut the last axis into equal parts."""
        size = x.shape[-1] // parts
        return [x[..., i * size : (i + 1) * size] for i in range(parts)]

    def stack(self, arrays: Sequence[Floats], axis: int) -> Floats:
        """Join arrays along a new axis."""
        return np.stack(arrays, axis)

    def where(self, condition: npt.NDArray[np.bool_], yes: Floats, no: Floats) -> Floats:
        """Choose element by element."""
        return np.where(condition, yes, no)

    def zeros(self, shape: tuple[int, ...], like: Floats) -> Floats:
        """Zeros of the type of another array."""
        return np.zeros(shape, like.dtype)

    def one_hot(self, ids: npt.NDArray[np.integer[Any]], size: int, like: Floats) -> Floats:
        """Ids [...] -> vectors [... size] with a single 1 each."""
        vectors = np.zeros((*ids.shape, size), like.dtype)
        np.put_along_axis(vectors, ids[..., None].astype(np.intp), 1, -1)
        return vectors

    def rows(self, matrix: Floats, ids: npt.NDArray[np.integer[Any]]) -> Floats:
        """The rows of a matrix [V N] that ids [...] name -> [... N]."""
        return np.take(np.asarray(matrix), ids, 0)

    def unit(self, x: Floats) -> Floats:
        """The last axis divided by its Euclidean norm."""
        return np.asarray(x / np.sqrt((x * x).sum(-1, keepdims=True) + NORM_FLOOR))

    def normalized(self, x: Floats, gain: Floats, bias: Floats) -> Floats:
        """The last axis less its mean, divided by its standard deviation; times gain, plus bias."""
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + VARIANCE_FLOOR)
        return np.asarray(centred / deviation * gain + bias)


NUMPY = NumpyOps()


class SeededDraw:
    """First weights from one seed, the same on every device: drawn by NumPy, float32.

    `steps` is how far back a network is to remember, the length of its sequences.
    """

    def __init__(self, seed: int, *, steps: int = 10) -> None:
        self._generator = np.random.default_rng(seed)
        self._steps = steps

    def uniform(self, shape: tuple[int, ...], bound: float) -> npt.NDArray[np.float32]:
        """Values spread evenly over [-bound, bound)."""
        return self._generator.uniform(-bound, bound, shape).astype(np.float32)

    def orthogonal(self, size: int) -> npt.NDArray[np.float32]:
        """A random orthogonal matrix [size size], evenly distributed (Mezzadri 2007)."""
        q, r = np.linalg.qr(self._generator.standard_normal((size, size)))
        return np.asarray(q * np.sign(np.diagonal(r)), np.float32)

    def identity(self, size: int) -> npt.NDArray[np.float32]:
        """The identity matrix [size size]."""
        return np.eye(size, dtype=np.float32)

    def constant(self, shape: tuple[int, ...], value: float) -> npt.NDArray[np.float32]:
        """One value everywhere."""
        return np.full(shape, value, np.float32)

    def time_scales(self, count: int) -> npt.NDArray[np.float32]:
        """How many steps each of [count] units is to remember: even from 1 to the sequence's length."""
        return self._generator.uniform(1, max(self._steps, 2), count).astype(np.float32)

    def logarithm(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The natural logarithm."""
        return np.log(x)

    def join(self, parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Arrays one beneath the other, along the first axis."""
        return np.concatenate(parts)


def ignore_overflow() -> "np.errstate":
    """Let numbers become infinite or NaN without a warning; `require_finite` finds them where they matter."""
    return np.errstate(over="ignore", invalid="ignore")


def require_finite(values: Floats) -> None:
    """Raise CharseqError where a network's output is NaN or infinite."""
    if not np.isfinite(values).all():
        raise CharseqError(
            "the output of the network is NaN or infinite: its weights are too large",
            hint="train it again, with a smaller --learning-rate",
        )


def log_softmax(logits: Floats) -> Floats:
    """Logits [... V] -> natural logarithms of probabilities [... V]."""
    shifted: Floats = logits - logits.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted
