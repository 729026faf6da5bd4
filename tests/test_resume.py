"""A run that was stopped, and goes on as if it had not been."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq import api
from charseq.cells import CELLS
from charseq.corpus import Corpus
from charseq.defaults import choose
from charseq.errors import ModelFileError, TextError, UsageError
from charseq.events import End, Epoch, Event, Report, Start
from charseq.gather import Given
from charseq.lock import Lock
from charseq.model_file import read, write
from charseq.resumption import resumption
from charseq.runs import new_run, resumed_run
from charseq.training.loop import train
from charseq.training.optimizer import OPTIMIZERS
from tests.support import Command

STREAM = "".join(f"{i} and {i * i}; " for i in range(13))
LINES = ("ada", "grace", "alan", "barbara", "edsger", "donald", "john", "kay")
OUT = Path("out")
MODEL = OUT / "model.safetensors"


def stopped_after(updates: int) -> Callable[[], bool]:
    """Asked after every update (and after every epoch), say so from the given one on."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= updates

    return stop


def trained(
    texts: tuple[str, ...], *, stop: Callable[[], bool], lines: bool = False, **plan: Any
) -> list[Event]:
    given = Given(texts, lines=lines)
    corpus = Corpus(texts, lines)
    vocabulary = given.vocabulary(corpus)
    settings = choose(corpus, len(vocabulary), plan)
    run = lambda: new_run(settings.cell, OUT, force=True)  # noqa: E731
    return list(train(corpus, vocabulary, settings, run, given=given, stop=stop))


def resumed(
    texts: tuple[str, ...], *, stop: Callable[[], bool] = lambda: False, **changes: Any
) -> list[Event]:
    left = resumption(MODEL).with_changes(changes)
    corpus = Corpus(texts, left.given.lines)
    vocabulary = left.given.vocabulary(corpus)
    run = lambda: resumed_run(left.folder, left.logged)  # noqa: E731
    return list(train(corpus, vocabulary, left.settings, run, given=left.given, resumed=left, stop=stop))


def written() -> tuple[bytes, bytes]:
    return MODEL.read_bytes(), (OUT / "log.ndjson").read_bytes()


def never() -> bool:
    return False


KINDS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "strings": (("hihello", "abcab"), {"epochs": 4, "until_learned": False}),
    "strings in batches": (("hihello", "abcab", "cabbage"), {"epochs": 3, "batch_size": 2}),
    "a stream": (
        (STREAM,),
        {"epochs": 2, "sequence_length": 7, "batch_size": 3, "validation": 0.1, "average": 0.9},
    ),
    "lines": (LINES, {"epochs": 2, "batch_size": 3, "lines": True, "sequence_length": 4}),
}


def planned(kind: str, optimizer: str, dropout: float) -> Any:
    """A case of the suite where it is one of the usual; every other is a long one."""
    usual = optimizer == "adam" or (kind == "strings" and dropout)
    return pytest.param(kind, optimizer, dropout, marks=[] if usual else pytest.mark.long)


@pytest.mark.parametrize(
    ("kind", "optimizer", "dropout"),
    [
        planned(kind, optimizer, dropout)
        for kind in KINDS
        for optimizer in OPTIMIZERS
        for dropout in (0.0, 0.5)
    ],
)
def test_stopped_after_any_update_the_run_goes_on_as_if_it_had_not_been(
    kind: str, optimizer: str, dropout: float
) -> None:
    texts, plan = KINDS[kind]
    plan = {"hidden_size": 5, "layers": 2, "cell": "gru", "optimizer": optimizer, "dropout": dropout, **plan}
    trained(texts, stop=never, **plan)
    expected = written()
    steps = 0
    while True:
        steps += 1
        events = trained(texts, stop=stopped_after(steps), **plan)
        assert isinstance(events[-1], End)
        if events[-1].status == "completed":
            break
        resumed(texts)
        assert written() == expected, steps
    assert steps > 3


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_goes_on_from_its_carried_state(cell: str, dropout: float) -> None:
    texts, plan = KINDS["a stream"]
    plan = {"hidden_size": 5, "layers": 2, "cell": cell, "dropout": dropout, **plan}
    trained(texts, stop=never, **plan)
    expected = written()
    for steps in (1, 3, 6):
        trained(texts, stop=stopped_after(steps), **plan)
        resumed(texts, stop=stopped_after(2))
        resumed(texts)
        assert written() == expected, steps


def test_a_run_that_recovers_and_reports_goes_on_as_if_it_had_not_been_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("charseq.training.loop.PLACES_BETWEEN_REPORTS", 40)
    monkeypatch.setattr("charseq.training.watch.UPDATES_BETWEEN_COPIES", 2)
    plan: dict[str, Any] = {
        "hidden_size": 9,
        "cell": "rnn-relu",
        "learning_rate": 2.0,
        "recoveries": 9,
        "epochs": 2,
    }
    plan |= {"sequence_length": 7, "batch_size": 2, "validation": 0.1, "until_learned": False}
    events = trained((STREAM,), stop=never, **plan)
    assert any(isinstance(event, Report) for event in events)
    assert isinstance(events[-1], End)
    assert events[-1].recoveries > 0
    expected = written()
    for steps in range(1, events[-1].recoveries + 14, 2):
        stopped = trained((STREAM,), stop=stopped_after(steps), **plan)[-1]
        assert isinstance(stopped, End)
        if stopped.status == "interrupted":
            resumed((STREAM,))
        assert written() == expected, steps


def test_more_epochs_at_a_constant_rate_are_those_of_a_longer_run() -> None:
    texts, plan = KINDS["a stream"]
    plan = {**plan, "cell": "lstm", "hidden_size": 5, "schedule": "constant", "patience": 0}
    longer = trained(texts, stop=never, **{**plan, "epochs": 5})
    expected = MODEL.read_bytes()
    trained(texts, stop=never, **plan)
    events = resumed(texts, epochs=5)
    assert MODEL.read_bytes() == expected
    for event, other in zip(events[-4:-1], longer[-4:-1], strict=True):
        assert isinstance(event, Epoch)
        assert isinstance(other, Epoch)
        assert (event.epoch, event.loss, event.validation_loss) == (
            other.epoch,
            other.loss,
            other.validation_loss,
        )
    log = [json.loads(line) for line in (OUT / "log.ndjson").read_text().splitlines()]
    assert [record.get("epoch") for record in log[1:-1]] == [1, 2, 3, 4, 5]
    assert log[0]["epochs"] == 5


def test_patience_and_what_was_best_are_remembered() -> None:
    plan: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 5,
        "epochs": 50,
        "patience": 2,
        "learning_rate": 0.5,
    }
    plan |= {"validation": 0.1, "sequence_length": 9}
    whole = trained((STREAM,), stop=never, **plan)
    assert isinstance(whole[-1], End)
    assert whole[-1].epochs < 50
    expected = written()
    updates = next(i for i in range(1, 99) if _epochs(trained((STREAM,), stop=stopped_after(i), **plan)) == 2)
    trained((STREAM,), stop=stopped_after(updates), **plan)
    resumed((STREAM,))
    assert written() == expected


def _epochs(events: list[Event]) -> int:
    return sum(isinstance(event, Epoch) for event in events)


def test_a_time_limit_is_the_budget_of_the_whole_run() -> None:
    plan: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 5,
        "time_limit": 1000.0,
        "sequence_length": 9,
        "validation": 0.1,
    }
    trained((STREAM,), stop=stopped_after(5), **plan)
    left = resumption(MODEL)
    seconds = left.state.place["seconds"]
    assert 0 < seconds < 100
    write(MODEL, left.model, replace(left.state, place={**left.state.place, "seconds": 999.95}))
    events = resumed((STREAM,))
    assert isinstance(events[-1], End)
    assert events[-1].status == "completed"
    assert 999.95 < events[-1].seconds < 1002
    with pytest.raises(UsageError, match="nothing left to do"):
        resumed((STREAM,))
    more = resumed((STREAM,), time_limit=1000.5)
    assert isinstance(more[0], Start)
    assert more[0].resumed == pytest.approx(events[-1].last_passes)


def test_a_run_that_is_over_says_so_unless_there_is_more_to_do() -> None:
    texts, plan = KINDS["strings"]
    trained(texts, stop=never, cell="gru", **plan)
    before = written()
    with pytest.raises(UsageError, match="it has done 4 epochs of 4"):
        resumed(texts)
    with pytest.raises(UsageError, match="it has done 4 epochs of 3"):
        resumed(texts, epochs=3)
    assert written() == before


def test_a_run_that_has_diverged_cannot_go_on() -> None:
    trained(("hihello",), stop=never, cell="gru", learning_rate=1e30, epochs=9)
    with pytest.raises(ModelFileError, match="no run that could go on"):
        resumption(MODEL)


@pytest.mark.parametrize("text", ["hihellp", "hihell", "hihello.", "ohelhil"])
def test_another_text_is_refused(text: str) -> None:
    trained(("hihello",), stop=stopped_after(3), cell="gru", epochs=9)
    before = written()
    with pytest.raises(TextError, match="its hash is another"):
        resumed((text,))
    assert written() == before


def test_a_log_that_is_damaged_or_gone_is_begun_again() -> None:
    texts, plan = KINDS["strings"]
    for damaged in (b"", b"{half"):
        trained(texts, stop=stopped_after(4), cell="gru", **plan)
        (OUT / "log.ndjson").write_bytes(damaged)
        resumed(texts)
        lines = (OUT / "log.ndjson").read_text().splitlines()
        assert [json.loads(line)["event"] for line in (lines[0], lines[-1])] == ["start", "end"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"epochs": "2"},
        {"updates": None},
        {"tally": {}},
        {"tally": {"cost": "1", "right": 0.0, "places": 0}},
        {"text": {"texts": [1], "files": []}},
        {"text": {"texts": "abc", "files": 7}},
        {"text": None},
    ],
    ids=str,
)
def test_a_place_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    trained(("hihello",), stop=stopped_after(3), cell="gru", epochs=9)
    left = resumption(MODEL)
    write(MODEL, left.model, replace(left.state, place={**left.state.place, **wrong}))
    with pytest.raises(ModelFileError):
        resumed(("hihello",))


def test_tensors_that_do_not_fit_are_refused() -> None:
    trained(("hihello",), stop=stopped_after(3), cell="gru", epochs=9)
    left = resumption(MODEL)
    for name in left.state.tensors:
        if name == "generator":
            continue
        for other in ({}, {name: left.state.tensors[name][:-1]}, {name: np.zeros(3, np.uint8)}):
            tensors = {n: a for n, a in left.state.tensors.items() if n != name}
            write(MODEL, left.model, replace(left.state, tensors={**tensors, **other}))
            with pytest.raises(ModelFileError, match="does not fit"):
                resumed(("hihello",))


def test_what_a_run_needs_to_go_on_is_not_read_to_predict() -> None:
    trained(("hihello",), stop=stopped_after(3), cell="gru", epochs=9)
    model, data = read(MODEL), bytearray(MODEL.read_bytes())
    place = bytes(data).rfind(resumption(MODEL).state.tensors["optimizer.0.0"].tobytes())
    data[place] ^= 1
    MODEL.write_bytes(data)
    assert read(MODEL).arrays.keys() == model.arrays.keys()
    with pytest.raises(ModelFileError, match="optimizer"):
        resumption(MODEL)


CONFIGURED = ["--cell", "rnn", "--hidden-size", "5", "--learning-rate", "0.01"]


def test_the_command_goes_on_with_the_newest_run_or_one_that_is_named(charseq: Command) -> None:
    Path("text.txt").write_text("hihello")
    charseq.train("--file", "text.txt", *CONFIGURED, "--epochs", "3", "--out", "other")
    charseq.train("--file", "text.txt", *CONFIGURED, "--epochs", "3")
    for named, folder in (
        ([], "runs/0001-rnn"),
        (["other"], "other"),
        (["other/model.safetensors"], "other"),
    ):
        first, *_, last = charseq.train("--resume", *named, "--epochs", "5")
        assert (first["run"], first["resumed"], first["epochs"]) == (folder, 3, 5) or named == [
            "other/model.safetensors"
        ]
        assert last["status"] == "completed"
        if named == ["other"]:
            Path("other/log.ndjson").unlink()
            charseq.train("--file", "text.txt", *CONFIGURED, "--epochs", "3", "--out", "other", "--force")
    result = charseq("train", "--resume=runs/0001-rnn", "--epochs", "6")
    assert result.status == 0
    assert "going on with runs/0001-rnn after 5 epochs" in result.errors


@pytest.mark.parametrize(
    ("options", "value", "remedy"),
    [
        (
            ["--hidden-size", "6"],
            "--hidden-size 6 would make it another run; 'runs/0001-rnn' has 5",
            "train anew",
        ),
        (["--cell", "gru"], "--cell gru", "train anew"),
        (["--seed", "1"], "--seed 1", "train anew"),
        (["--learning-rate", "0.02"], "--learning-rate 0.02", "train anew"),
        (["--optimizer", "sgd"], "--optimizer sgd", "train anew"),
        (["--lines"], "--lines True", "train anew"),
        (["--unit", "byte"], "--unit byte", "train anew"),
        (["--vocabulary", "xyz"], "--vocabulary xyz", "train anew"),
        (["--text", "hallo"], "the text is not the one", "without --resume"),
        (["--out", "elsewhere"], "--resume and --out exclude each other", "one of them"),
        (["--force"], "--resume and --force exclude each other", "one of them"),
        (["--epochs", "2"], "it has done 3 epochs of 2", "more --epochs"),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_what_would_make_it_another_run_is_refused(
    charseq: Command, options: list[str], value: str, remedy: str
) -> None:
    charseq.train("--text", "hihello", *CONFIGURED, "--epochs", "3")
    before = Path("runs/0001-rnn/model.safetensors").read_bytes()
    result = charseq("train", "--resume", *options)
    assert result.status == 2
    assert value in result.errors
    assert remedy in result.errors
    assert len(result.errors.splitlines()) <= 3
    assert Path("runs/0001-rnn/model.safetensors").read_bytes() == before


def test_the_same_options_may_be_given_again(charseq: Command) -> None:
    given = ["--text", "hihello", *CONFIGURED]
    charseq.train(*given, "--epochs", "3")
    assert charseq.train(*given, "--epochs", "4", "--resume")[-1]["epochs"] == 4


def test_a_text_from_standard_input_has_to_be_given_again(charseq: Command) -> None:
    assert charseq("train", "--file", "-", *CONFIGURED, "--epochs", "3", stdin=b"hihello").status == 0
    result = charseq("train", "--resume", "--epochs", "5")
    assert result.status == 2
    assert "by --file -" in result.errors
    assert charseq("train", "--resume", "--epochs", "5", "--file", "-", stdin=b"hihello").status == 0


def test_a_text_that_has_moved_is_named(charseq: Command) -> None:
    Path("a.txt").write_text("hihello")
    charseq.train("--file", "a.txt", *CONFIGURED, "--epochs", "3")
    Path("a.txt").rename("b.txt")
    result = charseq("train", "--resume", "--epochs", "5")
    assert result.status == 2
    assert "is not at 'a.txt'" in result.errors
    assert charseq("train", "--resume", "--epochs", "5", "--file", "b.txt").status == 0
    Path("b.txt").unlink()
    os.mkfifo("b.txt")
    assert "is not at 'b.txt'" in charseq("train", "--resume", "--epochs", "6").errors


def test_without_a_run_there_is_nothing_to_go_on_with(charseq: Command) -> None:
    for named in (["--resume"], ["--resume", "newest", "--json"]):
        result = charseq("train", *named)
        assert (result.status, "there is no trained model" in result.errors) == (2, True)
        assert "by --resume" in result.errors


def test_a_run_that_is_under_way_is_not_gone_on_with(charseq: Command) -> None:
    Path("mine").mkdir()
    lock = Lock(Path("mine"))
    result = charseq("train", "--resume", "mine")
    lock.release()
    assert (result.status, f"process {os.getpid()}" in result.errors) == (1, True)


def test_from_python_a_run_is_stopped_and_gone_on_with() -> None:
    plan: dict[str, Any] = {"cell": "gru", "hidden_size": 5, "epochs": 9, "learning_rate": 0.01}
    whole = list(api.train("hihello", out="whole", **plan))
    assert isinstance(whole[-1], End)
    *_, stopped = api.train("hihello", out="out", stop=stopped_after(5), **plan)
    assert isinstance(stopped, End)
    assert stopped.status == "interrupted"
    *_, end = api.train(resume="out")
    assert isinstance(end, End)
    assert Path(end.model).read_bytes() == Path(whole[-1].model).read_bytes()
    for wrong in (
        {"save_every": "10s"},
        {"save_every": 0},
        {"resume": "newest"},
        {"resume": "out", "force": True},
    ):
        with pytest.raises(UsageError):
            next(api.train("hihello", **wrong))


def test_a_model_of_before_runs_could_go_on_is_refused_with_what_it_lacks(charseq: Command) -> None:
    charseq.train("--text", "hihello", *CONFIGURED, "--epochs", "3")
    path = Path("runs/0001-rnn/model.safetensors")
    write(path, read(path))
    result = charseq("train", "--resume", "--epochs", "9")
    assert (result.status, "holds no run that could go on" in result.errors) == (2, True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_training_is_the_same_bytes_twenty_times(kind: str) -> None:
    texts, plan = KINDS[kind]
    found = set()
    for _ in range(20):
        trained(texts, stop=never, **{"cell": "gru", "hidden_size": 5, "dropout": 0.5, **plan})
        found.add(written())
    assert len(found) == 1


def test_strings_are_kept_unless_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    plan: dict[str, Any] = {"cell": "gru", "hidden_size": 5, "epochs": 9}
    list(api.train("hihello", out="out", stop=stopped_after(3), **plan))
    assert resumption(MODEL).given.texts == ("hihello",)
    monkeypatch.setattr("charseq.resumption.MOST_KEPT", 6)
    list(api.train("hihello", out="out", force=True, stop=stopped_after(3), **plan))
    assert resumption(MODEL).given.texts == ()
    with pytest.raises(TextError, match="was not kept"):
        next(api.train(resume="out"))
    *_, end = api.train("hihello", resume="out")
    assert isinstance(end, End)
