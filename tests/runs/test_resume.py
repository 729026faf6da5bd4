"""A run that is stopped and resumed equals one that was never stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charseq import api
from charseq.cells import CELLS
from charseq.errors import ModelFileError, TextError, UsageError
from charseq.events import End, Epoch, Event, Report, Start
from charseq.model.model_file import read, write
from charseq.runs.resume import load_run
from charseq.training.optimizer import OPTIMIZERS
from tests.support.runs import (
    CASES,
    MODEL,
    OUT,
    STREAM,
    never_stop,
    resume_run,
    run_files,
    stop_after,
    train_run,
)


def planned(kind: str, optimizer: str, dropout: float) -> Any:
    """A case of the suite where it is one of the usual; every other is a long one."""
    usual = optimizer == "adam" or (kind == "strings" and dropout)
    return pytest.param(kind, optimizer, dropout, marks=[] if usual else pytest.mark.long)


@pytest.mark.parametrize(
    ("kind", "optimizer", "dropout"),
    [
        planned(kind, optimizer, dropout)
        for kind in CASES
        for optimizer in OPTIMIZERS
        for dropout in (0.0, 0.5)
    ],
)
def test_a_run_stopped_after_any_update_and_resumed_equals_an_uninterrupted_one(
    kind: str, optimizer: str, dropout: float
) -> None:
    texts, plan = CASES[kind]
    plan = {"hidden_size": 5, "layers": 2, "cell": "gru", "optimizer": optimizer, "dropout": dropout, **plan}
    train_run(texts, stop=never_stop, **plan)
    expected = run_files()
    steps = 0
    while True:
        steps += 1
        events = train_run(texts, stop=stop_after(steps), **plan)
        assert isinstance(events[-1], End)
        if events[-1].status == "completed":
            break
        resume_run(texts)
        assert run_files() == expected, steps
    assert steps > 3


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_resumes_from_its_carried_state(cell: str, dropout: float) -> None:
    texts, plan = CASES["a stream"]
    plan = {"hidden_size": 5, "layers": 2, "cell": cell, "dropout": dropout, **plan}
    train_run(texts, stop=never_stop, **plan)
    expected = run_files()
    for steps in (1, 3, 6):
        train_run(texts, stop=stop_after(steps), **plan)
        resume_run(texts, stop=stop_after(2))
        resume_run(texts)
        assert run_files() == expected, steps


def test_a_resumed_run_with_recoveries_and_reports_equals_an_uninterrupted_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("charseq.training.loop.POSITIONS_BETWEEN_REPORTS", 40)
    monkeypatch.setattr("charseq.training.divergence.UPDATES_BETWEEN_COPIES", 2)
    plan: dict[str, Any] = {
        "hidden_size": 9,
        "cell": "rnn-relu",
        "learning_rate": 2.0,
        "recoveries": 9,
        "epochs": 2,
    }
    plan |= {"sequence_length": 7, "batch_size": 2, "validation": 0.1, "until_learned": False}
    events = train_run((STREAM,), stop=never_stop, **plan)
    assert any(isinstance(event, Report) for event in events)
    assert isinstance(events[-1], End)
    assert events[-1].recoveries > 0
    expected = run_files()
    for steps in range(1, events[-1].recoveries + 14, 2):
        stopped = train_run((STREAM,), stop=stop_after(steps), **plan)[-1]
        assert isinstance(stopped, End)
        if stopped.status == "interrupted":
            resume_run((STREAM,))
        assert run_files() == expected, steps


def test_more_epochs_at_a_constant_rate_are_those_of_a_longer_run() -> None:
    texts, plan = CASES["a stream"]
    plan = {**plan, "cell": "lstm", "hidden_size": 5, "schedule": "constant", "patience": 0}
    longer = train_run(texts, stop=never_stop, **{**plan, "epochs": 5})
    expected = MODEL.read_bytes()
    train_run(texts, stop=never_stop, **plan)
    events = resume_run(texts, epochs=5)
    assert MODEL.read_bytes() == expected
    added = [event for event in events if isinstance(event, Epoch)]
    others = [event for event in longer if isinstance(event, Epoch)][2:]
    assert [(e.epoch, e.loss, e.validation_loss) for e in added] == [
        (e.epoch, e.loss, e.validation_loss) for e in others
    ]
    log = [json.loads(line) for line in (OUT / "log.ndjson").read_text().splitlines()]
    assert [record.get("epoch") for record in log[1:-1]] == [1, 2, 3, 4, 5]
    assert log[0]["epochs"] == 5


def test_patience_and_the_best_model_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.evaluation.FEWEST_HELD_OUT", 5)
    plan: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 5,
        "epochs": 50,
        "patience": 2,
        "learning_rate": 0.5,
    }
    plan |= {"validation": 0.1, "sequence_length": 9}
    whole = train_run((STREAM,), stop=never_stop, **plan)
    assert isinstance(whole[-1], End)
    assert whole[-1].epochs < 50
    expected = run_files()
    updates = next(i for i in range(1, 99) if _epochs(train_run((STREAM,), stop=stop_after(i), **plan)) == 2)
    train_run((STREAM,), stop=stop_after(updates), **plan)
    resume_run((STREAM,))
    assert run_files() == expected


def _epochs(events: list[Event]) -> int:
    return sum(isinstance(event, Epoch) for event in events)


@pytest.mark.long
def test_a_time_limit_is_the_budget_of_the_whole_run() -> None:
    plan: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 5,
        "time_limit": 100.0,
        "sequence_length": 9,
        "validation": 0.1,
    }
    train_run((STREAM,), stop=stop_after(5), **plan)
    left = load_run(MODEL)
    seconds = left.state.progress["seconds"]
    assert 0 < seconds < 100
    write(MODEL, left.model, replace(left.state, progress={**left.state.progress, "seconds": 98.5}))
    events = resume_run((STREAM,))
    assert isinstance(events[-1], End)
    assert events[-1].status == "completed"
    assert 98.5 < events[-1].seconds < 100.5
    with pytest.raises(UsageError, match="the time limit is reached") as error:
        resume_run((STREAM,))
    assert error.value.hint.startswith("give a larger --time-limit, or")
    more = resume_run((STREAM,), time_limit=101)
    assert isinstance(more[0], Start)
    assert more[0].resumed == pytest.approx(events[-1].last_passes)


def test_a_run_that_is_over_says_so_unless_there_is_more_to_do() -> None:
    texts, plan = CASES["strings"]
    train_run(texts, stop=never_stop, cell="gru", **plan)
    before = run_files()
    for changes in ({}, {"epochs": 3}, {"time_limit": 99.0}):
        message = r"'out' is complete after 4 epochs: the number of epochs is reached"
        with pytest.raises(UsageError, match=message) as error:
            resume_run(texts, **changes)
        assert error.value.hint == "give a larger --epochs, or train again without --resume"
    assert run_files() == before


def test_the_end_names_what_completed_the_run_and_the_log_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.evaluation.FEWEST_HELD_OUT", 5)
    plan: dict[str, Any] = {"cell": "gru", "hidden_size": 5}
    long = {"sequence_length": 9, "validation": 0.1, "ngram": 0}
    cases: list[tuple[str | None, dict[str, Any]]] = [
        ("epochs", {"epochs": 2}),
        ("memorized", {"learning_rate": 0.1}),
        ("time_limit", {"time_limit": 0.5, "patience": 0, **long}),
        ("patience", {"patience": 2, "learning_rate": 0.5, "epochs": 50, **long}),
    ]
    for reason, more in cases:
        *_, end = train_run((STREAM if "validation" in more else "hihello",), stop=never_stop, **plan, **more)
        assert isinstance(end, End)
        assert end.reason == reason
        assert "reason" not in run_files()[1].decode().splitlines()[-1]
    *_, end = train_run(("hihello",), stop=stop_after(3), **plan)
    assert isinstance(end, End)
    assert end.reason is None


def test_the_training_state_is_not_read_to_predict() -> None:
    train_run(("hihello",), stop=stop_after(3), cell="gru", epochs=9)
    model, data = read(MODEL), bytearray(MODEL.read_bytes())
    place = bytes(data).rfind(load_run(MODEL).state.tensors["optimizer.0.0"].tobytes())
    data[place] ^= 1
    MODEL.write_bytes(data)
    assert read(MODEL).arrays.keys() == model.arrays.keys()
    with pytest.raises(ModelFileError, match="optimizer"):
        load_run(MODEL)


def test_from_python_a_run_is_stopped_and_resumed() -> None:
    plan: dict[str, Any] = {"cell": "gru", "hidden_size": 5, "epochs": 9, "learning_rate": 0.01}
    whole = list(api.train("hihello", out="whole", **plan))
    assert isinstance(whole[-1], End)
    *_, stopped = api.train("hihello", out="out", stop=stop_after(5), **plan)
    assert isinstance(stopped, End)
    assert stopped.status == "interrupted"
    *_, end = api.train(resume="out")
    assert isinstance(end, End)
    assert MODEL.read_bytes() == Path("whole/model.safetensors").read_bytes()
    for wrong in (
        {"save_every": "10s"},
        {"save_every": 0},
        {"resume": "newest"},
        {"resume": "out", "force": True},
    ):
        with pytest.raises(UsageError):
            next(api.train("hihello", **wrong))


@pytest.mark.parametrize("kind", CASES)
def test_the_same_training_is_the_same_bytes_twenty_times(kind: str) -> None:
    texts, plan = CASES[kind]
    found = set()
    for _ in range(20):
        train_run(texts, stop=never_stop, **{"cell": "gru", "hidden_size": 5, "dropout": 0.5, **plan})
        found.add(run_files())
    assert len(found) == 1


def test_strings_are_saved_unless_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    plan: dict[str, Any] = {"cell": "gru", "hidden_size": 5, "epochs": 9}
    list(api.train("hihello", out="out", stop=stop_after(3), **plan))
    assert load_run(MODEL).source.texts == ("hihello",)
    monkeypatch.setattr("charseq.runs.resume.MAX_SAVED_CHARACTERS", 6)
    list(api.train("hihello", out="long", stop=stop_after(3), **plan))
    assert load_run(Path("long/model.safetensors")).source.texts == ()
    with pytest.raises(TextError, match="was not saved"):
        next(api.train(resume="long"))
    *_, end = api.train("hihello", resume="long")
    assert isinstance(end, End)
