"""The ticks of axes and their labels."""

import pytest

from charseq.render.axis import log_ticks, place, tick_labels, ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "shown"),
    [
        (0, 10, 6, ["0", "2", "4", "6", "8", "10"]),
        (1, 3, 8, ["1.0", "1.5", "2.0", "2.5", "3.0"]),
        (0.41, 0.62, 5, ["0.45", "0.50", "0.55", "0.60"]),
        (0, 12_000, 4, ["0", "5,000", "10,000"]),
        (-0.5, 0.5, 3, ["-0.5", "0.0", "0.5"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, shown: list[str]) -> None:
    assert tick_labels(ticks(low, high, most)) == shown


def test_ticks_of_epochs_are_whole() -> None:
    assert ticks(0.5, 1.5, 8, whole=True) == [1]
    assert ticks(1, 3, 8, whole=True) == [1, 2, 3]


@pytest.mark.parametrize(
    ("low", "high", "most", "shown"),
    [
        (0.011, 3, 5, ["0.03", "0.10", "0.30", "1.00", "3.00"]),
        (1.1, 1.4, 5, ["1.1", "1.2", "1.3", "1.4"]),
        (1e-9, 1, 4, ["1e-09", "1e-06", "0.001", "1"]),
    ],
)
def test_ticks_of_a_log_scale_are_round_numbers(low: float, high: float, most: int, shown: list[str]) -> None:
    assert tick_labels(log_ticks(low, high, most)) == shown


def test_labels_that_would_touch_are_left_out() -> None:
    assert place(["100", "200", "300"], [0, 4, 9], 10) == "100    300"
