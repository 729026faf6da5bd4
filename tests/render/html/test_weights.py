"""Rounded weights: their types, their errors, and the same values in Python and in the browser."""

import base64
from pathlib import Path

import numpy as np
import pytest

from charseq.render.html.weights import WeightType, encoded
from tests.support.browser import Page
from tests.support.model_pages import opened
from tests.support.models import gru_model

random = np.random.default_rng(11)
ARRAYS = {
    "layers.0.W_x": random.normal(0, 3, (7, 13)).astype(np.float32),
    "layers.0.start.C": random.normal(0, 1, (3, 5)).astype(np.float32),
    "layers.0.b_x": random.normal(0, 1, 7).astype(np.float32),
    "head.W": (random.normal(0, 1, (5, 11)) * 10.0 ** random.integers(-9, 4, (5, 1))).astype(np.float32),
    "zeros.W": np.zeros((3, 5), np.float32),
}
LARGE = np.array([[1, 65505, -3], [0, 2, 3e38]], np.float32)


def test_float32_is_exact() -> None:
    weights = encoded(ARRAYS, list(ARRAYS), "float32")
    assert len(weights.data) == 4 * sum(array.size for array in ARRAYS.values())
    assert all((weights.decoded[name] == array).all() for name, array in ARRAYS.items())


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_matrices_are_rounded_and_vectors_and_states_are_exact(kind: WeightType) -> None:
    weights = encoded(ARRAYS, list(ARRAYS), kind)
    types = {name: found for name, _, found in weights.parameters}
    assert types == {name: "float32" if "start" in name or "b_x" in name else kind for name in ARRAYS}
    for name, array in ARRAYS.items():
        largest = np.abs(array).max(-1, keepdims=True)
        error = np.abs(weights.decoded[name] - array)
        if types[name] == "float32":
            assert error.max() == 0
        elif kind == "float16":
            assert (error <= np.maximum(np.abs(array) * 2.0**-11, 2.0**-25)).all()
        else:
            assert (error <= largest / 254 * 1.0001).all()


def test_a_matrix_beyond_the_range_of_float16_stays_float32() -> None:
    arrays = {"head.W": LARGE, "layers.0.W_x": ARRAYS["layers.0.W_x"]}
    weights = encoded(arrays, list(arrays), "float16")
    assert weights.exact == ("head.W",)
    assert (weights.decoded["head.W"] == LARGE).all()


def test_int8_scales_every_row_by_its_largest_value() -> None:
    weights = encoded({"head.W": LARGE}, ["head.W"], "int8")
    assert weights.decoded["head.W"][:, [1, 2]][[0, 1], [0, 1]] == pytest.approx([65505, 3e38])
    assert np.isfinite(weights.decoded["head.W"]).all()
    assert len(weights.data) == 2 * (4 + 3)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_the_browser_decodes_the_same_values(web_page: Page, tmp_path: Path, kind: WeightType) -> None:
    weights = encoded(ARRAYS, list(ARRAYS), kind)
    opened(web_page, gru_model(), tmp_path / "page.html")
    script = (
        "const found = charseqPage.parameters(arguments[0], charseqPage.bytes(arguments[1]));"
        "const values = ([name, p]) => [name, [...(p.rows ? p.values : p)]];"
        "return Object.fromEntries(Object.entries(found).map(values))"
    )
    found = web_page.run(script, weights.parameters, base64.b64encode(weights.data).decode())
    for name, array in weights.decoded.items():
        assert (np.array(found[name], np.float32) == array.ravel()).all(), name
