"""Layer normalization whose gradients do not depend on the number of threads.

PyTorch sums the gradients of gain and bias in an order that does.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.cells.ops import VARIANCE_FLOOR
from charseq.training.kernels.torch_ops import TorchOps


class RepeatableOps(TorchOps):
    """Torch as an array library, with the same bits for any number of threads."""

    def normalized(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """The last axis less its mean, divided by its standard deviation; times gain, plus bias."""
        if x.ndim == 3 and not x.is_contiguous():
            return self.normalized(x.transpose(0, 1).contiguous(), gain, bias).transpose(0, 1)
        apply: Callable[..., Tensor] = _LayerNorm.apply
        return apply(x, gain, bias)


class _LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        out, mean, scale = torch.native_layer_norm(x, x.shape[-1:], gain, bias, VARIANCE_FLOOR)
        ctx.save_for_backward(x, gain, bias, mean, scale)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, gain, bias, mean, scale = ctx.saved_tensors
        d, wanted = d.contiguous(), [True, False, False]
        dx, _, _ = torch.ops.aten.native_layer_norm_backward(
            d, x, x.shape[-1:], mean, scale, gain, bias, wanted
        )
        rows = tuple(range(x.ndim - 1))
        return dx, (x - mean).mul_(scale).mul_(d).sum(rows), d.sum(rows)


REPEATABLE = RepeatableOps()
