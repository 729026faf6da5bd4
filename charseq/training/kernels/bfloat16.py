"""Products in bfloat16 with sums and results in float32, in the C library on a CPU, with gradients.

PyTorch's own products of bfloat16 matrices round their results to bfloat16, and may differ with the number of
threads.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.native import Product, library, threads

MULTIPLICATIONS_PER_THREAD = 500_000
"""The least work for which an additional thread is worth its start."""


def product(a: Tensor, b: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """A [M K], b [K N], bias [N] -> a b + bias [M N], in float32, written to `out` if it is given.

    The values of a and b are rounded to bfloat16; the result does not depend on the number of threads.
    """
    (rows, depth), columns = a.shape, b.shape[1]
    a, a_stride, a_transposed = _layout(a)
    b, b_stride, b_transposed = _layout(b)
    c = a.new_empty(rows, columns) if out is None else out
    bias = None if bias is None else bias.contiguous()
    team = min(torch.get_num_threads(), 1 + rows * depth * columns // MULTIPLICATIONS_PER_THREAD)
    call = Product(threads=threads.allowed(team), M=rows, K=depth, N=columns)
    call.a, call.a_stride, call.a_transposed = a.data_ptr(), a_stride, a_transposed
    call.b, call.b_stride, call.b_transposed = b.data_ptr(), b_stride, b_transposed
    call.bias = None if bias is None else bias.data_ptr()
    call.c = c.data_ptr()
    lib: Any = library()
    if lib.charseq_product_bf16(ctypes.byref(call)):
        raise MemoryError
    return c


def linear(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    """X [... I], w [O I], bias [O] -> x w^T + bias [... O], with gradients."""
    apply: Callable[..., Tensor] = _Linear.apply
    return apply(x.flatten(0, -2), w, bias).view(*x.shape[:-1], len(w))


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return product(x, w.t(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        needs_x, needs_w, needs_bias = ctx.needs_input_grad
        return (
            product(d, w) if needs_x else None,
            product(d.t(), x) if needs_w else None,
            d.sum(0) if needs_bias else None,
        )


def _layout(matrix: Tensor) -> tuple[Tensor, int, bool]:
    """Return a matrix whose rows or columns are contiguous, their stride, and whether it is the columns."""
    if matrix.stride(1) == 1 or matrix.shape[1] == 1 == matrix.stride(0):
        return matrix, matrix.stride(0), False
    if matrix.stride(0) == 1:
        return matrix, matrix.stride(1), True
    return matrix.contiguous(), matrix.shape[1], False
