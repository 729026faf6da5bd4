"""What people see: every character shown and none obeyed, right and wrong told apart without colour."""

import io
import sys
import unicodedata
from dataclasses import replace

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from charseq.events import End
from charseq.render.marked import marked
from charseq.render.training import PlainLines, duration, outcome, summary
from charseq.render.training_table import ThinnedRows
from charseq.render.visible import visible
from tests.support.screens import START, epoch, screen_of

IHELLO = [2, 1, 0, 3, 3, 4]


def test_the_lessons_table() -> None:
    rows = [epoch(1, [3] * 6, IHELLO, START.symbols), epoch(2, IHELLO, IHELLO, START.symbols)]
    expected = """\
epoch    loss  right  predicted ids  true ids     prediction
    1  1.0000    2/6  3 3 3 3 3 3    2 1 0 3 3 4  llllll
                                                  ^^^  ^
    2  0.5000    6/6  2 1 0 3 3 4    2 1 0 3 3 4  ihello
"""
    assert [line.rstrip() for line in screen_of(START, *rows).splitlines()] == expected.splitlines()


def test_right_and_wrong_are_told_apart_by_colour_too() -> None:
    shown = screen_of(START, epoch(1, [2, 3, 3, 3, 3, 4], IHELLO, START.symbols), colour=True)
    assert "\x1b[32mi\x1b[0m" in shown
    assert "\x1b[1;31ml\x1b[0m" in shown


def test_a_narrow_screen_leaves_the_ids_out_and_cuts_the_prediction() -> None:
    shown = screen_of(START, epoch(1, [3] * 6, IHELLO, START.symbols), width=40)
    assert "ids" not in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_a_screen_of_20_columns_shows_the_last_prediction_whole() -> None:
    letters = tuple("abcdefghijkl")
    start = replace(START, symbols=letters, vocabulary_size=12)
    _, *lines = screen_of(start, epoch(1, [*range(12)], [*range(12)], letters), width=20).splitlines()
    assert [line.split()[-1] for line in lines] == ["abcdef", "ghijkl"]


def test_a_wide_character_has_carets_as_wide() -> None:
    text = marked(["가", "a", "나"], ["가", "b", "다"], width=40, lines=1).plain
    assert text == "가a나\n  ^^^"


def test_what_does_not_fit_ends_in_an_ellipsis_or_goes_on_in_the_next_line() -> None:
    letters = list("abcdefghij")
    assert marked(letters, letters, width=5, lines=1).plain == "abcd…"
    assert marked(letters, letters, width=5, lines=3).plain == "abcde\nfghij"
    assert marked(letters, [*letters[:9], "x"], width=4, lines=3).plain == "abcd\nefgh\nij\n ^"


def test_a_wrong_blank_can_be_seen() -> None:
    assert marked([" ", " ", "a"], ["a", " ", "a"], width=9, lines=1).plain == "· a\n^"


@pytest.mark.parametrize("text", ["대한", "é", "ấ"])
def test_a_mark_that_is_right_or_wrong_with_its_character_joins_it(text: str) -> None:
    symbols = list(unicodedata.normalize("NFD", text))
    assert marked(symbols, symbols, width=20, lines=1).plain == text
    carets = "^" * cell_len(text)
    assert marked(symbols, ["x"] * len(symbols), width=20, lines=1).plain == f"{text}\n{carets}"


def test_a_mark_that_joins_no_character_before_it_is_escaped() -> None:
    def shown(predicted: str, target: str) -> str:
        return marked(list(predicted), list(target), width=20, lines=1).plain.splitlines()[0]

    assert shown("e\u0301", "ex") == "e\\u0301"
    assert shown("\u202e\u0301", "\u202e\u0301") == "\\u202e\\u0301"
    assert shown("x\u0301", "x\u0301") == "x\\u0301"
    assert shown("\u0301", "\u0301") == "\\u0301"
    assert marked(["e", ""], ["e", ""], width=20, lines=1).plain == "e⏎"


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [("\x1b[2J", r"\x1b[2J"), ("\n\t\r", r"\n\t\r"), ("\x9b\x7f", r"\x9b\x7f"), ("\u202eabc", r"\u202eabc"),
     ("\u200d\ufeff", r"\u200d\ufeff"),
     ("\ud800", r"\ud800"), ("\u2028", r"\u2028"), ("\U000e0001", r"\U000e0001")],
)  # fmt: skip
def test_hidden_characters_become_visible_escapes(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


def test_ordinary_characters_of_every_script_stay_as_they_are() -> None:
    for text in ("hihello", "대한민국", "שלום", "é", "👩", "[red]:boom:\\"):
        assert visible(text) == text


def test_no_hidden_character_of_unicode_gets_through() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert visible(chr(code)).isascii()
            assert visible(chr(code)).isprintable()


HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[H",
    "\x1b]52;c;aGk=\x07",
    "[/nope]",
    "[red]x",
    ":smile:",
    "\x9b31m",
    "\\",
    "\r",
    "\x08",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_the_table_reaches_no_terminal(text: str) -> None:
    symbols = tuple(sorted(set(text + "ab")))
    ids = [symbols.index(c) for c in text + "ab"]
    start = replace(START, symbols=symbols, vocabulary_size=len(symbols), run=text)
    shown = screen_of(start, epoch(1, ids, ids, symbols), width=100)
    assert visible(text).replace("\\\\", "\\") in shown.replace("\\\\", "\\")
    screen = pyte.Screen(100, 24)
    stream = pyte.Stream(screen)
    stream.feed(shown.replace("\n", "\r\n"))
    assert visible(text) in "\n".join(screen.display)
    assert screen.title == ""


@given(st.text(st.characters(codec=None, exclude_categories=[]), min_size=1, max_size=30))
def test_any_prediction_can_be_drawn_without_a_control_character(text: str) -> None:
    lines = marked(list(text), list(text[::-1]), width=20, lines=3).plain
    assert all(visible(line) == line for line in lines.splitlines())


def test_plain_lines_have_one_line_an_epoch_whatever_the_text() -> None:
    output = io.StringIO()
    symbols = ("\t", "\n", "\x1b", "a")
    with PlainLines(output) as lines:
        lines.show(replace(START, symbols=symbols))
        lines.show(epoch(1, [0, 1, 2], [1, 1, 3], symbols))
    header, row = output.getvalue().splitlines()
    assert header == "epoch\tloss\taccuracy\tprediction\ttarget"
    assert row == "1\t1.000000\t0.3333\t\\t\\n\\x1b\t\\n\\na"


def rows_of(epochs: int, *, right_from: int = 10**9) -> ThinnedRows:
    rows = ThinnedRows()
    for number in range(1, epochs + 1):
        rows.add(epoch(number, [number >= right_from], [1], ("a", "b")))
    return rows


def test_long_runs_keep_round_epochs_and_the_newest() -> None:
    shown = [row.epoch for row in rows_of(787).shown(100, lambda row: 1)]
    assert shown == [1, 2, 5, 10, 20, 50, 100, 200, 500, *range(784, 788)]


def test_the_first_epoch_that_was_all_right_keeps_its_row() -> None:
    assert [row.epoch for row in rows_of(200, right_from=43).shown(3, lambda row: 1)] == [1, 43, 200]


@pytest.mark.parametrize("room", [2, 5, 9, 14])
def test_rows_fit_into_the_room_there_is_and_the_first_and_last_are_always_there(room: int) -> None:
    shown = [row.epoch for row in rows_of(1234).shown(room, lambda row: 1 + row.epoch % 2)]
    assert {1, 1234} <= set(shown)
    assert sum(1 + number % 2 for number in shown) <= max(room, 3)


def test_a_run_of_one_epoch_has_one_row() -> None:
    assert [row.epoch for row in rows_of(1).shown(5, lambda row: 2)] == [1]


def test_the_summary_says_every_choice_and_the_seed() -> None:
    text = summary(START)
    parts = "7 characters/5 distinct/learned whole/lstm/270 parameters/adam 0.1/50 epochs/cpu (fused, torch)"
    for part in [*parts.split("/"), "seed 0"]:
        assert part in text


def test_the_boundary_of_lines_is_not_counted_as_a_character() -> None:
    lines = replace(START, vocabulary_size=6, symbols=("", *START.symbols))
    assert "7 characters, 5 distinct" in summary(lines)


def test_the_outcome_says_where_the_model_is_and_what_to_try() -> None:
    end = End("completed", "runs/0001-lstm/model.safetensors", 50, 50, 0.01, 1.0, None, 0.3)
    text = outcome(end)
    assert "all characters correct" in text
    assert "runs/0001-lstm/model.safetensors" in text
    assert text.endswith("charseq predict")
    elsewhere = End("completed", "mine/model.safetensors", 3, 5, 0.01, 0.5, None, 0.3, 0, 3.0, 5.0)
    assert outcome(elsewhere).endswith("charseq predict --model mine")
    assert "epoch 3 was best" in outcome(elsewhere)


@pytest.mark.parametrize(
    ("passes", "read"),
    [(0.52, "0.52 epochs"), (0.9996, "0.999 epochs"), (1, "1 epoch"), (2.5, "2.5 epochs"), (0, "0 epochs")],
)
def test_passes_are_never_rounded_up(passes: float, read: str) -> None:
    end = End("completed", "m", 1, int(passes), 1.3, 0.5, None, 0.3, total_passes=passes)
    assert outcome(end).startswith(f"done after {read} in")


@pytest.mark.parametrize(("accuracy", "shown"), [(0.99999, "99.9%"), (2 / 3, "66.6%"), (0.29, "29.0%")])
def test_an_accuracy_is_never_rounded_up(accuracy: float, shown: str) -> None:
    end = End("completed", "m", 5, 5, 1.3, accuracy, None, 0.3, highest_accuracy=1.0)
    assert f"{shown} of characters correct\n" in outcome(end)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("my run/model.safetensors", "--model 'my run'"),
        ("it's/model.safetensors", """--model 'it'"'"'s'"""),
        ("my\x1b/model.safetensors", "--model 'my\\x1b'"),
        ("model.safetensors", "--model ."),
    ],
)
def test_the_outcome_names_the_run_as_a_shell_takes_it(model: str, named: str) -> None:
    assert outcome(End("completed", model, 5, 5, 0.01, 0.5, None, 0.3)).endswith(f"predict {named}")


def test_the_outcome_of_a_diverged_run_tells_the_time_before_the_advice() -> None:
    end = End("diverged", "runs/0001-gru/model.safetensors", 0, 0, None, None, None, 0.3)
    first, second = outcome(end).splitlines()
    assert first == "diverged after 0 epochs in 0.3 s: the loss became NaN, infinite or far too large"
    assert second.endswith("   next: try a smaller --learning-rate")


def test_the_outcome_of_a_run_without_an_epoch_does_not_recommend_to_predict() -> None:
    end = End("interrupted", "runs/0001-gru/model.safetensors", 0, 0, None, None, None, 0.3)
    assert "may have learned little" in outcome(end)
    assert "predict" not in outcome(end)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.26, "0.3 s"), (12, "12 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
