import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command

FEW = ("--epochs", "2")


def test_hihello_then_predict_with_no_other_option(charseq: Command) -> None:
    assert charseq("train", "--text", "hihello", "--cell", "lstm").status == 0
    assert charseq("predict").output == "hihello\n"
    assert charseq("predict", "h").output == "hihello\n"


def test_the_events_are_as_the_contract_has_them(charseq: Command) -> None:
    start, *epochs, end = charseq.train("--text", "hihello", "--cell", "lstm", "--epochs", "3")
    assert start["event"] == "start"
    assert start["schema"] == 1
    assert (start["cell"], start["layers"], start["vocabulary_size"]) == ("lstm", 1, 5)
    assert (start["device"], start["seed"], start["path"]) == ("cpu", 0, "fused")
    hidden = start["hidden_size"]
    assert start["parameters"] == 4 * hidden * (5 + hidden + 2) + 5 * hidden + 5
    assert [event["epoch"] for event in epochs] == [1, 2, 3]
    for event in epochs:
        assert event["event"] == "epoch"
        assert event["target"] == "ihello"
        assert len(event["prediction"]) == 6
        assert event["validation_loss"] is None
        assert event["loss"] > 0
        assert 0 <= event["accuracy"] <= 1
        assert event["characters_per_second"] > 0
        assert event["seconds"] >= 0
    assert (end["event"], end["status"]) == ("end", "completed")
    assert end["model"] == "runs/0001-lstm/model.safetensors"
    assert Path(end["model"]).is_file()


def test_several_strings_have_their_predictions_in_a_list(charseq: Command) -> None:
    _, epoch, _ = charseq.train("--text", "hihello", "--text", "hey", "--epochs", "1")
    assert epoch["target"] == ["ihello", "ey"]
    assert [len(prediction) for prediction in epoch["prediction"]] == [6, 2]


def test_every_run_gets_a_folder_of_its_own_with_a_log(charseq: Command) -> None:
    for cell in ("lstm", "rnn"):
        charseq.train("--text", "ab", "--cell", cell, *FEW)
    assert sorted(str(path) for path in Path("runs").rglob("[!.]*.*")) == [
        "runs/0001-lstm/log.ndjson",
        "runs/0001-lstm/model.safetensors",
        "runs/0002-rnn/log.ndjson",
        "runs/0002-rnn/model.safetensors",
    ]
    events = [json.loads(line)["event"] for line in Path("runs/0002-rnn/log.ndjson").read_text().splitlines()]
    assert events == ["start", "epoch", "epoch", "end"]


def test_out_is_the_runs_folder_and_is_replaced_by_force_only(charseq: Command) -> None:
    assert charseq.train("--text", "ab", "--out", "mine", *FEW)[-1]["model"] == "mine/model.safetensors"
    again = charseq("train", "--text", "ab", "--out", "mine", *FEW)
    assert again.status == 2
    assert "'mine' already contains a run" in again.errors
    assert "--force" in again.errors
    charseq.train("--text", "ab", "--out", "mine", "--force", *FEW)
    assert not Path("runs").exists()


def test_text_comes_from_a_file_from_standard_input_and_from_both(charseq: Command) -> None:
    Path("a.txt").write_text("하나 둘\n", encoding="utf-8")
    _, epoch, _ = charseq.train("--file", "a.txt", "--epochs", "1")
    assert epoch["target"] == "나 둘\n"
    result = charseq("train", "--file", "-", "--text", "xy", "--epochs", "1", "--json", stdin=b"abc")
    assert result.records[1]["target"] == ["y", "bc"]


def test_a_longer_file_is_read_in_windows_with_a_validation_split(charseq: Command) -> None:
    Path("a.txt").write_text("".join(f"{i}+{i}={2 * i}\n" for i in range(400)))
    start, epoch, end = charseq.train("--file", "a.txt", "--epochs", "1", "--hidden-size", "16")
    assert start["validation"] == 0.1
    assert epoch["validation_loss"] > 0
    assert end["validation_loss"] == epoch["validation_loss"]
    assert charseq("predict", "--length", "20", "--only-new").output.strip("\n")


def test_with_every_epoch_the_table_has_a_row_for_each(charseq: Command) -> None:
    command = "train --text hihello --hidden-size 5 --epochs 131 --learning-rate 0.001 --format table"
    assert "rows not shown" in charseq(*command.split()).output
    header, *rows = charseq(*command.split(), "--every-epoch").output.splitlines()
    assert header.split()[0] == "epoch"
    assert [int(row.split()[0]) for row in rows if "/6" in row] == [*range(1, 132)]


def test_a_pipe_gets_plain_lines(charseq: Command) -> None:
    result = charseq("train", "--text", "hihello", *FEW)
    header, *rows = result.output.splitlines()
    ids = ["predicted_ids", "target_ids"]
    assert header.split("\t") == ["epoch", "loss", "accuracy", "prediction", "target", *ids]
    assert [row.split("\t")[0] for row in rows] == ["1", "2"]
    assert rows[0].split("\t")[4] == "ihello"
    assert rows[0].split("\t")[-1] == "2 1 0 3 3 4"
    assert "seed 0" in result.errors
    assert "\x1b" not in result.output + result.errors


def test_the_table_can_be_asked_for_in_a_pipe_without_an_escape(charseq: Command) -> None:
    result = charseq("train", "--text", "hihello", "--format", "table", *FEW)
    assert "predicted ids" in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize("form", ["table", "plain", "json"])
def test_hostile_text_is_shown_and_never_obeyed(charseq: Command, form: str) -> None:
    text = "\x1b]0;x\x07[red]:boom:[/]\u202e\\"
    epochs = ("--epochs", "2") if form == "json" else ()
    result = charseq("train", "--text", text, "--format", form, "--cell", "lstm", *epochs)
    assert result.status == 0, result.errors
    for character in ("\x1b", "\x07", "\u202e"):
        assert character not in result.output + result.errors
    if form == "json":
        assert result.records[1]["target"] == text[1:]
    else:
        assert "[red]:boom:[/]\\u202e\\" in result.output


def test_required_accuracy_is_a_status(charseq: Command) -> None:
    assert charseq("train", "--text", "hihello", "--require-accuracy", "1").status == 0
    failed = charseq("train", "--text", "hihello", "--require-accuracy", "1", "--epochs", "1")
    assert failed.status == 3
    assert "below the required 1" in failed.errors
    assert Path("runs/0002-gru/model.safetensors").is_file()


def test_a_diverged_run_has_exit_code_1_and_valid_json(charseq: Command) -> None:
    result = charseq("train", "--text", "hihello", "--learning-rate", "1e30", "--json")
    assert result.status == 1
    assert result.records[-1]["status"] == "diverged"
    plain = charseq("train", "--text", "hihello", "--learning-rate", "1e30")
    assert plain.status == 1
    assert "smaller --learning-rate" in plain.errors


def test_options_come_from_the_environment_and_a_flag_overrides_them(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARSEQ_CELL", "rnn")
    monkeypatch.setenv("CHARSEQ_HIDDEN_SIZE", "3")
    monkeypatch.setenv("CHARSEQ_TEXT", "two words")
    monkeypatch.setenv("CHARSEQ_EPOCHS", "1")
    start, epoch, _ = charseq.train("--hidden-size", "4")
    assert (start["cell"], start["hidden_size"]) == ("rnn", 4)
    assert epoch["target"] == "wo words"


def test_a_vocabulary_can_know_more_than_the_text(charseq: Command) -> None:
    start, *_ = charseq.train("--text", "hihello", "--vocabulary", "abc", *FEW)
    assert start["symbols"] == list("abcehilo")
    assert charseq("predict", "abc", "--length", "1").status == 0


@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
def test_any_unit_trains_and_predicts(charseq: Command, unit: str) -> None:
    text = "각e\u0301👩‍👩‍👧"
    assert charseq("train", "--text", text, "--unit", unit, "--cell", "lstm").status == 0
    record = charseq("predict", "각", "--json").records[0]
    assert record["prompt"] + record["text"] == text


def test_bytes_that_are_no_text_train_where_the_unit_is_the_byte(charseq: Command) -> None:
    Path("a.bin").write_bytes(b"\xff\x00\xfe\xff\x01")
    assert charseq("train", "--file", "a.bin", "--unit", "byte").status == 0


def test_lines_make_a_model_that_begins_and_ends_lines(charseq: Command) -> None:
    lines = b"ada\nalan\ngrace\n" * 6
    result = charseq(
        "train", "--file", "-", "--lines", "--epochs", "120", "--patience", "0", "--json", stdin=lines
    )
    assert result.status == 0, result.errors
    made = charseq("predict", "--samples", "12", "--temperature", "0.3").output.splitlines()
    assert len(made) == 12
    assert set(made) <= {"ada", "alan", "grace"}


def test_the_largest_window_and_batch_use_no_more_memory_than_the_text(charseq: Command) -> None:
    largest = ("--sequence-length", "1000000000", "--batch-size", "1000000000")
    assert charseq.train("--text", "hihello", *largest, *FEW)[-1]["epochs"] == 2
    charseq.train("--text", "hihello", *largest, "--stride", "1000000000", *FEW)


def test_a_run_that_cannot_be_created_is_exit_code_1(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARSEQ_RUNS", "x" * 300)
    result = charseq("train", "--text", "ab", *FEW)
    assert result.status == 1
    assert "cannot create a run in 'xxx" in result.errors


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7200000000 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    ],
    ids=repr,
)
def test_too_little_memory_has_exit_code_1(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def large(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("charseq.training.loop.train", large)
    result = charseq("train", "--text", "ab")
    assert result.status == 1
    assert result.errors.splitlines() == [
        "charseq: out of memory",
        "  use a smaller network or batch size",
    ]


def test_a_bug_has_exit_code_70_and_shows_its_traceback_with_debug(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("charseq.runs.prepare.choose_settings", broken)
    quiet = charseq("train", "--text", "ab")
    assert quiet.status == 70
    assert "a bug in charseq: ZeroDivisionError: oh" in quiet.errors
    assert "Traceback" not in quiet.errors
    monkeypatch.setenv("CHARSEQ_DEBUG", "0")
    assert "Traceback" in charseq("train", "--text", "ab", "--debug").errors


@pytest.mark.parametrize("columns", ["0", "²", "-1", ""])
def test_a_screen_of_unknown_width_has_80_columns(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = charseq("train", "--text", "hihello", "--epochs", "2", "--format", "table")
    header = "epoch    loss  correct  predicted ids  target ids   prediction"
    assert result.output.startswith(header)
