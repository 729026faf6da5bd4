"""Products of rows with a matrix over NumPy, in which no row's result depends on the other rows.

The last digits of one product with all rows differ with the number of rows, and with the position of a row.
So each row is multiplied by itself, unless OpenBLAS computes small products without these differences: its
kernels for AVX-512 do, and are several times as fast for many rows.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from charseq.model.numpy_ops import Floats

BLOCK_ROWS = 8
"""The number of rows in one small product.  4 and 16 were measured to be at most 10 % faster."""
PIECE_COLUMNS = 64
"""The number of columns in one small product; of 16 to 128, the fastest for one row and for 64."""
SMALL_PRODUCT = 10**6
"""The number of multiplications up to which OpenBLAS uses its kernels for small products."""
CACHED_MATRIX = 1 << 18
"""The largest size of a matrix of float32 that stays in the cache of one core.

One row times a larger matrix is faster with the gemv of OpenBLAS, which divides the matrix among cores, and
with the transpose in Fortran order.
"""
NARROW = 128
"""The number of columns below which the gemv of OpenBLAS is faster with the transpose in Fortran order."""


def rowwise(w: Mapping[str, Floats], *, looked_up: tuple[str, ...] = ()) -> dict[str, Floats]:
    """Return parameters for the step over NumPy, which multiplies rows by the transposes of matrices.

    `looked_up` names the matrices of which the step looks up columns.
    """
    return {
        name: RowwiseMatrix.of(array, columns=name in looked_up) if array.ndim == 2 else array
        for name, array in w.items()
    }


class RowwiseMatrix(np.ndarray[Any, np.dtype[np.float32]]):
    """A constant matrix [N K]; each row of `x @ matrix.T` has the same bits whatever the other rows are."""

    _transpose: "RowwiseMatrix | None" = None
    _small_products: "_SmallProducts | None" = None
    _is_examined = False

    @classmethod
    def of(cls, array: Floats, *, columns: bool) -> "RowwiseMatrix":
        """Return a matrix in the order that is faster, for products or for a look-up of columns."""
        is_fortran = columns or (len(array) >= NARROW and array.size <= CACHED_MATRIX)
        return np.asarray(array, order="F" if is_fortran else "C").view(cls)

    @property
    def T(self) -> "RowwiseMatrix":  # noqa: N802
        """The transpose, which remembers how it is multiplied."""
        if self._transpose is None:
            self._transpose = self.transpose()
        return self._transpose

    def __rmatmul__(self, x: Floats) -> Floats:  # type: ignore[override, misc]
        if not self._is_examined:
            self._small_products, self._is_examined = _SmallProducts.of(np.asarray(self)), True
        if self._small_products and x.dtype == np.float32:
            if x.ndim == 2:
                return self._small_products(x)
            return self._small_products(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)
        x = np.ascontiguousarray(x)  # a row with gaps is summed in another order
        return np.asarray(np.matmul(x[..., None, :], np.asarray(self))[..., 0, :])


class _SmallProducts:
    """The product with a matrix [K N], composed of products of 2 to 8 rows with 64 columns."""

    def __init__(self, matrix: Floats) -> None:
        size, self._columns = matrix.shape
        pieces = -(-self._columns // PIECE_COLUMNS)
        padded = np.zeros((size, pieces * PIECE_COLUMNS), matrix.dtype)
        padded[:, : self._columns] = matrix
        self._pieces = np.ascontiguousarray(padded.reshape(size, pieces, PIECE_COLUMNS).swapaxes(0, 1))

    @classmethod
    def of(cls, matrix: Floats) -> "_SmallProducts | None":
        """Return the products of a matrix; None if they are slow or if results would depend on other rows."""
        size, columns = matrix.shape
        is_small = BLOCK_ROWS * PIECE_COLUMNS * size <= SMALL_PRODUCT and matrix.size <= CACHED_MATRIX
        if not (is_small and 2 * columns > PIECE_COLUMNS and matrix.dtype == np.float32 and _has_avx512()):
            return None
        products = cls(matrix)
        return products if products.are_independent() else None

    def are_independent(self) -> bool:
        """Return whether equal rows have equal results at every position in a product of any size.

        The order of the sums depends only on sizes and positions, so random numbers show whether it differs.
        """
        row = np.random.default_rng(0).standard_normal((1, self._pieces.shape[1]), np.float32)
        expected = self(row)
        return all((self(row.repeat(rows, 0)) == expected).all() for rows in range(2, BLOCK_ROWS + 1))

    def __call__(self, x: Floats) -> Floats:
        """Multiply rows x [B K] -> [B N].

        A product with a single row would use another kernel, so its neighbor or its copy joins it.
        """
        rows, size = x.shape
        if rows == 1:
            product: Floats = np.matmul(np.concatenate((x, x)), self._pieces)[:, 0]
            return product.reshape(1, -1)[:, : self._columns]
        x = np.ascontiguousarray(x)
        out = np.empty((rows, len(self._pieces), PIECE_COLUMNS), x.dtype)
        whole = rows - rows % BLOCK_ROWS
        if whole:
            blocks = out[:whole].reshape(-1, BLOCK_ROWS, *out.shape[1:]).transpose(2, 0, 1, 3)
            np.matmul(x[:whole].reshape(1, -1, BLOCK_ROWS, size), self._pieces[:, None], out=blocks)
        if whole < rows:
            start = min(whole, rows - 2)
            np.matmul(x[start:], self._pieces, out=out[start:].swapaxes(0, 1))
        return out.reshape(rows, -1)[:, : self._columns]


@functools.cache
def _has_avx512() -> bool:
    features = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return any(feature == "X86_V4" or feature.startswith("AVX512") for feature in features)
