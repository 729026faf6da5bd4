"""Torch as an array library for cells and networks."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from charseq.cells.ops import NORM_FLOOR, VARIANCE_FLOOR


class TorchOps:
    """The functions of charseq.cells.cell.Ops, for torch; all of them carry gradients."""

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + exp(-x))."""
        return torch.sigmoid(x)

    def log_sigmoid(self, x: Tensor) -> Tensor:
        """The natural logarithm of sigmoid(x), exact where that is very small."""
        return functional.logsigmoid(x)

    def tanh(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent."""
        return torch.tanh(x)

    def relu(self, x: Tensor) -> Tensor:
        """Zero for what is negative."""
        return torch.relu(x)

    def exp(self, x: Tensor) -> Tensor:
        """The exponential."""
        return torch.exp(x)

    def maximum(self, x: Tensor, y: Tensor) -> Tensor:
        """The larger of two, element by element."""
        return torch.maximum(x, y)

    def split(self, x: Tensor, parts: int) -> Sequence[Tensor]:
        """Cut the last axis into equal parts."""
        return x.chunk(parts, -1)

    def stack(self, arrays: Sequence[Tensor], axis: int) -> Tensor:
        """Join arrays along a new axis."""
        return torch.stack(list(arrays), axis)

    def where(self, condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        """Choose element by element."""
        return torch.where(condition, yes, no)

    def zeros(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Zeros of the type, and on the device, of another tensor."""
        return torch.zeros(shape, dtype=like.dtype, device=like.device)

    def one_hot(self, ids: Tensor, size: int, like: Tensor) -> Tensor:
        """Ids [...] -> vectors [... size] with a single 1 each."""
        return functional.one_hot(ids, size).to(like.dtype)

    def rows(self, matrix: Tensor, ids: Tensor) -> Tensor:
        """The rows of a matrix [V N] that ids [...] name -> [... N]."""
        return functional.embedding(ids, matrix.contiguous())

    def unit(self, x: Tensor) -> Tensor:
        """The last axis divided by its Euclidean norm."""
        return x * (x.square().sum(-1, keepdim=True) + NORM_FLOOR).rsqrt()

    def normalized(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """The last axis less its mean, divided by its standard deviation; times gain, plus bias."""
        if x.ndim == 3 and not x.is_contiguous():  # then most often time lies first, and may stay so
            return self.normalized(x.transpose(0, 1).contiguous(), gain, bias).transpose(0, 1)
        return functional.layer_norm(x, x.shape[-1:], gain, bias, VARIANCE_FLOOR)


TORCH = TorchOps()
