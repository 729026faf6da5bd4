"""Native products where PyTorch's would be chosen."""

import ctypes

import pytest

from charseq.training.kernels import products


def use_native_products(monkeypatch: pytest.MonkeyPatch, lib: ctypes.CDLL | None = None) -> None:
    """Compute every product natively, however small and on any processor, with a build if it is given."""
    monkeypatch.setattr(products, "products_are_fast", lambda: True)
    monkeypatch.setattr(products, "FEWEST_MULTIPLICATIONS", 0)
    monkeypatch.setattr(products, "SHORTEST_SIDE", 0)
    if lib is not None:
        monkeypatch.setattr(products, "library", lambda: lib)
