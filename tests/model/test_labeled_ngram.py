"""The n-gram model of labeled lines: every context has the label, however far back it is."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from charseq.model import ngram, ngram_counting
from charseq.model.model_file import Model
from charseq.model.ngram import NgramModel
from charseq.model.ngram_counting import count_ngrams
from charseq.native import library
from charseq.text.sequences import Sequences
from tests.support.labeled import labeled_model, labeled_words

A, B, X, Y = 1, 2, 3, 4
"""Two characters, and two labels; 0 is the boundary."""
LINES = [[X, A, B, 0], [X, A, 0], [X, A, A, 0], [Y, B, 0], [Y, B, A, B, 0]]


def model_of(order: int) -> NgramModel:
    lines = Sequences.of([np.array(line, np.uint8) for line in LINES])
    return count_ngrams(lines, order, 5, lines=True, labels=(X, Y)).model(order)


def after(model: NgramModel, *ids: int) -> np.ndarray:
    q, _ = model.read(np.array(ids)[:, None], model.start(1))
    return np.asarray(q[-1, 0], np.float64)


@pytest.fixture(params=[True, False], ids=["native", "numpy"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the native kernels, and with NumPy."""
    if request.param and library() is None:
        pytest.skip("the native kernels are not built")
    if not request.param:
        monkeypatch.setattr(ngram, "library", lambda: None)
        monkeypatch.setattr(ngram_counting, "library", lambda: None)


@pytest.mark.usefixtures("kernels")
def test_the_bigrams_of_a_label_are_the_symbols_of_its_lines() -> None:
    model = model_of(2)
    base = after(replace(model, labels=()), 0)  # symbol 0 is no context
    for label in (X, Y):
        counts = Counter(symbol for line in LINES if line[0] == label for symbol in line)
        counts[label] = 1  # it is never predicted, but no count is 0
        taken = {symbol: model.discounts[1][min(count, 3) - 1] for symbol, count in counts.items()}
        rest = sum(taken.values()) / counts.total()
        expected = [
            (counts[s] - taken[s]) / counts.total() + rest * base[s] if s in counts else rest * base[s]
            for s in range(5)
        ]
        assert after(model, label) == pytest.approx(expected, rel=1e-5)
        assert after(model, label, A, A, B) == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("kernels")
def test_a_label_changes_the_prediction_after_a_context_that_is_longer_than_the_order() -> None:
    model = model_of(3)
    long = [A, B] * 7
    assert np.abs(after(model, X, *long) - after(model, Y, *long)).max() > 0.1
    assert after(model, Y, 0, X, *long) == pytest.approx(after(model, X, *long))


@pytest.mark.usefixtures("kernels")
def test_the_beginning_of_a_line_is_a_context() -> None:
    model = model_of(4)
    assert after(model, X)[A] > after(model, X, A, A)[A]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("order", [1, 2, 3, 5, 7])
def test_probabilities_sum_to_1_and_do_not_depend_on_the_pieces_that_are_read(order: int) -> None:
    model = model_of(order)
    random = np.random.default_rng(order)
    ids = random.integers(0, 5, (23, 3))
    q, depths = model.read(ids, model.start(3))
    assert q.sum(-1) == pytest.approx(np.ones((23, 3)), abs=1e-5)
    contexts = model.start(3)
    parts = [model.read(part, contexts) for part in np.split(ids, [1, 2, 11])]
    assert (np.concatenate([part for part, _ in parts]) == q).all()
    assert (np.concatenate([part for _, part in parts]) == depths).all()
    skipped = model.start(3)
    model.advance(ids, skipped)
    assert (skipped == contexts).all()


def test_native_kernels_and_numpy_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    if library() is None:
        pytest.skip("the native kernels are not built")
    fast: Model = labeled_model(5)
    assert fast.mixture is not None
    model = fast.mixture.ngram
    ids = np.random.default_rng(2).integers(0, model.vocabulary_size, (41, 7))
    q, depths = model.read(ids, model.start(7))
    monkeypatch.setattr(ngram, "library", lambda: None)
    slow = replace(model)
    q_slow, depths_slow = slow.read(ids, slow.start(7))
    assert q_slow == pytest.approx(q, abs=1e-6)
    assert (depths_slow == depths).all()


def test_the_rarest_label_has_n_grams_of_its_own() -> None:
    model = labeled_model(3)
    assert model.mixture is not None
    for label, word in labeled_words(17, seed=5):
        start = model.vocabulary.label_id(label)
        q = after(model.mixture.ngram, start, *model.vocabulary.encode(word).tolist())
        known = {*model.vocabulary.encode({"one": "abcd", "two": "cdef", "a": "aeg"}[label]).tolist(), 0}
        assert set(np.argsort(-q)[:3].tolist()) <= known
