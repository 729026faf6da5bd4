"""Torch as an array library for cells and networks."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


class TorchOps:
    """The functions of charseq.cells.cell.Ops, for torch; all of them carry gradients."""

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + exp(-x))."""
        return torch.sigmoid(x)

    def tanh(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent."""
        return torch.tanh(x)

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


TORCH = TorchOps()
