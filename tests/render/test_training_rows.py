"""The table of a run on screens of any size: its landmarks, its height, its targets, and every epoch."""

import io
from dataclasses import replace
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from charseq.events import End, Epoch
from charseq.render.training_table import TrainingTable
from tests.support.screens import START, epoch, screen_of

LETTERS = tuple("abcdefghijkl")
SOME = replace(START, symbols=LETTERS, vocabulary_size=12)
LONG = replace(SOME, settings=replace(START.settings, whole=False, validation=0.1))


def strings_epoch(number: int, lengths: list[int], errors: int) -> Epoch:
    """Return an epoch of several strings whose first characters are wrong."""
    targets = [[i % 11 for i in range(length)] for length in lengths]
    predicted = [[11] * min(errors, len(ids)) + ids[errors:] for ids in targets]
    correct = 1 - sum(min(errors, length) for length in lengths) / sum(lengths)
    row = replace(epoch(number, [0], [0], LETTERS), predicted_ids=predicted, target_ids=targets)
    return replace(row, accuracy=correct)


def final_screen(width: int, height: int, events: list[Any], **options: Any) -> pyte.HistoryScreen:
    output = io.StringIO()
    console = Console(
        file=output, width=width, height=height, force_terminal=True, _environ={"TERM": "xterm"}, **options
    )
    with TrainingTable(console) as table:
        for event in events:
            table.show(event)
    screen = pyte.HistoryScreen(width, height, history=1000)
    pyte.Stream(screen).feed(output.getvalue().replace("\n", "\r\n"))
    return screen


def numbers_on(screen: pyte.Screen) -> set[int]:
    starts = [line.split()[:1] for line in screen.display if line[:5].strip().isdecimal()]
    return {int(start[0]) for start in starts}


@settings(max_examples=25)
@given(
    st.integers(40, 130),
    st.integers(20, 60),
    st.lists(st.integers(1, 170), min_size=1, max_size=5),
    st.lists(st.integers(0, 5), min_size=1, max_size=70),
    st.booleans(),
)
def test_the_last_table_is_no_higher_than_the_screen_and_has_all_landmarks(
    width: int, height: int, lengths: list[int], errors: list[int], has_sample: bool
) -> None:
    rows = [strings_epoch(number, lengths, wrong) for number, wrong in enumerate(errors, 1)]
    if has_sample:
        rows[-1] = replace(rows[-1], sample="some text\n" * 13)
    screen = final_screen(width, height, [SOME, *rows])
    assert not screen.history.top
    best = min(rows, key=lambda row: (-row.accuracy, row.loss))
    correct = next((row.epoch for row in rows if row.accuracy == 1), best.epoch)
    assert {1, best.epoch, correct, len(rows)} <= numbers_on(screen)


@pytest.mark.parametrize("height", [24, 50])
def test_as_many_rows_are_shown_as_the_screen_has_lines(height: int) -> None:
    rows = [strings_epoch(number, [100], 5) for number in range(1, 71)]
    screen = final_screen(80, height, [SOME, *rows])
    used = sum(bool(line.strip()) for line in screen.display)
    assert height - 6 <= used < height


def test_every_row_is_shown_if_all_fit() -> None:
    rows = [strings_epoch(number, [60], 3) for number in range(1, 10)]
    assert numbers_on(final_screen(80, 50, [SOME, *rows])) == {*range(1, 10)}


def test_the_epoch_that_the_summary_names_has_a_row() -> None:
    rows = [
        replace(strings_epoch(n, [60], 3), validation_loss=1.0, selection_loss=1 / n) for n in range(1, 90)
    ]
    end = End("completed", "m", 77, 89, 1.0, 0.5, 1.25, 9.0, passes=77.0, last_passes=89.0)
    assert 77 in numbers_on(final_screen(80, 24, [LONG, *rows, end]))


def test_messages_above_the_table_stay_on_the_screen() -> None:
    rows = [strings_epoch(number, [7], 0) for number in range(1, 70)]
    output = io.StringIO()
    console = Console(file=output, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm"})
    with TrainingTable(console) as table:
        table.note_message("a message\nof three\nlines")
        table.show(SOME)
        for row in rows:
            table.show(row)
    last = output.getvalue().rpartition("epoch ")[2]
    assert last.count("\n") == 24 - 3 - 4  # for the outcome and the prompt


def test_longer_text_has_its_target_above_the_predictions() -> None:
    _, target, prediction, *_ = screen_of(SOME, strings_epoch(1, [60], 2)).splitlines()
    assert target.split()[0] == "target"
    assert target.rstrip().endswith("abcdefghijkabcdefghijkabcdefghijkabcdefghijkabcde…")
    assert prediction.split()[-1].startswith("llcdefghijk")
    assert target.index("cdef") == prediction.index("cdef")


def test_below_an_error_in_a_text_of_several_lines_is_its_target() -> None:
    lines = screen_of(SOME, strings_epoch(1, [60], 2)).splitlines()
    shown = [line[24:].strip() for line in lines[2:]]
    assert shown[:3] == ["ll" + ("cdefghijkab" * 5)[:48], "^^", ("abcdefghijk" * 5)[:50]]
    assert len(shown) == 4


def test_several_strings_have_their_targets_beside_their_predictions() -> None:
    header, *lines = screen_of(SOME, strings_epoch(1, [7, 5, 3, 2], 1)).splitlines()
    assert header.split()[-2:] == ["prediction", "target"]
    assert [line.split()[-2:] for line in lines[::2]][:3] == [
        ["lbcdefg", "abcdefg"],
        ["lbcde", "abcde"],
        ["lbc", "abc"],
    ]
    assert lines[-1].strip() == "(and 1 more)"


def test_with_every_epoch_each_has_a_row_above_the_drawing() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm"})
    with TrainingTable(console, every_epoch=True) as table:
        table.show(LONG)
        for number in range(1, 101):
            table.show(replace(strings_epoch(number, [20], 1), sample=f"sample {number}"))
    screen = pyte.HistoryScreen(80, 24, history=1000)
    pyte.Stream(screen).feed(output.getvalue().replace("\n", "\r\n"))
    scrolled = ["".join(line[x].data for x in range(80)) for line in screen.history.top]
    lines = [line.rstrip() for line in (*scrolled, *screen.display)]
    assert [int(line[:5]) for line in lines if line[:5].strip().isdecimal()] == [*range(1, 101)]
    assert sum(line.startswith("epoch") for line in lines) == 1
    assert lines.count("generated sample:") == 1
    assert not any(not line for line in lines[: lines.index("sample 100")])
    assert "sample 100" in lines


def test_with_every_epoch_the_columns_stay_in_place() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, height=24, _environ={})
    with TrainingTable(console, every_epoch=True) as table:
        table.show(START)
        for number in range(1, 4):
            table._drawn_at = 0.0  # a refresh is due
            table.show(epoch(number, [2, 1, 0, 3, 3, 4], [2, 1, 0, 3, 3, 4], START.symbols))
    header, *rows = output.getvalue().splitlines()
    assert [row.index("ihello") for row in rows] == [header.index("prediction")] * 3
