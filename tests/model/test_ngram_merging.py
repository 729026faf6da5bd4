"""Adding the n-grams of a new text gives what counting both texts together gives."""

from typing import Any

import numpy as np
import pytest

from charseq.model import ngram_counting
from charseq.model.ngram import NgramModel
from charseq.model.ngram_counting import count_ngrams
from charseq.model.ngram_merging import merge
from charseq.text.sequences import Sequences

RANDOM = np.random.default_rng(11)
OLD = RANDOM.integers(1, 7, 997).astype(np.uint8)
NEW = RANDOM.integers(1, 11, 499).astype(np.uint8)
ORDER, SIZE = 5, 11


def lines(text: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> list[Any]:
    """Cut a text into lines of 1 to 6 symbols, each between two symbols 0."""
    cuts = np.cumsum(np.random.default_rng(13).integers(1, 7, len(text)))
    parts = np.split(text, cuts[cuts < len(text)])
    return [np.concatenate([[0], part, [0]]).astype(np.uint8) for part in parts]


def counted(*texts: Any, size: int = SIZE, of_lines: bool = False) -> NgramModel:
    return count_ngrams(Sequences.of([*texts]), ORDER, size, lines=of_lines).model(ORDER)


def together(known: NgramModel, *texts: Any, of_lines: bool = False) -> NgramModel:
    new = count_ngrams(Sequences.of([*texts]), known.order, SIZE, lines=of_lines)
    return merge(known, new).model(known.order)


def assert_equal(found: NgramModel, expected: NgramModel) -> None:
    for name in ("symbols", "counts", "children", "discounts"):
        assert (getattr(found, name) == getattr(expected, name)).all(), name
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert (found.totals is None) == (expected.totals is None)


def test_the_counts_are_those_of_both_texts() -> None:
    assert_equal(together(counted(OLD), NEW), counted(OLD, NEW))


def test_the_counts_are_those_of_both_texts_for_lines() -> None:
    old, new = lines(OLD), lines(NEW)
    merged = together(counted(*old, of_lines=True), *new, of_lines=True)
    assert_equal(merged, counted(*old, *new, of_lines=True))


def test_the_vocabulary_may_have_grown() -> None:
    assert_equal(together(counted(OLD, size=7), NEW), counted(OLD, NEW))


def test_texts_without_a_common_symbol_are_counted_side_by_side() -> None:
    new = (NEW % 4 + 7).astype(np.uint8)
    assert_equal(together(counted(OLD, size=7), new), counted(OLD, new))


@pytest.mark.parametrize("length", [2, 3])
def test_a_new_text_may_be_shorter_than_the_order(length: int) -> None:
    assert_equal(together(counted(OLD), NEW[:length]), counted(OLD, NEW[:length]))


def test_ngrams_that_were_removed_before_keep_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_counting, "MAX_NGRAMS", 300)
    known = counted(OLD)
    assert known.totals is not None
    monkeypatch.setattr(ngram_counting, "MAX_NGRAMS", 1 << 22)
    merged = together(known, NEW)
    assert merged.totals is not None
    assert (merged.totals >= merged.sums).all()
    assert merged.totals.sum() > merged.sums.sum()
    q, _ = merged.read(np.arange(SIZE)[None], merged.start(SIZE))
    np.testing.assert_allclose(q.sum(-1), 1, atol=1e-5)


def test_a_merged_model_that_would_be_too_large_lacks_rare_ngrams(monkeypatch: pytest.MonkeyPatch) -> None:
    known = counted(OLD)
    monkeypatch.setattr(ngram_counting, "MAX_NGRAMS", 500)
    merged = together(known, NEW)
    assert merged.size <= 500
    q, _ = merged.read(np.arange(SIZE)[None], merged.start(SIZE))
    np.testing.assert_allclose(q.sum(-1), 1, atol=1e-5)
