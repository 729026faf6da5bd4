"""Layer normalization in the C library (`native/layer_norm.c`), on a CPU, with gradients.

No bit of the outputs and of the gradients depends on the number of threads.  Without the library, with
`--kernel torch` and on GPUs, PyTorch computes it.  Then, on a CPU, the number of threads changes the last
digits of the gradients of gain and bias.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.cells.ops import VARIANCE_FLOOR
from charseq.native import library, threads
from charseq.settings.train_settings import KernelChoice
from charseq.training.kernels.torch_ops import TORCH, TorchOps

VALUES_PER_THREAD = 32_768
"""The least size for which an additional thread is worth its start."""


def select_ops(device: torch.device, choice: KernelChoice) -> TorchOps:
    """Return torch as an array library, with layer normalization in C where it is available."""
    return NATIVE if device.type == "cpu" and choice != "torch" and library() is not None else TORCH


class NativeOps(TorchOps):
    """Torch as an array library, with layer normalization in C.  All values are float32 on a CPU."""

    def normalized(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """The last axis less its mean, divided by its standard deviation; times gain, plus bias.

        Raises TypeError for values that are not float32 on a CPU.
        """
        if x.dtype != torch.float32 or x.device.type != "cpu":
            raise TypeError(f"native kernels require float32 on a CPU, not {x.dtype} on {x.device}")
        if x.ndim == 3 and not x.is_contiguous():  # then most often time lies first, and may stay so
            return self.normalized(x.transpose(0, 1).contiguous(), gain, bias).transpose(0, 1)
        apply: Callable[..., Tensor] = _LayerNorm.apply
        return apply(x.contiguous(), gain.contiguous(), bias.contiguous())


class _LayerNorm(torch.autograd.Function):
    """x [... H], gain [H], bias [H] -> [... H], all of them contiguous."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        hidden = len(gain)
        rows = x.numel() // hidden
        out, moments = torch.empty_like(x), x.new_empty(rows, 2)
        inputs, outputs = _addresses(x, gain, bias), _addresses(out, moments)
        lib: Any = library()
        lib.charseq_layer_norm(rows, hidden, *inputs, VARIANCE_FLOOR, *outputs, _threads(x))
        ctx.save_for_backward(x, gain, moments)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, ...]:
        x, gain, moments = ctx.saved_tensors
        inputs = x, gain, moments, d.contiguous()
        gradients = tuple(map(torch.empty_like, (x, gain, gain)))
        lib: Any = library()
        if lib.charseq_layer_norm_backward(
            len(moments), len(gain), *_addresses(*inputs, *gradients), _threads(x)
        ):
            raise MemoryError
        return gradients


def _addresses(*tensors: Tensor) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]


def _threads(x: Tensor) -> int:
    return min(threads.allowed(torch.get_num_threads()), 1 + x.numel() // VALUES_PER_THREAD)


NATIVE = NativeOps()
