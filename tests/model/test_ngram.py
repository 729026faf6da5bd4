"""The n-gram model against a reference in plain Python, and its native kernels against NumPy."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from charseq.model import ngram, ngram_counting
from charseq.model.ngram import NgramModel
from charseq.model.ngram_counting import SMALLEST_DISCOUNT, USUAL_DISCOUNTS, count_ngrams
from charseq.native import library
from charseq.text.sequences import Sequences

V = 7
START = -1
"""Precedes the first symbol of a sequence."""

Gram = tuple[int, ...]


def pieces(seed: int, *lengths: int, symbols: int = V - 1) -> list[np.ndarray[Any, Any]]:
    """Return random sequences in which some n-grams are frequent; the last symbol of V never occurs."""
    random = np.random.default_rng(seed)
    p = 1 / (1 + np.arange(symbols))
    return [random.choice(symbols, length, p=p / p.sum()).astype(np.uint8) for length in lengths]


def named_lines(seed: int, count: int) -> list[np.ndarray[Any, Any]]:
    """Return lines: symbol 0, some others, symbol 0."""
    random = np.random.default_rng(seed)
    return [
        np.array([0, *random.integers(1, V - 1, random.integers(1, 6)), 0], np.uint8) for _ in range(count)
    ]


class Reference:
    """Interpolated, modified Kneser-Ney of one order, in dictionaries."""

    def __init__(self, texts: Sequence[Any], order: int, *, lines: bool) -> None:
        self.order = order
        occurrences: Counter[Gram] = Counter()
        preceding: dict[Gram, set[int]] = defaultdict(set)
        for text in texts:
            symbols = [int(symbol) for symbol in text]
            for first in range(len(symbols)):
                for last in range(first + 1, min(first + order, len(symbols)) + 1):
                    gram = tuple(symbols[first:last])
                    occurrences[gram] += 1
                    if first or not lines:
                        preceding[gram].add(symbols[first - 1] if first else START)
        counts: dict[Gram, int] = {}
        for gram, count in occurrences.items():
            at_start_of_line = lines and len(gram) > 1 and gram[0] == 0
            counts[gram] = count if len(gram) == order or at_start_of_line else len(preceding[gram])
        self.followers: dict[Gram, dict[int, int]] = defaultdict(dict)
        for gram, count in counts.items():
            self.followers[gram[:-1]][gram[-1]] = count
        self.discounts = [
            self._discounts([c for g, c in counts.items() if len(g) == n + 1]) for n in range(order)
        ]

    @staticmethod
    def _discounts(counts: list[int]) -> list[float]:
        n1, n2, n3, n4 = (counts.count(c) for c in (1, 2, 3, 4))
        if not n1 * n2 * n3 * n4:
            return [*USUAL_DISCOUNTS]
        y = n1 / (n1 + 2 * n2)
        found = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return [min(max(d, SMALLEST_DISCOUNT), limit) for d, limit in zip(found, (1, 2, 3), strict=True)]

    def p(self, context: Gram, symbol: int) -> float:
        """Return the probability of a symbol after a context of fewer symbols than the order."""
        lower = self.p(context[1:], symbol) if context else 1 / V
        followers = self.followers.get(context)
        if not followers:
            return lower
        discounts, total = self.discounts[len(context)], sum(followers.values())
        taken = sum(min(discounts[min(count, 3) - 1], count) for count in followers.values())
        count = followers.get(symbol, 0)
        own = max(count - discounts[min(count, 3) - 1], 0.0) if count else 0.0
        return own / total + taken / total * lower


@pytest.fixture(params=[True, False], ids=["native", "numpy"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a test with the native kernels, and with NumPy."""
    if request.param and library() is None:
        pytest.skip("the native kernels are not built")
    if not request.param:
        monkeypatch.setattr(ngram, "library", lambda: None)
        monkeypatch.setattr(ngram_counting, "library", lambda: None)
    return bool(request.param)


def model_of(texts: Sequence[Any], order: int, *, lines: bool = False) -> NgramModel:
    return count_ngrams(Sequences.of(texts), order, V, lines=lines).model(order)


TEXTS = {
    "running text": (pieces(3, 601), False),
    "several pieces": (pieces(5, 211, 2, 97, 307), False),
    "lines": (named_lines(7, 83), True),
    "a constant": ([np.full(31, 2, np.uint8)], False),
    "shorter than the order": ([np.array([1, 2, 3], np.uint8)], False),
}


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", TEXTS)
def test_probabilities_are_those_of_the_reference(kernels: bool, kind: str, order: int) -> None:
    texts, lines = TEXTS[kind]
    model = model_of(texts, order, lines=lines)
    reference = Reference(texts, model.order, lines=lines)
    read = np.concatenate([texts[0][:41], pieces(11, 29)[0]]).astype(np.int64)
    q, depths = model.read(read[:, None], model.start(1))
    for t in range(len(read)):
        context = tuple(read[max(0, t + 2 - model.order) : t + 1].tolist()) if model.order > 1 else ()
        expected = [reference.p(context, symbol) for symbol in range(V)]
        assert q[t, 0].tolist() == pytest.approx(expected, abs=2e-6, rel=1e-4)
        known = [n for n in range(len(context) + 1) if reference.followers.get(context[len(context) - n :])]
        assert depths[t, 0] == max(known, default=0)


@pytest.mark.parametrize("kind", TEXTS)
def test_probabilities_sum_to_1_and_are_above_0(kernels: bool, kind: str) -> None:
    texts, lines = TEXTS[kind]
    model = model_of(texts, 4, lines=lines)
    ids = np.stack(pieces(13, 53, 53, 53, symbols=V), 1).astype(np.int64)
    q, _ = model.read(ids, model.start(3))
    assert q.sum(-1).ravel().tolist() == pytest.approx([1.0] * (53 * 3), abs=1e-5)
    assert (q > 0).all()


def test_rows_are_read_like_each_alone_and_step_by_step_like_at_once(kernels: bool) -> None:
    model = model_of(pieces(17, 503), 4)
    ids = np.stack(pieces(19, 37, 37, 37, 37, 37), 1).astype(np.int64)
    contexts = model.start(5)
    at_once, depths = model.read(ids, contexts)
    stepwise = model.start(5)
    for t, symbols in enumerate(ids):
        q, depth = model.read(symbols[None], stepwise)
        assert (q[0] == at_once[t]).all()
        assert (depth[0] == depths[t]).all()
    assert (stepwise == contexts).all()
    for row in range(5):
        alone, _ = model.read(ids[:, row, None], model.start(1))
        assert (alone[:, 0] == at_once[:, row]).all()


def test_advance_leaves_the_contexts_that_read_leaves(kernels: bool) -> None:
    model = model_of(pieces(23, 401), 3)
    ids = np.stack(pieces(29, 31, 31), 1).astype(np.int64)
    read, advanced = model.start(2), model.start(2)
    model.read(ids, read)
    model.advance(ids, advanced)
    assert (read == advanced).all()
    model.advance(ids[:0], advanced)
    assert (read == advanced).all()


def test_native_kernels_give_what_numpy_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    if library() is None:
        pytest.skip("the native kernels are not built")
    ids = np.stack(pieces(31, 43, 43), 1).astype(np.int64)
    found = []
    for _ in range(2):
        model = model_of(pieces(37, 701, 5), 5)
        found.append((model, *model.read(ids, model.start(2))))
        monkeypatch.setattr(ngram, "library", lambda: None)
        monkeypatch.setattr(ngram_counting, "library", lambda: None)
    (native, q, depths), (plain, q_plain, depths_plain) = found
    assert native.native is not None
    assert plain.native is None
    for field in ("symbols", "counts", "children", "discounts"):
        assert (getattr(native, field) == getattr(plain, field)).all()
    np.testing.assert_allclose(q, q_plain, rtol=1e-5)
    assert (depths == depths_plain).all()


def test_the_loss_is_the_mean_over_all_symbols_but_the_first(
    kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(pieces(41, 307), 3)
    texts = pieces(43, 19, 2, 31)
    total = 0.0
    for text in texts:
        q, _ = model.read(text[:-1, None].astype(np.int64), model.start(1))
        total -= sum(math.log(q[t, 0, symbol]) for t, symbol in enumerate(text[1:].tolist()))
    assert model.loss(Sequences.of(texts)) == pytest.approx(total / (18 + 1 + 30), rel=1e-5)


def test_dense_probabilities_are_computed_in_parts_of_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram, "library", lambda: None)
    model = model_of(pieces(47, 307), 3)
    ids = np.stack(pieces(53, 23, 23), 1).astype(np.int64)
    whole, _ = model.read(ids, model.start(2))
    monkeypatch.setattr(ngram, "DENSE_AT_ONCE", 5 * V)
    parts, _ = model.read(ids, model.start(2))
    assert (whole == parts).all()
