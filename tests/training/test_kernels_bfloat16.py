"""Sequences in bfloat16 differ from exact ones by no more than the rounding of the factors of products.

Rounding to bfloat16, which has 8 significant bits, changes a value by at most the fraction 2^-8, and so a
product of two values by at most the fraction U = 2^-7 + 2^-16.  Sums are in float32.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from charseq import native
from charseq.cells import CELLS
from charseq.cells.cell import Cell, shape_of, unroll
from charseq.cells.ops import OneHot
from charseq.training.kernels import native as kernels
from charseq.training.kernels.torch_ops import TORCH

pytestmark = pytest.mark.skipif(not native.has_bfloat16(), reason="no AVX512-BF16")

U = 2**-7 + 2**-16
SMALL = {"B": 2, "T": 3, "I": 5, "H": 7}
ODD = {"B": 19, "T": 5, "I": 11, "H": 67}
every_cell = pytest.mark.parametrize("cell", [CELLS[name] for name in native.kernels()], ids=native.kernels())
sizes = pytest.mark.parametrize("sizes", [SMALL, ODD, {**ODD, "B": 1}], ids=["small", "odd", "one row"])
run_in_bfloat16 = partial(kernels.unroll, precision="bfloat16")


def draw(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(math.prod(shape))
    return torch.randn(*shape, generator=generator)


class Rounded(torch.autograd.Function):
    """x [... I] times w [I O], with the factors of all three products, forward and backward, rounded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(rounded(x), rounded(w))
        return rounded(x) @ rounded(w)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return rounded(d) @ w.t(), x.t() @ rounded(d)


def rounded(x: Tensor) -> Tensor:
    return x.bfloat16().to(x.dtype)


rounded_product: Callable[[Tensor, Tensor], Tensor] = Rounded.apply


class RoundedProducts(TorchFunctionMode):
    """Replaces every product x @ w in a context by a rounded one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in ("matmul", "__matmul__"):
            return rounded_product(*args)
        return func(*args, **(kwargs or {}))


class Inputs(NamedTuple):
    """Weights, xs [B T I] and a state that a sequence has led to, in float64."""

    w: dict[str, Tensor]
    xs: Tensor
    state: Any


def inputs_for(cell: Cell, sizes: dict[str, int]) -> Inputs:
    w = {name: draw(*shape_of(param.axes, sizes)).double() for name, param in cell.params.items()}
    w = {name: (value / math.sqrt(value.shape[-1])).float().double() for name, value in w.items()}
    xs = draw(sizes["B"], sizes["T"], sizes["I"]).double()
    _, state = unroll(cell, TORCH, w, xs.flip(1), cell.start(TORCH, sizes["B"], sizes["H"], xs))
    state = cell.state(*(field.float().double() for field in state))
    return Inputs(w, xs, state)


def results_of(run: Any, cell: Cell, inputs: Inputs, dtype: torch.dtype) -> list[Tensor]:
    """Outputs, final state, and the gradients of a cost that depends on all of them."""
    w, xs, state = inputs
    leaves = [value.to(dtype).detach().requires_grad_() for value in (*w.values(), xs, *state)]
    named = dict(zip(w, leaves, strict=False))
    start = cell.state(*leaves[len(w) + 1 :])
    hs, final = run(cell, TORCH, named, leaves[len(w)], start)
    gradients = torch.autograd.grad(cost_of(hs, final), leaves, materialize_grads=True)
    return [hs.detach(), *(field.detach() for field in final), *gradients]


def cost_of(hs: Tensor, final: Any) -> Tensor:
    costs = [(field * (i + 2)).sum() for i, field in enumerate(final)]
    return torch.stack([*costs, (hs * torch.arange(hs.numel()).view(hs.shape).cos()).sum()]).sum()


@every_cell
@sizes
def test_a_sequence_is_that_of_the_step_with_rounded_factors(cell: Cell, sizes: dict[str, int]) -> None:
    """Few values that differ in the last bit of float32 round to another bfloat16, so norms agree closely."""
    inputs = inputs_for(cell, sizes)
    with RoundedProducts():
        expected = results_of(unroll, cell, inputs, torch.float64)
    exact = results_of(unroll, cell, inputs, torch.float64)
    for reference, precise, result in zip(
        expected, exact, results_of(run_in_bfloat16, cell, inputs, torch.float32), strict=True
    ):
        assert (result - reference).norm() <= 2**-13 * precise.norm()
        assert (precise - reference).norm() > 2**-12 * precise.norm()  # so exact products would fail


def errors_of_products(cell: Cell, inputs: Inputs) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each result of an exact run with the bound of its error, to the first order of the roundings.

    The error of a forward product, |e| <= U |x| |w|, is added to the product.  That of a product in the
    backward pass, |f| <= U |d| |w|, is added to the gradient of its input x, which adding f x to the cost
    does.  The gradient of a weight has an error of its own, U |d| |x|.
    """
    w, xs, state = inputs
    leaves = [value.detach().requires_grad_() for value in (*w.values(), xs, *state)]
    named, start = dict(zip(w, leaves, strict=False)), cell.state(*leaves[len(w) + 1 :])
    added: list[tuple[Tensor, Tensor, Tensor, str]] = []  # e, f, the input, the weight of a product
    xs = leaves[len(w)]
    extra: list[Tensor] = []
    hs = []
    state = start
    for t in range(xs.shape[1]):
        before, x = state, xs[:, t]

        def tap(name: str, value: Tensor, axes: str, x: Tensor = x, before: Any = before) -> Tensor:
            if name[2:] not in ("gates", "proj"):
                return value
            source, weight = (x, "W_x") if name[0] == "x" else (before.h, "W_h")
            e = torch.zeros_like(value).requires_grad_()
            f = torch.zeros_like(source).requires_grad_()
            added.append((e, f, source, weight))
            extra.append((f * source).sum())
            return value + e

        state = cell.step(TORCH, named, x, state, tap)  # type: ignore[arg-type]
        hs.append(state.h)
    outputs = [torch.stack(hs, 1), *state]
    cost = cost_of(outputs[0], state) + torch.stack(extra).sum()
    errors = [e for e, *_ in added]
    gradients = torch.autograd.grad(cost, [*leaves, *errors], create_graph=True, materialize_grads=True)
    of_leaves, of_products = gradients[: len(leaves)], gradients[len(leaves) :]
    sources, bounds, own = [], [], {name: torch.zeros_like(value) for name, value in w.items()}
    for (e, f, source, weight), d in zip(added, of_products, strict=True):
        d_size, matrix, x_size = d.detach().abs(), named[weight].detach().abs(), source.detach().abs()
        sources += [e, f]
        bounds += [U * x_size @ matrix.t(), U * d_size @ matrix]
        own[weight] += U * d_size.t() @ x_size
    others = [torch.zeros(()) for _ in outputs]  # results without an error of their own
    direct = [*others, *own.values(), torch.zeros(()), *others[1:]]
    for result, own_error in zip([*outputs, *of_leaves], direct, strict=True):
        bound = torch.zeros_like(result) + own_error
        for index in range(result.numel() if result.requires_grad else 0):
            parts = torch.autograd.grad(
                result.flatten()[index], sources, retain_graph=True, materialize_grads=True
            )
            bound.view(-1)[index] += sum((p.abs() * b).sum() for p, b in zip(parts, bounds, strict=True))
        yield result.detach(), bound.detach()


@every_cell
def test_outputs_and_gradients_are_within_the_bound_that_rounding_gives(cell: Cell) -> None:
    inputs = inputs_for(cell, SMALL)
    results = results_of(run_in_bfloat16, cell, inputs, torch.float32)
    differ = 0
    for (exact, bound), result in zip(errors_of_products(cell, inputs), results, strict=True):
        second_order = 1.1
        error = (result - exact).abs()
        assert torch.all(error <= second_order * bound + 2e-5)
        differ += int((error > 1e-4).sum())
    assert differ > 10  # or the products were those of float32


@every_cell
def test_two_pieces_give_the_same_bits_as_one(cell: Cell) -> None:
    w, xs, state = (narrowed(part) for part in inputs_for(cell, ODD))
    hs, final = run_in_bfloat16(cell, TORCH, w, xs, state)
    before, between = run_in_bfloat16(cell, TORCH, w, xs[:, :2], state)
    after, end = run_in_bfloat16(cell, TORCH, w, xs[:, 2:], between)
    assert torch.equal(torch.cat([before, after], 1), hs)
    assert all(map(torch.equal, end, final))


@every_cell
@sizes
def test_the_number_of_threads_changes_no_bit(
    cell: Cell, sizes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, results = inputs_for(cell, sizes), []
    for threads in (1, 2, 3):
        monkeypatch.setattr(kernels, "_threads", lambda rows, threads=threads: threads)
        results.append(results_of(run_in_bfloat16, cell, inputs, torch.float32))
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@every_cell
def test_ids_give_what_one_hot_vectors_give(cell: Cell) -> None:
    """The look-up adds no rounding: only W_x, as a factor of a product with 1, is rounded for vectors."""
    w, _, state = (narrowed(part) for part in inputs_for(cell, ODD))
    w["W_x"] = rounded(w["W_x"])
    ids = torch.arange(ODD["B"] * ODD["T"]).view(ODD["B"], ODD["T"]) % ODD["I"]
    expected, _ = run_in_bfloat16(cell, TORCH, w, TORCH.one_hot(ids, ODD["I"], w["W_x"]), state)
    hs, _ = run_in_bfloat16(cell, TORCH, w, OneHot(TORCH, ids, w["W_x"], ODD["I"]), state)
    assert (hs - expected).norm() <= 2**-12 * expected.norm()


def narrowed(part: Any) -> Any:
    """Weights, inputs or a state in float32."""
    if isinstance(part, dict):
        return {name: value.float() for name, value in part.items()}
    return part.float() if isinstance(part, Tensor) else type(part)(*(field.float() for field in part))
