"""Temperature, top-k, top-p and min-p, and the samples that are drawn."""

import numpy as np
import pytest

from charseq.inference.sampling import GumbelNoise, SamplingParams, min_p, sample, temperature, top_k, top_p
from charseq.model.numpy_ops import Floats

PROBABILITIES = (0.5, 0.3, 0.2)


def logits_of(*rows: "tuple[float, ...]") -> Floats:
    return np.log(np.array(rows, np.float32))


def kept(logits: Floats) -> "list[set[int]]":
    """Return the symbols of each row that are not masked."""
    return [set(np.flatnonzero(np.isfinite(row)).tolist()) for row in logits]


def drawn(
    params: SamplingParams, probabilities: "tuple[float, ...]" = PROBABILITIES, draws: int = 60
) -> list[int]:
    """Return consecutive samples from the same probabilities."""
    logits = logits_of(probabilities)
    noise = GumbelNoise([[0]], len(probabilities))
    return [int(sample(logits, params, noise)[0]) for _ in range(draws)]


@pytest.mark.parametrize("value", [0.5, 1.0, 2.0])
def test_temperature_divides_the_logits(value: float) -> None:
    symbols = drawn(SamplingParams(value), draws=5000)
    expected = np.array(PROBABILITIES) ** (1 / value)
    found = np.bincount(symbols, minlength=len(expected)) / len(symbols)
    assert found.tolist() == pytest.approx((expected / expected.sum()).tolist(), abs=0.02)


def test_a_temperature_of_0_adds_no_noise() -> None:
    np.testing.assert_array_equal(temperature(np.ones((1, 3)), 0.0, np.full((1, 3), 9.0)), np.ones((1, 3)))


def test_top_k_keeps_the_k_most_probable_symbols_of_each_row() -> None:
    logits = logits_of((0.1, 0.4, 0.2, 0.3), (0.7, 0.1, 0.05, 0.15))
    assert kept(top_k(logits, 2)) == [{1, 3}, {0, 3}]
    assert top_k(logits, 4) is logits
    assert top_k(logits, 9) is logits


def test_top_k_keeps_the_first_of_equally_probable_symbols() -> None:
    logits = logits_of((0.2, 0.4, 0.2, 0.2), (0.25, 0.25, 0.25, 0.25))
    assert kept(top_k(logits, 2)) == [{0, 1}, {0, 1}]


def test_top_k_keeps_the_allowed_symbols_if_they_are_fewer() -> None:
    assert kept(top_k(np.array([[-np.inf, 1.0, -np.inf, 2.0]], np.float32), 3)) == [{1, 3}]


@pytest.mark.parametrize(("value", "p", "expected"), [(0.5, 0.6, {0}), (2.0, 0.45, {0, 1})])
def test_top_p_uses_the_probabilities_at_the_temperature(value: float, p: float, expected: set[int]) -> None:
    assert kept(top_p(logits_of(PROBABILITIES), p, value)) == [expected]
    assert set(drawn(SamplingParams(value, top_p=p))) == expected


@pytest.mark.parametrize(("p", "expected"), [(0.499, {0}), (0.5, {0}), (0.501, {0, 1})])
def test_top_p_keeps_the_fewest_symbols_that_reach_it(p: float, expected: set[int]) -> None:
    assert kept(top_p(logits_of((0.5, 0.5)), p)) == [expected]
    assert set(drawn(SamplingParams(1.0, top_p=p), (0.5, 0.5))) == expected


@pytest.mark.parametrize(("value", "p", "expected"), [(0.5, 0.5, {0}), (2.0, 0.7, {0, 1})])
def test_min_p_uses_the_probabilities_at_the_temperature(value: float, p: float, expected: set[int]) -> None:
    assert kept(min_p(logits_of(PROBABILITIES), p, value)) == [expected]
    assert set(drawn(SamplingParams(value, min_p=p))) == expected


def test_min_p_keeps_equally_probable_symbols_and_compares_within_a_row() -> None:
    assert set(drawn(SamplingParams(1.0, min_p=1.0), (0.4, 0.4, 0.2))) == {0, 1}
    logits = np.array([[9.0, 5.0, 0.0], [1.0, 0.9, -9.0]], np.float32)
    assert kept(min_p(logits, 0.5)) == [{0}, {0, 1}]


def test_top_k_comes_before_top_p() -> None:
    params = SamplingParams(1.0, top_k=2, top_p=0.6)  # of 0.4, 0.3 and 0.3, the first two are 4/7 and 3/7
    assert set(drawn(params, (0.4, 0.3, 0.3))) == {0, 1}
    assert set(drawn(SamplingParams(1.0, top_k=2, top_p=0.5), (0.4, 0.3, 0.3))) == {0}


def test_top_p_keeps_the_most_probable_symbol_at_the_smallest_temperature() -> None:
    assert set(drawn(SamplingParams(1e-300, top_p=0.9), draws=9)) == {0}


def test_masked_symbols_are_never_drawn() -> None:
    noise = GumbelNoise([[0]], 3)
    allowed = np.array([[False, True, True]])
    symbols = {
        int(sample(logits_of(PROBABILITIES), SamplingParams(1.0), noise, allowed)[0]) for _ in range(60)
    }
    assert symbols == {1, 2}


def test_the_noise_of_a_text_does_not_change_when_other_texts_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.sampling.DRAWN_AT_ONCE", 6)
    together, alone = GumbelNoise([[3], [4], [5]], 3), GumbelNoise([[5]], 3)
    for step in range(9):
        if step == 1:
            together.keep([0, 2])
        if step == 3:
            together.keep([1])
        np.testing.assert_array_equal(together.next()[-1], alone.next()[0])


def test_temperature_0_and_top_k_1_are_greedy() -> None:
    assert SamplingParams(0.0).greedy
    assert SamplingParams(1.0, top_k=1).greedy
    assert not SamplingParams(1.0, top_k=2).greedy
    assert not SamplingParams(1.0).greedy


def test_noise_is_drawn_for_a_vocabulary_larger_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.sampling.DRAWN_AT_ONCE", 2)
    noise = GumbelNoise([[0], [1]], 3)
    assert [noise.next().shape for _ in range(3)] == [(2, 3)] * 3
