"""Native products differ from exact ones by no more than rounding, in float32 and in bfloat16.

A sum of k products in float32 has an error of at most (k + 2) 2^-24 times the sum of their sizes.  Rounding
to bfloat16 changes a value by at most the fraction 2^-8, and so a product of two values by at most the
fraction U = 2^-7 + 2^-16.
"""

import ctypes
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from charseq import native
from charseq.events import End
from charseq.settings.train_settings import ChosenPrecision
from charseq.training.kernels import products
from charseq.training.kernels.products import linear, native_product, product
from tests.support.products import use_native_products
from tests.support.runs import STREAM, never_stop, train_run

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without a C compiler")

U = 2**-7 + 2**-16
OF_FLOAT32 = 2**-24
IN_BFLOAT16 = [4] if native.has_bfloat16() else []
BUILDS: list[tuple[ChosenPrecision, int]] = [
    *(("float32", level) for level in native.BUILDS if native.can_run(level)),
    *(("bfloat16", level) for level in IN_BFLOAT16),
]
in_every_build = pytest.mark.parametrize(("precision", "level"), BUILDS)
in_every_precision = pytest.mark.parametrize("precision", ["float32", "bfloat16"][: 1 + len(IN_BFLOAT16)])


def draw(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(math.prod(shape))
    return torch.randn(*shape, generator=generator)


def rounded(x: Tensor, precision: ChosenPrecision) -> Tensor:
    return x.bfloat16().float() if precision == "bfloat16" else x


def use_build(monkeypatch: pytest.MonkeyPatch, level: int) -> ctypes.CDLL:
    lib = native.open_build(level)
    assert lib is not None
    use_native_products(monkeypatch, lib)
    return lib


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, 1), (3, 5, 7), (31, 67, 37), (97, 2053, 33), (64, 1024, 32), (2, 513, 131)]
)
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@in_every_build
def test_a_product_is_that_of_rounded_values_summed_in_float32(
    precision: ChosenPrecision,
    level: int,
    m: int,
    k: int,
    n: int,
    a_transposed: bool,
    b_transposed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_build(monkeypatch, level)
    a = draw(k, m).t() if a_transposed else draw(m, k)
    b = draw(n, k).t() if b_transposed else draw(k, n)
    bias = draw(n)
    result = product(a, b, bias, precision=precision).double()
    sizes = a.double().abs() @ b.double().abs() + bias.double().abs()
    summed = rounded(a, precision).double() @ rounded(b, precision).double() + bias
    assert torch.all((result - summed).abs() <= (k + 2) * OF_FLOAT32 * 1.01 * sizes)
    u = U if precision == "bfloat16" else 0.0
    assert torch.all((result - a.double() @ b.double() - bias).abs() <= (u + (k + 2) * OF_FLOAT32) * sizes)


@in_every_build
def test_a_product_reads_a_part_of_a_matrix_and_writes_to_one(
    precision: ChosenPrecision, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_build(monkeypatch, level)
    whole, b, out = draw(11, 13), draw(5, 7), torch.full((22, 7), 3.0)
    product(whole[:, 3:8], b, precision=precision, out=out[5:16])
    expected = rounded(whole[:, 3:8], precision) @ rounded(b, precision)
    torch.testing.assert_close(out[5:16], expected)
    assert (out[:5] == 3).all()
    assert (out[16:] == 3).all()


@pytest.mark.parametrize("transposed", [False, True])
@in_every_build
def test_a_product_has_the_same_bits_for_any_number_of_threads(
    precision: ChosenPrecision, level: int, transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_build(monkeypatch, level)
    a, b = draw(1033, 131).t() if transposed else draw(131, 1033), draw(1033, 67)
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3, 1):
        torch.set_num_threads(threads)
        results.append(product(a, b, precision=precision))
    torch.set_num_threads(before)
    assert all(torch.equal(result, results[0]) for result in results)


@in_every_build
def test_products_keep_nan_and_infinity(
    precision: ChosenPrecision, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_build(monkeypatch, level)
    a = torch.tensor([[1.0, math.nan, 2.0], [math.inf, 1.0, 1.0], [1.0, 1.0, 3e38]])
    result = product(a, torch.ones(3, 2), precision=precision)
    assert result[0].isnan().all()
    assert (result[1] == math.inf).all()
    assert result[2].isfinite().all()
    b = torch.ones(3, 37)
    b[1, 35], b[2, 36] = 0.0, math.nan
    result = product(a, b, torch.zeros(37), precision=precision)
    assert result[:, 36].isnan().all()
    assert result[0].isnan().all()  # 0 times NaN, too
    assert result[1:, :36].isnan().sum() == 0


@in_every_precision
def test_a_linear_layer_has_the_gradients_of_products(
    precision: ChosenPrecision, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_native_products(monkeypatch)
    x, w, bias = draw(3, 5, 67).requires_grad_(), draw(31, 67).requires_grad_(), draw(31).requires_grad_()
    d = draw(3, 5, 31)
    results = torch.autograd.grad(linear(x, w, bias, precision=precision), (x, w, bias), d)
    flat_x, flat_d = (rounded(part.detach().flatten(0, 1), precision) for part in (x, d))
    torch.testing.assert_close(results[0], (flat_d @ rounded(w, precision)).view_as(x))
    torch.testing.assert_close(results[1], flat_d.t() @ flat_x)
    torch.testing.assert_close(results[2], d.flatten(0, 1).sum(0))


def no_native_product(*_: Any, **__: Any) -> Tensor:
    raise AssertionError("a native product")


@pytest.mark.parametrize(
    ("sizes", "fast", "native_one"),
    [
        ((128, 128, 128), True, True),
        ((128, 128, 128), False, False),
        ((64, 64, 64), True, False),
        ((8, 1024, 1024), True, False),
        ((1024, 1024, 8), True, False),
        ((1024, 8, 1024), True, True),
    ],
)
def test_large_products_in_float32_are_native_where_they_are_faster(
    sizes: tuple[int, int, int], fast: bool, native_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    m, k, n = sizes
    monkeypatch.setattr(products, "products_are_fast", lambda: fast)
    monkeypatch.setattr(products, "native_product", no_native_product)
    a, b, bias = draw(m, k), draw(k, n), draw(n)
    if native_one:
        with pytest.raises(AssertionError, match="a native product"):
            product(a, b, bias, precision="float32")
        return
    assert torch.equal(product(a, b, bias, precision="float32"), torch.addmm(bias, a, b))
    out = torch.zeros(m, n)
    assert torch.equal(product(a, b, precision="float32", out=out), torch.mm(a, b))
    assert torch.equal(out, torch.mm(a, b))


@pytest.mark.skipif(not native.has_bfloat16(), reason="no AVX512-BF16")
def test_products_in_bfloat16_are_native_however_small() -> None:
    a, b = draw(3, 5), draw(5, 7)
    expected = native_product(a, b, precision="bfloat16")
    assert torch.equal(product(a, b, precision="bfloat16"), expected)
    assert not torch.equal(expected, a @ b)


PLAN: dict[str, Any] = {"cell": "gru", "hidden_size": 13, "layers": 2, "batch_size": 5, "epochs": 1}
PLAN |= {"sequence_length": 7, "validation": 0.1, "precision": "float32"}


def test_kernel_torch_uses_no_native_product(monkeypatch: pytest.MonkeyPatch) -> None:
    use_native_products(monkeypatch)
    monkeypatch.setattr(products, "native_product", no_native_product)
    train_run((STREAM,), stop=never_stop, kernel="torch", **PLAN)
    with pytest.raises(AssertionError, match="a native product"):
        train_run((STREAM,), stop=never_stop, kernel="native", **PLAN)


def test_training_with_native_products_gives_the_loss_of_that_with_those_of_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "products_are_fast", lambda: False)
    *_, of_torch = train_run((STREAM,), stop=never_stop, **PLAN)
    use_native_products(monkeypatch)
    *_, end = train_run((STREAM,), stop=never_stop, **PLAN)
    assert isinstance(end, End)
    assert isinstance(of_torch, End)
    assert end.loss == pytest.approx(of_torch.loss, rel=1e-4)
