"""charseq plot: curves on a terminal, data in a pipe, pictures in files."""

import csv
import io
import os
import sys
import time
from pathlib import Path

import pytest

from charseq.runs.curves import MEASURES
from tests.support.command import Command, in_process
from tests.support.forks import Forked, exit_code, fork_on_a_terminal, run_charseq
from tests.support.learning_logs import falling, write_log


@pytest.fixture
def runs(charseq: Command) -> Command:
    charseq.train("--text", "hihello", "--epochs", "3", "--cell", "gru", "--hidden-size", "5")
    write_log("runs/0002-compare/0001-rnn", falling(3), passes=3.0)
    write_log("runs/0002-compare/0002-lstm", falling(2), passes=2.0)
    return charseq


def test_a_pipe_receives_every_measurement_between_tabs(runs: Command) -> None:
    result = runs("plot", "0001-gru")
    header, *rows = (line.split("\t") for line in result.output.splitlines())
    assert header == ["run", "epoch", "passes", "seconds", *MEASURES]
    assert [row[:3] for row in rows] == [["runs/0001-gru", f"{n}", f"{n}.0"] for n in (1, 2, 3)]
    assert all(float(row[3]) > 0 for row in rows)
    assert {row[header.index("validation_loss")] for row in rows} == {"-"}
    assert result.errors == ""


def test_the_formats_have_the_same_numbers_exactly_as_logged(runs: Command) -> None:
    events = runs("plot", "0001-gru", "--json").records
    rows = list(csv.DictReader(io.StringIO(runs("plot", "0001-gru", "--csv").output)))
    plain = [line.split("\t") for line in runs("plot", "0001-gru", "--format", "plain").output.splitlines()]
    trained = runs.train("--text", "hihello", "--epochs", "3", "--cell", "gru", "--hidden-size", "5")[1:-1]
    for event, row, fields, epoch in zip(events, rows, plain[1:], trained, strict=True):
        assert (event["loss"], event["learning_rate"]) == (epoch["loss"], epoch["learning_rate"])
        assert {name: None if value == "" else value for name, value in row.items()} == {
            name: None if value is None else str(value) for name, value in event.items()
        }
        assert fields == [value or "-" for value in row.values()]


def test_only_the_measures_that_are_named_are_printed(runs: Command) -> None:
    named = ("plot", "0001-gru", "--measure", "accuracy,loss")
    columns = ["run", "epoch", "passes", "seconds", "accuracy", "loss"]
    assert runs(*named, "--csv").output.splitlines()[0].split(",") == columns
    assert runs(*named).output.splitlines()[0].split("\t") == columns
    assert [list(row) for row in runs(*named, "--json").records] == [columns] * 3


def test_the_newest_comparison_is_plotted_by_default_with_all_of_its_runs(runs: Command) -> None:
    shown = runs("plot", "--format", "table").output
    assert shown.startswith("2 runs: hihello\n")
    assert "a 0001-rnn 0.6667, accuracy 0.750" in shown
    assert [row["run"] for row in runs("plot", "--json").records] == [
        *["runs/0002-compare/0001-rnn"] * 3, *["runs/0002-compare/0002-lstm"] * 2
    ]  # fmt: skip


def test_the_numbers_of_a_long_log_are_never_thinned(charseq: Command) -> None:
    write_log("long", falling(3001))
    assert charseq("plot", "long", "--csv").output.count("\n") == 3002
    drawing = charseq("plot", "long", "--format", "table", "--measure", "loss")
    assert len(drawing.output.splitlines()) == 22  # a note and the prompt of the shell are below


def test_a_picture_is_saved_and_standard_output_stays_empty(runs: Command) -> None:
    result = runs("plot", "--save", "Curves.PNG")
    assert (result.status, result.output, result.errors) == (0, "", "saved Curves.PNG\n")
    assert Path("Curves.PNG").read_bytes().startswith(b"\x89PNG")
    both = runs("plot", "--save", "curves.svg", "--csv", "--quiet")
    assert both.output.count("\n") == 6
    assert both.errors == ""
    assert b"0002-lstm" in Path("curves.svg").read_bytes()


def test_damaged_lines_are_reported_and_the_rest_is_shown(charseq: Command) -> None:
    write_log("run", falling(3), passes=3.0)
    with Path("run/log.ndjson").open("a") as file:
        file.write("\x1b[31mbroken\n{}\n")
    for form in ("--csv", "--json", "--format=table", "--save=a.svg"):
        result = charseq("plot", "run", form)
        assert result.status == 0
        assert "run: skipped 2 damaged lines of the log" in result.errors
        assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--save curves.jpg", "'curves.jpg' does not end in .png, .svg or .pdf"),
        ("--csv --json", "--csv cannot be combined with --json"),
        ("--csv --format table", "--csv cannot be combined with --format table"),
        ("--measure validaton-loss", "did you mean 'validation_loss'?"),
        ("--measure ,", "--measure ',' names no measure"),
        ("--measure size", "the measures are loss, validation_loss, accuracy"),
        ("--format table --measure validation_loss", "'0001-rnn' has no validation_loss"),
        ("--format table --x seconds", "'0001-rnn' has no file timing.ndjson"),
        ("--save folder.png", "'folder.png' is not a regular file"),
        ("runs", "'runs' is the folder of all runs"),
        ("0009-gru", "there is no run '0009-gru'"),
        ("empty", "there are no measurements in 'empty'"),
        ("empty --csv", "there are no measurements in 'empty'"),
        ("empty --save x.png", "there are no measurements in 'empty'"),
    ],
)
def test_a_mistake_is_a_message_that_names_it(runs: Command, arguments: str, message: str) -> None:
    Path("folder.png").mkdir()
    write_log("empty", [])
    result = runs("plot", *arguments.split())
    assert (result.status, result.output) == (2, "")
    assert message in result.errors
    assert len(result.errors.splitlines()) == 2


def test_a_run_without_measurements_is_left_out_beside_others(runs: Command) -> None:
    write_log("empty", [])
    result = runs("plot", "empty", "0001-gru", "--format", "table")
    assert result.status == 0
    assert "empty has no measurements yet and is left out" in result.errors
    assert result.output.startswith("0001-gru: hihello\n")


def test_a_folder_for_the_picture_that_does_not_exist_is_an_error(runs: Command) -> None:
    result = runs("plot", "--save", "nowhere/curves.png")
    assert (result.status, len(result.errors.splitlines())) == (2, 2)
    assert "there is no folder 'nowhere'" in result.errors


def test_a_run_in_training_is_plotted_so_far() -> None:
    training = Forked("train", "--text", "hihello", "--epochs", "1000000", "--out", "run", "--json")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if Path("run/log.ndjson").is_file() and Path("run/log.ndjson").read_bytes().count(b"\n") > 5:
            break
        time.sleep(0.02)
    ended = in_process("plot", "run", "--format", "table", "--x", "seconds", cwd=Path.cwd())
    training.kill()
    training.communicate(timeout=20)
    assert ended.returncode == 0, ended.stderr
    assert b"training time (seconds)" in ended.stdout
    assert ended.stderr.startswith(b"run: still running, with ")


def test_on_a_terminal_the_curves_have_colors_and_without_color_letters(runs: Command) -> None:
    sent = {}
    for no_color in (None, "1"):
        there = {
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            "LINES": "24",
            "NO_COLOR": no_color,
            "COLORTERM": None,
        }
        process, terminal = fork_on_a_terminal(run_charseq, ("plot",), there)
        pieces = []
        with os.fdopen(terminal, "rb", buffering=0) as screen:
            try:
                while piece := screen.read(65536):
                    pieces.append(piece)
            except OSError:  # the process has ended
                pass
        assert exit_code(process) == 0
        sent[no_color] = b"".join(pieces)
    assert b"38;5;" in sent[None]
    assert b"38;5;" not in sent["1"]
    assert b" 0002-lstm 1, accuracy" in sent["1"]


def test_training_and_comparing_name_the_command_that_plots_their_curves(charseq: Command) -> None:
    options = ("--text", "hihello", "--hidden-size", "3", "--epochs")
    assert charseq("train", *options, "2").errors.endswith("charseq predict\ncurves: charseq plot\n")
    one = charseq("train", *options, "1", "--out", "my run").errors
    assert one.endswith("next: charseq predict --model 'my run'\n")
    more = charseq("train", "--resume", "my run", "--epochs", "2").errors
    assert more.endswith("\ncurves: charseq plot 'my run'\n")
    compared = charseq("compare", *options, "2", "--cells", "gru").errors
    assert compared.endswith("charseq predict\ncurves: charseq plot\n")
    assert "plot" not in charseq("compare", *options, "1", "--cells", "gru").errors
    assert charseq("plot", "my run", "--csv").output.count("\n") == 3


def test_without_plotille_the_curves_are_letters(runs: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotille", None)
    result = runs("plot", "0001-gru", "--format", "table")
    assert result.status == 0
    assert result.output.count("a") > 60
