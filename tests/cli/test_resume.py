"""train --resume: which run is resumed, which options may change, and where its text comes from."""

import os
from pathlib import Path

import pytest

from charseq.model.model_file import read, write
from charseq.runs.lock import Lock
from tests.support.command import Command, shell

CONFIGURED = ["--cell", "rnn", "--hidden-size", "5", "--learning-rate", "0.01"]


def test_the_command_resumes_the_newest_run_or_a_named_one(charseq: Command) -> None:
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
    assert "resuming runs/0001-rnn after 5 epochs" in result.errors


@pytest.mark.parametrize(
    ("options", "value", "remedy"),
    [
        (
            ["--hidden-size", "6"],
            "--hidden-size 6 cannot change when a run is resumed: 'runs/0001-rnn' has 5",
            "start a new run",
        ),
        (["--cell", "gru"], "--cell gru", "start a new run"),
        (["--seed", "1"], "--seed 1", "start a new run"),
        (["--learning-rate", "0.02"], "--learning-rate 0.02", "start a new run"),
        (["--optimizer", "sgd"], "--optimizer sgd", "start a new run"),
        (["--lines"], "'runs/0001-rnn' was trained without", "start a new run"),
        (["--unit", "byte"], "--unit byte", "start a new run"),
        (["--vocabulary", "xyz"], "--vocabulary xyz", "start a new run"),
        (["--text", "hallo"], "was trained on a different text", "without --resume"),
        (["--out", "elsewhere"], "--resume cannot be combined with --out", "one of them"),
        (["--force"], "--resume cannot be combined with --force", "one of them"),
        (["--epochs", "2"], "is complete after 3 epochs", "larger --epochs"),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_a_change_of_a_setting_that_a_run_depends_on_is_refused(
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


def test_a_text_from_standard_input_must_be_passed_again_to_resume(charseq: Command) -> None:
    assert charseq("train", "--file", "-", *CONFIGURED, "--epochs", "3", stdin=b"hihello").status == 0
    result = charseq("train", "--resume", "--epochs", "5")
    assert result.status == 2
    assert "with --file -" in result.errors
    assert charseq("train", "--resume", "--epochs", "5", "--file", "-", stdin=b"hihello").status == 0


def test_a_text_that_has_moved_is_named(charseq: Command) -> None:
    Path("a.txt").write_text("hihello")
    charseq.train("--file", "a.txt", *CONFIGURED, "--epochs", "3")
    Path("a.txt").rename("b.txt")
    result = charseq("train", "--resume", "--epochs", "5")
    assert result.status == 2
    assert "is not found at 'a.txt'" in result.errors
    assert charseq("train", "--resume", "--epochs", "5", "--file", "b.txt").status == 0
    Path("b.txt").unlink()
    os.mkfifo("b.txt")
    assert "is not found at 'b.txt'" in charseq("train", "--resume", "--epochs", "6").errors


def test_without_a_run_there_is_nothing_to_resume(charseq: Command) -> None:
    for named in (["--resume"], ["--resume", "newest", "--json"]):
        result = charseq("train", *named)
        assert (result.status, "there is no trained model" in result.errors) == (2, True)
        assert "with --resume" in result.errors


def test_a_run_in_progress_cannot_be_resumed(charseq: Command) -> None:
    Path("mine").mkdir()
    lock = Lock(Path("mine"))
    result = charseq("train", "--resume", "mine")
    lock.release()
    assert (result.status, f"process {os.getpid()}" in result.errors) == (1, True)


def test_a_model_without_a_training_state_cannot_be_resumed(charseq: Command) -> None:
    charseq.train("--text", "hihello", *CONFIGURED, "--epochs", "3")
    path = Path("runs/0001-rnn/model.safetensors")
    write(path, read(path))
    result = charseq("train", "--resume", "--epochs", "9")
    assert (result.status, "cannot be resumed" in result.errors) == (2, True)


@pytest.mark.parametrize(("form", "label"), [("json", "interrupted; to resume:"), ("plain", "to resume:")])
def test_a_run_whose_reader_stops_says_how_to_resume_it(programs: Path, form: str, label: str) -> None:
    train = f"charseq train --text hihello --cell rnn --epochs 1000000 --format {form}"
    ended = shell(f"{train} | head -n 1", programs)
    *_, labeled, command = ended.stderr.splitlines()
    assert (labeled, command) == (label, "charseq train --resume runs/0001-rnn")


def test_the_table_of_a_resumed_run_has_its_earlier_epochs(charseq: Command) -> None:
    few = ["--text", "hihello", "--hidden-size", "7", "--learning-rate", "0.001", "--format", "table"]
    charseq("train", *few, "--epochs", "3")
    result = charseq("train", "--resume", "--epochs", "5", "--format", "table")
    assert [line.split()[0] for line in result.output.splitlines() if "/6" in line] == [
        "1",
        "2",
        "3",
        "4",
        "5",
    ]
