"""The model in the page predicts what `charseq predict` does: n-grams, labels, windows, rounded weights."""

import string
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.inference.sampling import without_labels
from charseq.model.model_file import Model
from charseq.model.numpy_ops import log_softmax
from charseq.model.sliding_stepper import reader_for
from charseq.render.html.weights import WeightType, encoded
from tests.support.browser import Page
from tests.support.labeled import labeled_words
from tests.support.model_pages import data_of, mixed_model, opened
from tests.support.models import gru_model
from tests.support.reported import STREAM

SCRIPT = """
const [data, ids] = arguments, page = charseqPage;
const reader = new page.Reader(data.network, data.vocabulary);
return ids.map((id) => (reader.read(id), Array.from(reader.probabilities)));
"""
WORDS = labeled_words(211, seed=3)


@pytest.fixture(scope="module")
def blank(web_page: Page, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Return the browser with a page whose functions the tests call."""
    return opened(web_page, gru_model(), tmp_path_factory.mktemp("blank") / "page.html")


def expected(model: Model, ids: list[int]) -> Any:
    """Return the probabilities of the next symbol after every one [T V], as `predict` computes them."""
    reader = reader_for(model)
    logits = [without_labels(model.vocabulary, reader.read(np.array([id]))).copy() for id in ids]
    return np.exp(log_softmax(np.concatenate(logits).astype(np.float64)))


def assert_same(page: Page, model: Model, ids: list[int], tolerance: float = 1e-4) -> None:
    found = np.array(page.run(SCRIPT, data_of(model), ids))
    right = expected(model, ids)
    np.testing.assert_allclose(found, right, rtol=0, atol=tolerance)
    assert np.abs(right - right.mean(0)).max() > 10 * tolerance


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_mixture_predicts_what_predict_does(blank: Page, cell: str, order: int) -> None:
    model = mixed_model([STREAM], cell, order=order)
    assert model.mixture is not None
    ids = model.vocabulary.encode(STREAM[:149]).tolist() + [3, 1, 0, 2, 7, 5, 9] * 5
    assert_same(blank, model, ids)


def test_counts_above_255_and_removed_ngrams_are_read(blank: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.model.ngram_counting.MAX_NGRAMS", 400)
    model = mixed_model([STREAM * 3], order=4)
    assert model.mixture is not None
    assert model.mixture.ngram.counts.max() > 255
    assert model.mixture.ngram.totals is not None
    assert_same(blank, model, model.vocabulary.encode(STREAM[:211]).tolist())


def test_more_than_256_symbols_are_read(blank: Page) -> None:
    text = "".join(chr(0x4E00 + i * i % 307) for i in range(1009))
    model = mixed_model([text])
    assert len(model.vocabulary) < 256  # squares
    model = mixed_model([text + "".join(map(chr, range(0x5000, 0x5000 + 307)))])
    assert len(model.vocabulary) > 256
    assert_same(blank, model, model.vocabulary.encode(text[:101]).tolist())


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_mixture_of_labeled_lines_predicts_what_predict_does(blank: Page, order: int) -> None:
    labels, words = zip(*WORDS, strict=True)
    model = mixed_model([*words], labels=[*labels], of_lines=True, order=order)
    for label in model.vocabulary.labels:
        ids = [label, *model.vocabulary.encode("cdefc").tolist()]
        assert_same(blank, model, ids)
        assert (expected(model, ids)[:, list(model.vocabulary.labels)] == 0).all()


def test_a_mixture_of_lines_predicts_what_predict_does(blank: Page) -> None:
    model = mixed_model([word for _, word in WORDS], of_lines=True)
    assert_same(blank, model, [0, *model.vocabulary.encode("abcdeedc").tolist()])


@pytest.mark.parametrize(("length", "stride"), [(5, 1), (7, 3), (4, 4)])
def test_a_model_of_windows_reads_them_as_predict_does(blank: Page, length: int, stride: int) -> None:
    model = replace(
        gru_model(string.ascii_lowercase[:11]),
        training={"settings": {"sequence_length": length, "stride": stride}},
    )
    ids = np.random.default_rng(3).integers(0, 11, 31).tolist()
    assert_same(blank, model, ids)
    carried = expected(replace(model, training={}), ids)
    assert np.abs(carried - expected(model, ids)).max() > 0.01


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_rounded_weights_predict_what_the_rounded_model_does(blank: Page, kind: WeightType) -> None:
    model = gru_model("abcdefghijk")
    weights = encoded(model.arrays, list(model.network.parameter_specs()), kind)
    rounded = replace(model, arrays=weights.decoded)
    ids = np.random.default_rng(5).integers(0, 11, 53).tolist()
    found = np.array(blank.run(SCRIPT, data_of(model, kind), ids))
    np.testing.assert_allclose(found, expected(rounded, ids), rtol=0, atol=1e-5)
    assert np.abs(expected(model, ids) - expected(rounded, ids)).max() > (1e-5 if kind == "float16" else 1e-4)
