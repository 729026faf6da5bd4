"""What people see of longer text: reports within epochs, samples, reasons."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from charseq.events import End, Progress, Report
from charseq.render.training import PlainLines, outcome, summary
from charseq.render.training_table import KEPT_FREE, LINES_OF_SAMPLE, _Picture
from tests.support.screens import START, epoch, screen_of

LONG = replace(START, settings=replace(START.settings, whole=False, validation=0.1))


def test_the_outcome_tells_when_within_an_epoch_the_best_was() -> None:
    end = End("completed", "m", 3, 3, 1.0, 0.5, 1.25, 9.0, passes=2.25, last_passes=3.0)
    assert "validation loss 1.2500 nats per character (after 2.25 epochs it was best and is kept)" in outcome(
        end
    )
    assert "best" not in outcome(replace(end, passes=3.0))


def test_an_epoch_cut_short_is_never_shown_as_a_whole_one() -> None:
    done = epoch(1, [2, 1, 0, 3, 3, 4], [2, 1, 0, 3, 3, 4], START.symbols)
    cut = replace(done, passes=0.9996)
    assert screen_of(START, cut).splitlines()[1].split()[0] == "0.999"
    output = io.StringIO()
    with PlainLines(output) as lines:
        lines.show(START)
        lines.show(cut)
    assert output.getvalue().splitlines()[1].startswith("0.999\t")


def test_reports_within_an_epoch_are_rows_of_their_own() -> None:
    start = replace(LONG, characters=9_000_000)
    done = epoch(1, [2, 1, 0, 3, 3, 4], [2, 1, 0, 3, 3, 4], START.symbols)
    within = Report(**{**vars(done), "passes": 0.125, "validation_loss": 1.5})
    screen = screen_of(start, within, replace(done, validation_loss=1.25))
    assert [line.split()[0] for line in screen.splitlines()[1:]] == ["0.125", "1"]
    output = io.StringIO()
    with PlainLines(output) as lines:
        lines.show(start)
        lines.show(within)
    assert output.getvalue().splitlines()[1].split("\t")[0] == "0.125"


def test_what_the_network_writes_stands_below_the_table_and_cannot_steer_the_terminal() -> None:
    row = replace(epoch(1, [0], [0], START.symbols), sample="KING:\nhe\x1b[2Jllo[red]" + "x" * 900)
    screen = screen_of(LONG, row)
    lines = screen.splitlines()
    heading = lines.index("what it now writes:")
    assert lines[heading + 1] == "KING:"
    assert lines[heading + 2].startswith("he\\x1b[2Jllo[red]")
    assert len(lines) - heading - 1 == LINES_OF_SAMPLE


def test_the_summary_gives_the_reasons_of_the_defaults() -> None:
    reasoned = replace(
        START, settings=replace(START.settings, reasons={"cell": "it is quick", "epochs": "few"})
    )
    assert summary(reasoned).splitlines()[-1] == "why: it is quick; few"
    assert len(summary(START).splitlines()) == 2


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
def test_the_bar_leaves_room_for_what_a_terminal_writes_at_an_interrupt(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    bar = _Picture(console, LONG).bar(Progress(12, 0.25, 1.59751, 127_606.4, 1234.5))
    console.print(bar)
    (line,) = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(line.rstrip()) <= width - KEPT_FREE
    if width >= 80:
        assert line.rstrip().endswith("left")
