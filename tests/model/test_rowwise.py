"""A row's product with a matrix is bit for bit the same alone, among other rows and at any position."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from charseq.model.numpy_ops import Floats
from charseq.model.rowwise import CACHED_MATRIX, RowwiseMatrix, _has_avx512, _SmallProducts, rowwise

SHAPES = [(65, 128), (97, 31), (192, 64), (128, 13), (384, 257), (2, 29), (1031, 509)]
"""Columns and rows of the transpose; the last one is too large for small products."""
MOST_ROWS = 27
every_shape = pytest.mark.parametrize("shape", SHAPES)


def matrix_of(shape: tuple[int, int], *, columns: bool = False) -> RowwiseMatrix:
    array = np.random.default_rng(1).standard_normal(shape, np.float32)
    return RowwiseMatrix.of(array, columns=columns)


def rows_of(size: int, count: int = MOST_ROWS) -> Floats:
    return np.random.default_rng(2).standard_normal((count, size), np.float32)


def at_offset(x: Floats, offset: int) -> Floats:
    """Return a copy that begins `offset` numbers after the start of its memory."""
    copied = np.empty(x.size + offset, x.dtype)[offset:].reshape(x.shape)
    copied[:] = x
    return copied


def require_equal_rows(shape: tuple[int, int]) -> None:
    """Compare each row alone with the same row among 1 to 27 rows, at other positions and alignments."""
    matrix, x = matrix_of(shape).T, rows_of(shape[1])
    alone = np.concatenate([x[row : row + 1] @ matrix for row in range(len(x))])
    np.testing.assert_allclose(alone, x @ np.asarray(matrix), atol=2e-4)
    for count in range(1, MOST_ROWS + 1):
        assert np.array_equal(x[:count] @ matrix, alone[:count])
        assert np.array_equal(at_offset(x[-count:], count) @ matrix, alone[-count:])
        assert np.array_equal(np.roll(x, count, 0) @ matrix, np.roll(alone, count, 0))
    assert np.array_equal(np.asfortranarray(x) @ matrix, alone)
    assert np.array_equal(x[::-2] @ matrix, alone[::-2])
    assert np.array_equal(x.reshape(3, 9, -1) @ matrix, alone.reshape(3, 9, -1))
    assert np.array_equal(x[0] @ matrix, alone[0])


@every_shape
def test_a_row_has_the_same_product_among_any_rows(shape: tuple[int, int]) -> None:
    require_equal_rows(shape)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or not _has_avx512(), reason="no AVX-512")
def test_a_row_has_the_same_product_among_any_rows_with_the_kernels_for_avx_512() -> None:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if blas != "scipy-openblas":
        pytest.skip(f"NumPy multiplies with {blas}")
    program = (
        "from tests.model.test_rowwise import *\n"
        "from tests.model.test_rowwise import _SmallProducts\n"
        "for shape in SHAPES: require_equal_rows(shape)\n"
        "used = [_SmallProducts.of(np.asarray(matrix_of(shape).T)) is not None for shape in SHAPES]\n"
        "assert used == [True] * 5 + [False] * 2, used"
    )
    environment = {**os.environ, "OPENBLAS_CORETYPE": "SkylakeX"}
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=root, timeout=60)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 15, 16, 17, 64])
@pytest.mark.parametrize("shape", SHAPES[:5])
def test_small_products_are_the_product(shape: tuple[int, int], rows: int) -> None:
    matrix, x = np.asarray(matrix_of(shape)).T, rows_of(shape[1], rows)
    product = _SmallProducts(matrix)(x)
    assert product.shape == (rows, shape[0])
    np.testing.assert_allclose(product, x @ matrix, atol=1e-4)


@pytest.mark.parametrize("rows", [2, 5, 8])
def test_products_that_depend_on_the_number_of_rows_are_not_used(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def product(x: Floats) -> Floats:
        """Return a product whose last digit differs in one of several rows."""
        result: Floats = np.repeat(x[:1] @ matrix, len(x), 0)
        if len(x) == rows:
            result[-1, -1] = np.nextafter(result[-1, -1], np.float32(9))
        return result

    matrix = np.asarray(matrix_of((65, 128))).T
    monkeypatch.setattr("charseq.model.rowwise._has_avx512", lambda: True)
    monkeypatch.setattr(_SmallProducts, "__call__", lambda _, x: product(x))
    assert _SmallProducts.of(matrix) is None
    rows = 0
    assert _SmallProducts.of(matrix) is not None


def test_one_row_times_a_large_matrix_is_left_to_gemv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.model.rowwise._has_avx512", lambda: True)
    monkeypatch.setattr(_SmallProducts, "are_independent", lambda _: True)
    assert _SmallProducts.of(np.zeros((256, CACHED_MATRIX // 256), np.float32)) is not None
    assert _SmallProducts.of(np.zeros((256, CACHED_MATRIX // 256 + 1), np.float32)) is None


def test_matrices_of_which_columns_are_looked_up_are_in_fortran_order() -> None:
    w = {"W_x": np.zeros((1031, 509), np.float32), "W_h": np.zeros((1031, 257), np.float32)}
    converted = rowwise({**w, "b": np.zeros(3, np.float32)}, looked_up=("W_x",))
    assert converted["W_x"].flags.f_contiguous
    assert converted["W_h"].flags.c_contiguous
    assert not isinstance(converted["b"], RowwiseMatrix)
