"""Dropout whose mask is a hash of the position in the whole batch and of two random keys.

So a mask does not depend on the number of processes that share a batch, nor on the kernel or the device, and
the backward pass computes it again.  On a CPU the C library computes it (`native/dropout.c`), elsewhere, or
without the library, torch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from charseq.native import library, threads
from charseq.text.batches import Batch

WORD = (1 << 32) - 1
"""The largest key, and the mask of a 32-bit word."""


class Mask(NamedTuple):
    """The mask of one layer's output for one update."""

    keep: float
    """The probability to keep an element."""
    keys: tuple[int, int]
    first_row: int
    """The number of rows of the batch before those of this process."""
    rows: int
    """The number of rows of the whole batch."""

    @property
    def threshold(self) -> int:
        """The hash below which an element is kept."""
        return min(round(self.keep * 2**32), WORD)


def dropout(hs: Tensor, p: float, keys: tuple[int, int], batch: Batch) -> Tensor:
    """Zero elements of hs [B T H] with probability p, and scale the rest by 1 / (1 - p).

    Source: Srivastava et al. 2014, "Dropout".
    """
    apply: Callable[..., Tensor] = _Dropout.apply
    mask = Mask(1 - p, keys, batch.first_row, batch.rows)
    return apply(hs.transpose(0, 1).contiguous(), mask).transpose(0, 1)


def draw_keys(count: int, random: torch.Generator) -> list[int]:
    """Draw two keys for each of `count` masks."""
    return torch.randint(1 << 32, (2 * count,), generator=random).tolist() if count else []


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Mask) -> Tensor:
        ctx.mask = mask
        return _masked(x, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _masked(gradient.contiguous(), ctx.mask), None


def _masked(x: Tensor, mask: Mask) -> Tensor:
    """Apply a mask to x [T B H], which is contiguous."""
    is_native = x.device.type == "cpu" and x.dtype == torch.float32 and library() is not None
    return _masked_natively(x, mask) if is_native else x * (_kept(x, mask).to(x.dtype) / mask.keep)


def _masked_natively(x: Tensor, mask: Mask) -> Tensor:
    """Apply a mask in C, which numbers the elements from 0: the first key moves them to their positions."""
    out = torch.empty_like(x)
    lib: Any = library()
    key_1, key_2 = mask.keys
    team, scale = threads.allowed(torch.get_num_threads()), 1 / mask.keep
    steps, rows, hidden = x.shape
    pieces, count = (1, x.numel()) if rows == mask.rows else (steps, rows * hidden)
    for piece in range(pieces):
        key = (key_1 + (piece * mask.rows + mask.first_row) * hidden) & WORD
        offset = piece * count * x.element_size()
        addresses = x.data_ptr() + offset, out.data_ptr() + offset
        lib.charseq_dropout(count, *addresses, key, key_2, mask.threshold, scale, team)
    return out


def _kept(x: Tensor, mask: Mask) -> Tensor:
    """Return whether each element of x [T B H] is kept, as the C library computes it."""
    steps, rows, hidden = (torch.arange(size, device=x.device) for size in x.shape)
    row = steps[:, None] * mask.rows + mask.first_row + rows
    position = row[..., None] * len(hidden) + hidden
    return _hash(_hash((position + mask.keys[0]) & WORD) ^ mask.keys[1]) < mask.threshold


def _hash(x: Tensor) -> Tensor:
    """Hash 32-bit words in int64.  Source: Wellons 2018, triple32, "Prospecting for hash functions"."""
    for shift, factor in ((17, 0xED5AD4BB), (11, 0xAC4C1B51), (15, 0x31848BAB)):
        x = ((x ^ (x >> shift)) * factor) & WORD
    return x ^ (x >> 14)
