"""A comparison whose runs are made at the same time."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from charseq.comparison import Result, Trial
from charseq.events import End, Event, Progress
from charseq.render.comparison import TrialEvent, comparison_view
from charseq.render.comparison_table import ComparisonTable
from charseq.render.progress_bar import comparison_position
from charseq.settings.train_settings import TrainSettings

CELLS = ("rnn", "lstm", "gru")
TRIALS = [Trial(TrainSettings(cell=cell, seed=seed, epochs=7), 13) for seed in (0, 1) for cell in CELLS]
END = End("completed", None, 7, 7, 0.5, 1.0, None, 3.0, passes=7.0)
ARRIVALS = [2, 0, 1, 5, 4, 3]


def ends(numbers: list[int]) -> list[TrialEvent]:
    """Return the ends of trials, each with a loss of its own."""
    found: list[TrialEvent] = []
    for number in numbers:
        end = replace(END, loss=0.1 + number)
        found.append((Result(TRIALS[number], end, 3, [11.0]), end))
    return found


def shown(form: str, numbers: list[int], *, fails: bool = False) -> str:
    """Return what a renderer writes about trials that end in an order."""
    output = io.StringIO()
    renderer: Any = getattr(comparison_view(TRIALS), form)(output)
    try:
        with renderer:
            for event in ends(numbers):
                renderer.show(event)
            if fails:
                raise KeyError
    except KeyError:
        pass
    return output.getvalue()


@pytest.mark.parametrize("form", ["plain", "json", "table"])
def test_the_output_does_not_depend_on_the_order_in_which_runs_end(form: str) -> None:
    assert shown(form, ARRIVALS) == shown(form, sorted(ARRIVALS))


def test_a_run_is_shown_as_soon_as_those_before_it_have_ended() -> None:
    output = io.StringIO()
    renderer = comparison_view(TRIALS).json(output)
    renderer.begin()
    counts = []
    for event in ends(ARRIVALS):
        renderer.show(event)
        counts.append(len(output.getvalue().splitlines()) - 1)
    assert counts == [0, 1, 3, 3, 3, 6]


def test_runs_that_ended_are_shown_where_one_before_them_fails() -> None:
    records = [json.loads(line) for line in shown("json", [4, 2], fails=True).splitlines()]
    assert [record.get("loss") for record in records[1:]] == [2.1, 4.1]


def progress(number: int, done: float) -> tuple[Result, Event]:
    return Result(TRIALS[number]), Progress(number + 2, done, 1.5 + number, 17.0, 1.0)


def test_the_live_table_has_a_line_for_each_of_several_runs() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, height=24, force_terminal=True, color_system=None)
    with ComparisonTable(console, TRIALS) as table:
        for event in (progress(0, 0.5), progress(1, 0.25)):
            table._drawn_at = 0.0
            table.show(event)
    lines = [line.strip("━╺╸ \r") for line in output.getvalue().splitlines()]
    assert "8%, rnn, seed 0, epoch 2, loss 1.5000" in lines
    below = lines.index("12%, 2 runs at a time") + 1
    assert lines[below : below + 2] == [
        "rnn, seed 0, epoch 2, loss 1.5000", "lstm, seed 0, epoch 3, loss 2.5000",
    ]  # fmt: skip


def test_the_bar_counts_the_runs_that_are_done_and_has_the_losses_of_the_others() -> None:
    position = comparison_position(6)
    (ended,) = ends([2])
    found = [position(event) for event in (progress(0, 0.5), progress(1, 0.25), ended, progress(3, 0.5))]
    assert found == [
        (0.5 / 6, "8%, 0.0 s, run 1 of 6: rnn, seed 0, 0 epochs, loss 1.500"),
        (0.75 / 6, "12%, 0.0 s, 0 of 6 runs done, 2 running, loss: rnn 1.500, lstm 2.500"),
        None,
        (2.25 / 6, "37%, 0.0 s, 1 of 6 runs done, 3 running, loss: rnn 1.500, lstm 2.500, rnn 4.500"),
    ]
