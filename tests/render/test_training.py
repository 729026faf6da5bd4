"""A training run as a table and as plain lines: epochs, predictions, samples, and the progress bar."""

import io
from dataclasses import replace

import pyte
import pytest
from rich.console import Console

from charseq.events import Event, Progress, Report
from charseq.render.base import renderer_for
from charseq.render.progress_line import INTERRUPT_WIDTH
from charseq.render.training import training_view
from charseq.render.training_drawing import SAMPLE_LINES, TrainingDrawing
from charseq.render.visible import visible
from tests.support.screens import START, epoch, screen_of

IHELLO = [2, 1, 0, 3, 3, 4]
LONG = replace(START, settings=replace(START.settings, whole=False, validation=0.1))


def plain_lines(*events: Event) -> list[list[str]]:
    output = io.StringIO()
    with renderer_for("plain", training_view(), output) as renderer:
        for event in events:
            renderer.show(event)
    return [line.split("\t") for line in output.getvalue().splitlines()]


def test_a_short_string_has_its_ids_beside_the_prediction() -> None:
    rows = [epoch(1, [3] * 6, IHELLO, START.symbols), epoch(2, IHELLO, IHELLO, START.symbols)]
    expected = """\
epoch    loss  correct  predicted ids  target ids   prediction
    1  1.0000      2/6  3 3 3 3 3 3    2 1 0 3 3 4  llllll
                                                    ^^^  ^
    2  0.5000      6/6  2 1 0 3 3 4    2 1 0 3 3 4  ihello
"""
    assert [line.rstrip() for line in screen_of(START, *rows).splitlines()] == expected.splitlines()


def test_correct_and_wrong_characters_differ_in_color() -> None:
    shown = screen_of(START, epoch(1, [2, 3, 3, 3, 3, 4], IHELLO, START.symbols), color=True)
    assert "\x1b[32mi\x1b[0m" in shown
    assert "\x1b[1;31ml\x1b[0m" in shown


def test_a_narrow_screen_leaves_the_ids_out_and_cuts_the_prediction() -> None:
    shown = screen_of(START, epoch(1, [3] * 6, IHELLO, START.symbols), width=40)
    assert "ids" not in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_a_screen_of_20_columns_shows_the_last_prediction_in_full() -> None:
    letters = tuple("abcdefghijkl")
    start = replace(START, symbols=letters, vocabulary_size=12)
    _, *lines = screen_of(start, epoch(1, [*range(12)], [*range(12)], letters), width=20).splitlines()
    assert [line.split()[-1] for line in lines] == ["abcdef", "ghijkl"]


@pytest.mark.parametrize(
    "text",
    [
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
    ],
)
def test_hostile_text_does_not_control_the_terminal(text: str) -> None:
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


def test_plain_lines_have_one_line_for_each_epoch_of_any_text() -> None:
    symbols = ("\t", "\n", "\x1b", "a")
    assert plain_lines(replace(START, symbols=symbols), epoch(1, [0, 1, 2], [1, 1, 3], symbols)) == [
        ["epoch", "loss", "accuracy", "prediction", "target", "predicted_ids", "target_ids"],
        ["1", "1.000000", "0.3333", "\\t\\n\\x1b", "\\n\\na", "0 1 2", "1 1 3"],
    ]


def test_plain_lines_show_the_end_of_a_line() -> None:
    symbols = ("", "a", "b")
    start = replace(START, symbols=symbols, lines=True)
    _, row = plain_lines(start, epoch(1, [1, 2, 2], [1, 2, 0], symbols))
    assert row[3:] == ["abb", "ab⏎", "1 2 2", "1 2 0"]


def test_a_partial_epoch_is_never_shown_as_a_complete_one() -> None:
    partial = replace(epoch(1, IHELLO, IHELLO, START.symbols), passes=0.9996)
    assert screen_of(START, partial).splitlines()[1].split()[0] == "0.999"
    assert plain_lines(START, partial)[1][0] == "0.999"


def test_reports_within_an_epoch_have_their_own_rows() -> None:
    start = replace(LONG, characters=9_000_000)
    done = epoch(1, IHELLO, IHELLO, START.symbols)
    within = Report(**{**vars(done), "passes": 0.125, "validation_loss": 1.5})
    screen = screen_of(start, within, replace(done, validation_loss=1.25))
    assert [line.split()[0] for line in screen.splitlines()[1:]] == ["0.125", "1"]
    assert plain_lines(start, within)[1][0] == "0.125"


def test_a_generated_sample_below_the_table_does_not_control_the_terminal() -> None:
    row = replace(epoch(1, [0], [0], START.symbols), sample="KING:\nhe\x1b[2Jllo[red]" + "x" * 900)
    lines = screen_of(LONG, row).splitlines()
    heading = lines.index("generated sample:")
    assert lines[heading + 1] == "KING:"
    assert lines[heading + 2].startswith("he\\x1b[2Jllo[red]")
    assert len(lines) - heading - 1 == SAMPLE_LINES


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
def test_the_progress_bar_leaves_columns_for_what_a_terminal_writes_at_an_interrupt(width: int) -> None:
    output = io.StringIO()
    console = Console(width=width, file=output, force_terminal=True, color_system=None)
    console.print(TrainingDrawing(console, LONG).progress(Progress(12, 0.25, 1.59751, 127_606.4, 1234.5)))
    (line,) = output.getvalue().splitlines()
    assert len(line.rstrip()) <= width - INTERRUPT_WIDTH
    if width >= 80:
        assert line.rstrip().endswith("left")


def test_bytes_that_are_not_ascii_are_shown_by_their_numbers() -> None:
    symbols = ("a", "\xa9", "\xc3")
    start = replace(START, unit="byte", vocabulary_size=3, symbols=symbols)
    screen = screen_of(start, epoch(1, [2, 1, 0], [2, 0, 0], symbols))
    assert r"\xc3\xa9a" in screen


def test_the_table_says_how_many_rows_it_leaves_out() -> None:
    symbols = START.symbols
    epochs = [epoch(number, [0], [0], symbols) for number in range(1, 131)]
    *rows, note = screen_of(START, *epochs).splitlines()
    assert note.strip() == f"({130 - len(rows) + 1} rows not shown)"
    assert "not shown" not in screen_of(START, *epochs[:3])
