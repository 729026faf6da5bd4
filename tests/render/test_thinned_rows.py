"""The rows of a run: all where they fit; of a long run always the first, first correct, best and last."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq.events import Epoch
from charseq.render.thinned_rows import MOST_ROWS, NEWEST_ROWS, ThinnedRows, stored_numbers
from tests.support.screens import START, epoch

LONG = replace(START, settings=replace(START.settings, whole=False, validation=0.1))


def one_line(row: Epoch, is_last: bool) -> int:
    return 1


def rows_of(epochs: int, *, correct_from: int = 10**9) -> ThinnedRows:
    rows = ThinnedRows()
    for number in range(1, epochs + 1):
        rows.add(epoch(number, [number >= correct_from], [1], ("a", "b")))
    return rows


def shown(rows: ThinnedRows, lines: int, *, spread: bool = False) -> list[int]:
    return [row.epoch for row in rows.fitting(lines, one_line, spread=spread)]


@pytest.mark.parametrize("spread", [False, True])
def test_every_epoch_has_a_row_where_they_fit(spread: bool) -> None:
    assert shown(rows_of(97), 97, spread=spread) == [*range(1, 98)]


def test_while_a_run_trains_the_newest_epochs_follow_round_ones() -> None:
    assert shown(rows_of(787), 13) == [1, 2, 5, 10, 20, 50, 100, 200, 500, *range(784, 788)]


def test_at_the_end_the_rows_are_spread_over_the_run() -> None:
    numbers = shown(rows_of(50, correct_from=8), 17, spread=True)
    assert len(numbers) == 17
    assert numbers[:8] == [*range(1, 9)]
    assert {10, 20, 50} < set(numbers)


def test_at_the_end_each_epoch_with_more_characters_correct_has_a_row() -> None:
    rows = ThinnedRows()
    for number in range(1, 201):
        correct = (number >= 13) + (number >= 61) + (number >= 127)
        rows.add(epoch(number, [0] * (3 - correct) + [1] * correct, [1] * 3, ("a", "b")))
    assert shown(rows, 6, spread=True) == [1, 2, 13, 61, 127, 200]


def test_the_first_epoch_with_all_characters_correct_keeps_its_row() -> None:
    assert shown(rows_of(200, correct_from=43), 3) == [1, 43, 200]


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("lines", [4, 5, 9, 14])
def test_rows_fit_into_the_lines_and_leave_none_free(lines: int, spread: bool) -> None:
    rows = rows_of(1234).fitting(lines, lambda row, _: 1 + row.epoch % 2, spread=spread)
    assert {1, 1234} <= {row.epoch for row in rows}
    assert lines - 1 <= sum(1 + row.epoch % 2 for row in rows) <= lines


def test_a_run_of_one_epoch_has_one_row() -> None:
    assert shown(rows_of(1), 5) == [1]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=700), st.booleans())
def test_first_and_first_correct_and_best_and_last_always_have_a_row(
    accuracies: list[float], spread: bool
) -> None:
    rows = ThinnedRows(START)
    events = [
        replace(epoch(number, [0], [1], ("a", "b")), accuracy=accuracy, loss=(number * 7919 % 13) / 13)
        for number, accuracy in enumerate(accuracies, 1)
    ]
    for event in events:
        rows.add(event)
    best = min(events, key=lambda event: (-event.accuracy, event.loss))
    correct = [event.epoch for event in events if event.accuracy == 1][:1]
    expected = {1, *correct, best.epoch, len(events)}
    assert expected <= set(shown(rows, 0, spread=spread))


def test_the_best_epoch_of_validated_text_has_the_lowest_selection_loss() -> None:
    rows = ThinnedRows(LONG)
    for number, loss in enumerate([3.0, float("nan"), 1.0, 2.0, 1.5, 1.25, 1.125], 1):
        rows.add(replace(epoch(number, [0], [1], ("a", "b")), validation_loss=5.0, selection_loss=loss))
    assert shown(rows, 0) == [1, 3, 7]


def test_the_saved_epoch_has_a_row_even_if_it_is_not_the_best() -> None:
    rows = rows_of(200)
    assert [row.epoch for row in rows.fitting(0, one_line, saved=37.0)] == [1, 37, 200]


def test_a_run_of_many_epochs_is_stored_in_bounded_memory() -> None:
    rows = ThinnedRows()
    row = epoch(1, [0], [1], ("a", "b"))
    most = 0
    for number in range(1, 20_001):
        rows.add(replace(row, epoch=number, passes=number, loss=abs(number - 9001)))
        most = max(most, len(rows._rows))
    assert most <= MOST_ROWS
    assert {1, 9001, *range(20_001 - NEWEST_ROWS, 20_001)} <= set(rows._rows)
    assert len([*stored_numbers(10**6)]) < MOST_ROWS - NEWEST_ROWS - 4
