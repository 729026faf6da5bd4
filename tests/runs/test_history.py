import json
from pathlib import Path

import pytest

from charseq.runs.history import Summary, summary
from tests.support.command import Command

RUN = Path("runs/0001-gru")


def logged(*lines: str) -> Summary:
    RUN.mkdir(parents=True, exist_ok=True)
    (RUN / "log.ndjson").write_text("".join(line + "\n" for line in lines))
    return summary(RUN)


def test_a_run_in_the_list_agrees_with_the_events_of_its_training(charseq: Command) -> None:
    start, *_, end = charseq.train(
        "--text", "hihello", "--epochs", "4", "--hidden-size", "7", "--layers", "2"
    )
    found = summary(RUN)
    assert (found.cell, found.hidden_size, found.layers) == ("gru", 7, 2)
    assert (found.parameters, found.characters) == (start["parameters"], 7)
    assert (found.status, found.epochs, found.loss) == ("completed", 4, end["loss"])
    assert (found.accuracy, found.validation_loss) == (end["accuracy"], None)
    assert found.has_model
    assert found.changed > 1.7e9


def test_a_run_without_an_end_is_unfinished_and_shows_its_last_epoch() -> None:
    start = json.dumps({"event": "start", "cell": "lstm", "hidden_size": 3})
    epoch = json.dumps({"event": "epoch", "epoch": 7, "loss": 2, "accuracy": 0.5})
    found = logged(start, epoch)
    assert (found.status, found.epochs, found.loss, found.has_model) == ("unfinished", 7, 2.0, False)
    cut = logged(start, epoch, '{"event": "end", "st')
    assert (cut.status, cut.epochs, cut.cell) == ("unfinished", 7, "lstm")
    within = logged(start, json.dumps({"event": "report", "epoch": 8, "passes": 7.96}))
    assert within.epochs == 7


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["\x00\xff"],
        ["[" * 100_000],
        ['{"cell": 5, "hidden_size": "x"}', '{"event": "end", "status": 3}'],
    ],
    ids=["nothing", "a line of nothing", "no JSON", "deep", "other types"],
)
def test_a_file_that_is_not_a_log_is_ignored(lines: list[str]) -> None:
    found = logged(*lines)
    assert [found.cell, found.hidden_size, found.epochs, found.loss] == [None] * 4
    assert found.status == "unfinished"


def test_a_folder_without_a_log_is_a_run_of_which_nothing_is_known() -> None:
    RUN.mkdir(parents=True)
    assert summary(RUN).status == "unfinished"


def test_only_the_ends_of_a_long_log_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.runs.history.TAIL", 200)
    end = json.dumps({"event": "end", "status": "diverged", "epochs": 9})
    found = logged('{"cell": "rnn"}', *["broken" * 100] * 50, end)
    assert (found.cell, found.status, found.epochs) == ("rnn", "diverged", 9)
