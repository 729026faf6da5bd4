"""The rows of a long run: round epochs, the first with all characters correct, and the newest."""

import pytest

from charseq.render.thinned_rows import ThinnedRows
from tests.support.screens import epoch


def rows_of(epochs: int, *, correct_from: int = 10**9) -> ThinnedRows:
    rows = ThinnedRows()
    for number in range(1, epochs + 1):
        rows.add(epoch(number, [number >= correct_from], [1], ("a", "b")))
    return rows


def test_long_runs_keep_round_epochs_and_the_newest() -> None:
    shown = [row.epoch for row in rows_of(787).fitting(100, lambda row, is_last: 1)]
    assert shown == [1, 2, 5, 10, 20, 50, 100, 200, 500, *range(784, 788)]


def test_the_first_epoch_with_all_characters_correct_keeps_its_row() -> None:
    assert [row.epoch for row in rows_of(200, correct_from=43).fitting(3, lambda row, is_last: 1)] == [
        1,
        43,
        200,
    ]


@pytest.mark.parametrize("lines", [2, 5, 9, 14])
def test_rows_fit_into_the_lines_and_include_the_first_and_the_last(lines: int) -> None:
    shown = [row.epoch for row in rows_of(1234).fitting(lines, lambda row, _: 1 + row.epoch % 2)]
    assert {1, 1234} <= set(shown)
    assert sum(1 + number % 2 for number in shown) <= max(lines, 3)


def test_a_run_of_one_epoch_has_one_row() -> None:
    assert [row.epoch for row in rows_of(1).fitting(5, lambda row, is_last: 2)] == [1]
