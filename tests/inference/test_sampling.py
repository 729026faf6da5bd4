"""How temperature, top-p and min-p change the probabilities that a symbol is drawn from."""

import numpy as np
import pytest

from charseq.inference.sampling import Choice, Noise, chosen

PROBABILITIES = (0.5, 0.3, 0.2)


def drawn(choice: Choice, probabilities: "tuple[float, ...]" = PROBABILITIES, draws: int = 60) -> list[int]:
    """Symbols that are drawn one after the other."""
    logits = np.log(np.array([probabilities], np.float32))
    noise = Noise([[0]], len(probabilities))
    return [int(chosen(logits, choice, noise)[0]) for _ in range(draws)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_logits_are_divided_by_the_temperature(temperature: float) -> None:
    symbols = drawn(Choice(temperature), draws=5000)
    expected = np.array(PROBABILITIES) ** (1 / temperature)
    found = np.bincount(symbols, minlength=len(expected)) / len(symbols)
    assert found.tolist() == pytest.approx((expected / expected.sum()).tolist(), abs=0.02)


@pytest.mark.parametrize(("temperature", "top_p", "kept"), [(0.5, 0.6, {0}), (2.0, 0.45, {0, 1})])
def test_top_p_counts_the_probabilities_after_the_temperature(
    temperature: float, top_p: float, kept: set[int]
) -> None:
    assert set(drawn(Choice(temperature, top_p=top_p))) == kept


@pytest.mark.parametrize(("top_p", "kept"), [(0.499, {0}), (0.5, {0}), (0.501, {0, 1})])
def test_top_p_keeps_the_fewest_symbols_that_reach_it(top_p: float, kept: set[int]) -> None:
    assert set(drawn(Choice(1.0, top_p=top_p), (0.5, 0.5))) == kept


@pytest.mark.parametrize(("temperature", "min_p", "kept"), [(0.5, 0.5, {0}), (2.0, 0.7, {0, 1})])
def test_min_p_compares_the_probabilities_after_the_temperature(
    temperature: float, min_p: float, kept: set[int]
) -> None:
    assert set(drawn(Choice(temperature, min_p=min_p))) == kept


def test_min_p_keeps_what_is_exactly_as_likely_and_compares_each_text_with_its_own_likeliest() -> None:
    assert set(drawn(Choice(1.0, min_p=1.0), (0.4, 0.4, 0.2))) == {0, 1}
    logits = np.array([[9.0, 5.0, 0.0], [1.0, 0.9, -9.0]], np.float32)
    noise = Noise([[0], [1]], 3)
    rows = np.array([chosen(logits, Choice(1.0, min_p=0.5), noise) for _ in range(60)])
    assert [set(texts.tolist()) for texts in rows.T] == [{0}, {0, 1}]


def test_top_p_keeps_the_likeliest_at_a_temperature_next_to_zero() -> None:
    assert set(drawn(Choice(1e-300, top_p=0.9), draws=9)) == {0}


def test_a_text_keeps_its_own_random_numbers_when_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.sampling.DRAWN_AT_ONCE", 6)
    both, alone = Noise([[3], [4], [5]], 3), Noise([[5]], 3)
    for step in range(9):
        if step == 1:
            both.keep([0, 2])
        if step == 3:
            both.keep([1])
        np.testing.assert_array_equal(both.next()[-1], alone.next()[0])


def test_nothing_is_left_to_chance_at_temperature_0_and_of_the_one_likeliest() -> None:
    assert Choice(0.0).greedy
    assert Choice(1.0, top_k=1).greedy
    assert not Choice(1.0, top_k=2).greedy
    assert not Choice(1.0).greedy


def test_random_numbers_are_drawn_for_a_vocabulary_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inference.sampling.DRAWN_AT_ONCE", 2)
    noise = Noise([[0], [1]], 3)
    assert [noise.next().shape for _ in range(3)] == [(2, 3)] * 3
