"""Large products of matrices on a CPU, in float32 or bfloat16, with gradients.

Sums and results are in float32.  The C library computes products in bfloat16, because PyTorch's round their
results to bfloat16, and those in float32 where they were measured to be faster than PyTorch's.  Its results
have the same bits for any number of threads.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from charseq.native import Product, library, products_are_fast, threads
from charseq.settings.train_settings import ChosenPrecision

MULTIPLICATIONS_PER_THREAD = 500_000
"""The least work for which an additional thread is worth its start."""
FEWEST_MULTIPLICATIONS = 2_000_000
"""The least work for which a native product in float32 is faster than PyTorch's."""
SHORTEST_SIDE = 16
"""The fewest rows and columns for which it is."""


def product(
    a: Tensor,
    b: Tensor,
    bias: Tensor | None = None,
    *,
    precision: ChosenPrecision,
    out: Tensor | None = None,
) -> Tensor:
    """A [M K], b [K N], bias [N] -> a b + bias [M N], in float32, written to `out` if it is given.

    `precision` is that of the values of a and b.
    """
    (rows, depth), columns = a.shape, b.shape[1]
    if precision == "float32" and not _native_is_faster(rows, depth, columns):
        return torch.mm(a, b, out=out) if bias is None else torch.addmm(bias, a, b, out=out)
    return native_product(a, b, bias, precision=precision, out=out)


def native_product(
    a: Tensor,
    b: Tensor,
    bias: Tensor | None = None,
    *,
    precision: ChosenPrecision,
    out: Tensor | None = None,
) -> Tensor:
    """Compute a product in the C library, as `product` describes it, whatever its size."""
    (rows, depth), columns = a.shape, b.shape[1]
    a, a_stride, a_transposed = _layout(a)
    b, b_stride, b_transposed = _layout(b)
    c = a.new_empty(rows, columns) if out is None else out
    bias = None if bias is None else bias.contiguous()
    team = min(torch.get_num_threads(), 1 + rows * depth * columns // MULTIPLICATIONS_PER_THREAD)
    call = Product(threads=threads.allowed(team), bf16=precision == "bfloat16", M=rows, K=depth, N=columns)
    call.a, call.a_stride, call.a_transposed = a.data_ptr(), a_stride, a_transposed
    call.b, call.b_stride, call.b_transposed = b.data_ptr(), b_stride, b_transposed
    call.bias = None if bias is None else bias.data_ptr()
    call.c = c.data_ptr()
    lib: Any = library()
    if lib.charseq_product(ctypes.byref(call)):
        raise MemoryError
    return c


def linear(x: Tensor, w: Tensor, bias: Tensor, *, precision: ChosenPrecision) -> Tensor:
    """X [... I], w [O I], bias [O] -> x w^T + bias [... O], with gradients."""
    if precision == "float32" and not products_are_fast():
        return functional.linear(x, w, bias)
    apply: Callable[..., Tensor] = _Linear.apply
    return apply(x.flatten(0, -2), w, bias, precision).view(*x.shape[:-1], len(w))


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, precision: ChosenPrecision) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.precision = precision
        return product(x, w.t(), bias, precision=precision)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        needs_x, needs_w, needs_bias, _ = ctx.needs_input_grad
        return (
            product(d, w, precision=ctx.precision) if needs_x else None,
            product(d.t(), x, precision=ctx.precision) if needs_w else None,
            d.sum(0) if needs_bias else None,
            None,
        )


def _native_is_faster(rows: int, depth: int, columns: int) -> bool:
    """Return whether a native product in float32 was measured to be faster than PyTorch's."""
    large = min(rows, columns) >= SHORTEST_SIDE and rows * depth * columns >= FEWEST_MULTIPLICATIONS
    return large and products_are_fast()


def _layout(matrix: Tensor) -> tuple[Tensor, int, bool]:
    """Return a matrix whose rows or columns are contiguous, their stride, and whether it is the columns."""
    if matrix.stride(1) == 1 or matrix.shape[1] == 1 == matrix.stride(0):
        return matrix, matrix.stride(0), False
    if matrix.stride(0) == 1:
        return matrix, matrix.stride(1), True
    return matrix.contiguous(), matrix.shape[1], False
