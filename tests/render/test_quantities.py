"""Numbers for people: units, and rounding that never promises too much."""

import pytest

from charseq.render.quantities import count, duration, passes_text, percent


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 updates"), (1, "1 update"), (2, "2 updates"), (12345, "12,345 updates")]
)
def test_a_count_has_a_noun_in_the_singular_or_plural(number: int, text: str) -> None:
    assert count(number, "update") == text


@pytest.mark.parametrize(
    ("passes", "text"),
    [(0.52, "0.52 epochs"), (0.9996, "0.999 epochs"), (1, "1 epoch"), (2.5, "2.5 epochs"), (0, "0 epochs")],
)
def test_passes_are_never_rounded_up(passes: float, text: str) -> None:
    assert passes_text(passes) == text


@pytest.mark.parametrize(("fraction", "text"), [(0.99999, "99.9%"), (2 / 3, "66.6%"), (0.29, "29.0%")])
def test_a_percentage_is_never_rounded_up(fraction: float, text: str) -> None:
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.26, "0.3 s"), (12, "12 s"), (125, "2 min 5 s"), (3900, "1 h 5 min")]
)
def test_a_duration_has_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
