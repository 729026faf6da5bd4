"""NumPy as the array library of cells and networks, and initial weights."""

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
        """The logistic function, computed by tanh, which does not overflow."""
        y = np.asarray(0.5 * x)
        np.tanh(y, out=y)
        y *= 0.5
        y += 0.5
        return y

    def log_sigmoid(self, x: Floats) -> Floats:
        """The natural logarithm of sigmoid(x), accurate also if sigmoid(x) is very small."""
        return np.asarray(-np.logaddexp(0, -x))

    def tanh(self, x: Floats) -> Floats:
        """The hyperbolic tangent."""
        return np.tanh(x)

    def relu(self, x: Floats) -> Floats:
        """The rectifier max(x, 0)."""
        return np.maximum(x, 0)

    def exp(self, x: Floats) -> Floats:
        """The exponential."""
        return np.exp(x)

    def maximum(self, x: Floats, y: Floats) -> Floats:
        """The elementwise maximum."""
        return np.maximum(x, y)

    def split(self, x: Floats, parts: int) -> list[Floats]:
        """Split the last axis into equal parts."""
        size = x.shape[-1] // parts
        return [x[..., i * size : (i + 1) * size] for i in range(parts)]

    def stack(self, arrays: Sequence[Floats], axis: int) -> Floats:
        """Join arrays along a new axis."""
        return np.stack(arrays, axis)

    def where(self, condition: npt.NDArray[np.bool_], yes: Floats, no: Floats) -> Floats:
        """Select elementwise."""
        return np.where(condition, yes, no)

    def zeros(self, shape: tuple[int, ...], like: Floats) -> Floats:
        """Zeros with the dtype of another array."""
        return np.zeros(shape, like.dtype)

    def one_hot(self, ids: npt.NDArray[np.integer[Any]], size: int, like: Floats) -> Floats:
        """Ids [...] -> one-hot vectors [... size]."""
        vectors = np.zeros((*ids.shape, size), like.dtype)
        np.put_along_axis(vectors, ids[..., None].astype(np.intp), 1, -1)
        return vectors

    def rows(self, matrix: Floats, ids: npt.NDArray[np.integer[Any]]) -> Floats:
        """The rows of a matrix [V N] by ids [...] -> [... N]."""
        return np.take(np.asarray(matrix), ids, 0)

    def unit(self, x: Floats) -> Floats:
        """The last axis divided by its Euclidean norm."""
        return np.asarray(x / np.sqrt((x * x).sum(-1, keepdims=True) + NORM_FLOOR))

    def normalized(self, x: Floats, gain: Floats, bias: Floats) -> Floats:
        """Layer normalization over the last axis: zero mean and unit variance, times gain, plus bias."""
        centered = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centered * centered).mean(-1, keepdims=True) + VARIANCE_FLOOR)
        return np.asarray(centered / deviation * gain + bias)


NUMPY = NumpyOps()


class SeededDraw:
    """Initial weights from a seed: drawn by NumPy in float32, so the same on every device.

    `steps` is the sequence length, over which the network should remember.
    """

    def __init__(self, seed: int, *, steps: int = 10) -> None:
        self._generator = np.random.default_rng(seed)
        self._steps = steps

    def uniform(self, shape: tuple[int, ...], bound: float) -> npt.NDArray[np.float32]:
        """Uniform values in [-bound, bound)."""
        return self._generator.uniform(-bound, bound, shape).astype(np.float32)

    def orthogonal(self, size: int) -> npt.NDArray[np.float32]:
        """A random orthogonal matrix [size size], Haar-distributed (Mezzadri 2007)."""
        q, r = np.linalg.qr(self._generator.standard_normal((size, size)))
        return np.asarray(q * np.sign(np.diagonal(r)), np.float32)

    def identity(self, size: int) -> npt.NDArray[np.float32]:
        """The identity matrix [size size]."""
        return np.eye(size, dtype=np.float32)

    def constant(self, shape: tuple[int, ...], value: float) -> npt.NDArray[np.float32]:
        """An array filled with one value."""
        return np.full(shape, value, np.float32)

    def time_scales(self, count: int) -> npt.NDArray[np.float32]:
        """The steps that each of [count] units should remember, uniform from 1 to the sequence length."""
        return self._generator.uniform(1, max(self._steps, 2), count).astype(np.float32)

    def logarithm(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The natural logarithm."""
        return np.log(x)

    def join(self, parts: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Concatenate arrays along the first axis."""
        return np.concatenate(parts)


def ignore_overflow() -> "np.errstate":
    """Silence NumPy's warnings about infinite and NaN values; `require_finite` checks the results."""
    return np.errstate(over="ignore", invalid="ignore")


def require_finite(values: Floats) -> None:
    """Raise CharseqError if a network's output is NaN or infinite."""
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
