"""Learning curves are read from logs of any state, line by line."""

import math
from pathlib import Path

import pytest

from charseq.errors import ModelFileError, UsageError
from charseq.runs.curves import LogReader, display_names, read_curve, runs_named
from charseq.runs.lock import Lock
from tests.support.command import Command
from tests.support.learning_logs import falling, write_log

RUN = Path("runs/0001-gru")


def test_a_curve_has_the_measurements_that_training_reported(charseq: Command) -> None:
    _, *epochs, end = charseq.train("--text", "hihello", "--epochs", "5", "--cell", "gru")
    curve = read_curve(RUN, "gru")
    for name in ("loss", "accuracy", "learning_rate"):
        assert list(curve.measures[name]) == [epoch[name] for epoch in epochs]
    assert list(curve.seconds) == pytest.approx([epoch["seconds"] for epoch in epochs], abs=1e-6)
    assert list(curve.epochs) == list(curve.passes) == [1, 2, 3, 4, 5]
    assert (curve.status, curve.unit, curve.text) == ("completed", "character", "hihello")
    assert curve.best is not None
    assert curve.passes[curve.best] == end["passes"]
    assert "validation_loss" not in curve.measures


def test_broken_lines_are_counted_and_skipped() -> None:
    write_log(RUN, falling(5), passes=5.0)
    lines = (RUN / "log.ndjson").read_bytes().splitlines(keepends=True)
    lines[2] = b'{"event": "epo\n'
    lines[4] = b"\xff\xfe\x1b[31m\n"
    lines.insert(5, b'{"event": "epoch", "epoch": 1.5, "loss": 2}\n')
    lines.insert(6, b"[" * 100_000 + b"\n")
    (RUN / "log.ndjson").write_bytes(b"".join([*lines, b'{"event": "ep']))
    curve = read_curve(RUN, "gru")
    assert list(curve.epochs) == [1, 3, 5]
    assert curve.damaged == 5


def test_the_last_line_of_a_running_run_may_be_incomplete() -> None:
    write_log(RUN, falling(3))
    with (RUN / "log.ndjson").open("a") as file:
        file.write('{"event": "ep')
    lock = Lock(RUN)
    try:
        curve = read_curve(RUN, "gru")
    finally:
        lock.release()
    assert (curve.status, curve.damaged, len(curve)) == ("running", 0, 3)
    assert (read_curve(RUN, "gru").status, read_curve(RUN, "gru").damaged) == ("unfinished", 1)


@pytest.mark.parametrize("value", ["high", True, float("nan"), float("inf"), 10**400, [1]])
def test_a_line_with_a_value_that_is_no_finite_number_is_damaged(value: object) -> None:
    epochs = falling(3)
    epochs[1]["loss"] = value
    write_log(RUN, epochs)
    curve = read_curve(RUN, "gru")
    assert (list(curve.epochs), curve.damaged) == ([1, 3], 1)


def test_a_loss_that_is_null_is_missing() -> None:
    epochs = falling(3)
    epochs[1]["loss"] = None
    write_log(RUN, epochs)
    losses = read_curve(RUN, "gru").measures["loss"]
    assert (losses[0], losses[2]) == (2.0, 2.0 / 3)
    assert math.isnan(losses[1])


def test_reports_within_an_epoch_have_passes_and_no_epoch() -> None:
    report = {"event": "report", "epoch": 1, "passes": 0.5, "loss": 3.0}
    partial = {"epoch": 2, "passes": 1.25, "loss": 1.0}
    write_log(RUN, [report, {"epoch": 1, "passes": 1.0, "loss": 2.0}, partial])
    curve = read_curve(RUN, "gru")
    assert list(curve.passes) == [0.5, 1.0, 1.25]
    assert [math.isnan(epoch) for epoch in curve.epochs] == [True, False, True]


def test_the_log_of_an_early_version_without_passes_has_epochs() -> None:
    write_log(RUN, [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}], epoch=2)
    curve = read_curve(RUN, "gru")
    assert (list(curve.epochs), list(curve.passes), curve.best) == ([1, 2], [1, 2], 1)


@pytest.mark.parametrize(
    ("start", "epochs", "best"),
    [
        ({"highest_accuracy": 1.0}, [(3.0, 0.5, None), (2.0, 0.9, None), (1.0, 0.7, None)], 1),
        ({"highest_accuracy": 1.0}, [(3.0, 1.0, None), (2.0, 1.0, None), (4.0, 1.0, None)], 1),
        ({"validation_chooses": True}, [(3.0, 0.5, 2.0), (2.0, 0.5, 1.5), (1.0, 0.5, 1.7)], 1),
        ({"validation_chooses": False}, [(3.0, 0.5, 1.0), (2.0, 0.5, 1.5), (1.0, 0.5, 1.7)], 2),
        ({}, [(1.0, 0.5, None), (2.0, 0.5, None)], 1),
    ],
)
def test_the_best_so_far_is_the_measurement_that_training_would_save(
    start: dict[str, object], epochs: list[tuple[float, float, float | None]], best: int
) -> None:
    measured = [
        {"epoch": n, "passes": float(n), "loss": loss, "accuracy": accuracy, "selection_loss": selection}
        for n, (loss, accuracy, selection) in enumerate(epochs, 1)
    ]
    write_log(RUN, measured, start=start)
    assert read_curve(RUN, "gru").best == best


def test_the_end_of_a_resumed_run_counts_and_an_earlier_end_does_not() -> None:
    write_log(RUN, falling(2), passes=1.0)
    text = (RUN / "log.ndjson").read_text()
    write_log(RUN, falling(4), start={"highest_accuracy": 1.0})
    rest = (RUN / "log.ndjson").read_text().splitlines(keepends=True)[3:]
    (RUN / "log.ndjson").write_text(text + "".join(rest))
    curve = read_curve(RUN, "gru")
    assert (list(curve.epochs), curve.status) == ([1, 2, 3, 4], "unfinished")
    assert curve.best == 3


def test_times_of_another_log_are_not_used() -> None:
    write_log(RUN, falling(3))
    times = [(2, 1.0, 0.5), (3, 1.75, 0.75), (4, 3.0, 1.5), (90, 3.0, 2.5)]
    lines = (f'{{"line": {line}, "passes": {passes}, "seconds": {s}}}\n' for line, passes, s in times)
    (RUN / "timing.ndjson").write_text("".join(lines))
    seconds = read_curve(RUN, "gru").seconds
    assert (seconds[0], seconds[2]) == (0.5, 1.5)
    assert math.isnan(seconds[1])


def test_names_select_runs_comparisons_and_files_each_once() -> None:
    for name in ("runs/0001-gru", "runs/0002-compare/0001-rnn", "runs/0002-compare/0002-lstm", "mine"):
        write_log(name, falling(2))
    Path("runs/0002-compare/0003-gru").mkdir()
    compared = [Path("runs/0002-compare/0001-rnn"), Path("runs/0002-compare/0002-lstm")]
    assert runs_named([]) == compared
    assert runs_named(["0002-compare"]) == compared
    assert runs_named(["runs/0002-compare/0002-lstm", "0002-compare"]) == [*reversed(compared)]
    assert runs_named(["mine/model.safetensors", "mine", "mine/log.ndjson"]) == [Path("mine")]
    Path("runs/0003-gru").mkdir()
    assert runs_named([]) == compared


def test_names_that_are_no_runs_are_errors() -> None:
    with pytest.raises(ModelFileError, match="there are no runs in 'runs'"):
        runs_named([])
    Path("runs/0001-gru").mkdir(parents=True)
    with pytest.raises(ModelFileError, match="there is no run in 'runs/0001-gru'"):
        runs_named([])
    Path("file").touch()
    with pytest.raises(UsageError, match="'file' is a file"):
        runs_named(["file"])
    with pytest.raises(ModelFileError, match=r"there is no run 'no\\x1bne'"):
        runs_named(["no\x1bne"])
    with pytest.raises(ModelFileError) as caught:
        runs_named(["0001-gro"])
    assert "did you mean" in caught.value.hint
    with pytest.raises(ModelFileError, match="nothing to plot"):
        list(LogReader(Path("runs/0001-gru")))


def test_equal_names_get_their_parents() -> None:
    assert display_names([Path("runs/0001-gru"), Path("other/mine")]) == ["0001-gru", "mine"]
    assert display_names([Path("a/0001-gru"), Path("b/0001-gru")]) == ["a/0001-gru", "b/0001-gru"]


def test_runs_of_a_comparison_with_the_same_cell_have_their_seeds() -> None:
    for name, seed in (("0001-rnn", 0), ("0002-gru", 0), ("0003-rnn", 1)):
        write_log(f"runs/0001-compare/{name}", falling(2), start={"seed": seed})
    assert display_names(runs_named(["1"])) == ["0001-rnn, seed 0", "0002-gru", "0003-rnn, seed 1"]


def test_numbers_name_runs_and_the_folder_of_runs_does_not() -> None:
    write_log("runs/0001-gru", falling(2))
    write_log("runs/0002-compare/0001-rnn", falling(2))
    assert runs_named(["1", "2/1"]) == [Path("runs/0001-gru"), Path("runs/0002-compare/0001-rnn")]
    with pytest.raises(UsageError, match="there is no run 7 in 'runs'"):
        runs_named(["7"])
    with pytest.raises(UsageError, match="'runs' is the folder of all runs"):
        runs_named(["runs"])
