"""Counting n-grams of any text: native and NumPy alike, rare ones removed, the order chosen."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from charseq.model import ngram_counting
from charseq.model.ngram_counting import Counted, count_ngrams, sampled
from charseq.model.ngram_order import choose_order
from charseq.native import library
from charseq.text.sequences import Sequences

TEXTS: dict[str, tuple[list[Any], int]] = {
    "small": ([np.random.default_rng(1).integers(0, 5, 997).astype(np.uint8)], 5),
    "pieces": ([np.random.default_rng(n).integers(0, 11, 61).astype(np.uint8) for n in range(7)], 11),
    "300 symbols": ([np.random.default_rng(2).integers(0, 300, 1999).astype(np.uint16)], 300),
    "70,000 symbols": ([np.random.default_rng(3).integers(0, 70_000, 1999).astype(np.uint32)], 70_000),
    "constant": ([np.zeros(499, np.uint8)], 1),
    "two symbols": ([np.array([1, 0], np.uint8)], 2),
}


def counted(kind: str, length: int = 6) -> Counted:
    texts, size = TEXTS[kind]
    return count_ngrams(Sequences.of(texts), length, size, lines=False)


@pytest.mark.parametrize("kind", TEXTS)
def test_every_ngram_is_counted(kind: str) -> None:
    texts, _ = TEXTS[kind]
    levels = counted(kind).levels
    assert len(levels) == min(6, max(map(len, texts)))
    grams: list[tuple[int, ...]] = [()]
    for length, level in enumerate(levels, 1):
        symbols, parents = level.symbols.tolist(), level.parents.tolist()
        grams = [(*grams[parent], symbol) for parent, symbol in zip(parents, symbols, strict=True)]
        expected = Counter(
            tuple(text[first : first + length].tolist())
            for text in texts
            for first in range(len(text) + 1 - length)
        )
        assert grams == sorted(expected)
        assert level.occurrences.tolist() == [expected[gram] for gram in grams]


@pytest.mark.parametrize("kind", TEXTS)
def test_native_kernels_count_what_numpy_counts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library() is None:
        pytest.skip("the native kernels are not built")
    native = counted(kind)
    monkeypatch.setattr(ngram_counting, "library", lambda: None)
    for ours, plain in zip(native.levels, counted(kind).levels, strict=True):
        for a, b in zip(ours[:4], plain[:4], strict=True):
            np.testing.assert_array_equal(a, b)


def test_rare_ngrams_are_removed_from_a_model_that_would_be_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = counted("small").model(6)
    monkeypatch.setattr(ngram_counting, "MAX_NGRAMS", 400)
    small = counted("small").model(6)
    assert small.size <= 400 < whole.size
    assert small.level_sizes[:3] == whole.level_sizes[:3]  # short ones are kept
    assert small.totals is not None
    assert (small.totals >= small.sums).all()
    ids = np.random.default_rng(5).integers(0, 5, (101, 3))
    (q, _), (q_whole, _) = small.read(ids, small.start(3)), whole.read(ids, whole.start(3))
    assert q.sum(-1).ravel().tolist() == pytest.approx([1.0] * 303, abs=1e-5)
    assert (q != q_whole).any()
    for symbols in ids.T:  # a context that is kept has all of its shorter forms
        contexts = small.start(1)
        small.read(symbols[:, None], contexts)
        known = contexts[0] >= 0
        assert not (known[1:] & ~known[:-1]).any()


def test_of_a_large_text_evenly_spaced_pieces_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_counting, "COUNTED_PIECE", 10)
    text = Sequences.of([np.repeat(np.arange(10), 100).astype(np.uint8)])
    assert sampled(text, 999) is text
    part = sampled(text, 200)
    assert part.total <= 200
    assert set(part.targets().tolist()) == set(range(10))
    levels = count_ngrams(text, 2, 10, lines=False, most=200).levels
    assert 200 <= int(levels[0].occurrences.sum()) <= 230


def test_the_order_is_high_for_text_that_repeats_itself_and_low_for_random_digits() -> None:
    random = np.random.default_rng(7)
    sentence = random.integers(0, 10, 97).astype(np.uint8)
    noise = np.where(random.random(97 * 60) < 0.02, random.integers(0, 10, 97 * 60), np.tile(sentence, 60))
    repeated = choose_order(Sequences.of([noise.astype(np.uint8)]), 10, lines=False)
    digits = choose_order(Sequences.of([random.integers(0, 10, 5003).astype(np.uint8)]), 10, lines=False)
    assert digits.order == 2
    assert repeated.order > 2
    assert repeated.loss < 1 < digits.loss


@pytest.mark.parametrize("length", [101, 211])
def test_an_order_is_chosen_for_a_short_text(length: int) -> None:
    text = Sequences.of([np.resize(np.array([0, 1, 1], np.uint8), length)])
    assert choose_order(text, 2, lines=False).order >= 2
