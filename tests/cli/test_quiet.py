"""With --quiet, standard error has only errors, and standard output only results."""

import signal
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.forks import Forked
from tests.support.processes import wait_for_handler
from tests.support.training import LONG

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "2")


def test_quiet_training_prints_nothing_and_saves_its_model(charseq: Command) -> None:
    result = charseq("train", "--text", LONG, *FAST, "--quiet")
    assert (result.status, result.output, result.errors) == (0, "", "")
    assert Path("runs/0001-gru/model.safetensors").is_file()
    assert Path("runs/0001-gru/log.ndjson").read_text().count("\n") == 4


@pytest.mark.parametrize("form", [["--json"], ["--format", "plain"], ["--format", "json"]])
def test_quiet_training_prints_events_in_a_format_that_is_given(charseq: Command, form: list[str]) -> None:
    loud = charseq("train", "--text", "hihello", *FAST, *form)
    quiet = charseq("train", "--text", "hihello", *FAST, *form, "--quiet")
    assert len(quiet.output.splitlines()) == len(loud.output.splitlines()) >= 3
    assert quiet.errors == ""


def test_the_format_auto_is_no_request_for_events(charseq: Command) -> None:
    assert charseq("train", "--text", "hihello", *FAST, "--quiet", "--format", "auto").output == ""


def test_quiet_commands_print_their_results_alone(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FAST)
    Path("empty.txt").touch()
    for command in (
        ["predict", "h", "--temperature", "1"],
        ["predict", "hz", "--unknown", "skip"],
        ["score", "hihello", "hzi", "--unknown", "skip"],
        ["compare", "--text", "hihello", "--cells", "gru,none", "--epochs", "2"],
    ):
        loud, quiet = charseq(*command), charseq(*command, "--quiet")
        assert loud.errors, command
        assert (quiet.status, quiet.errors) == (0, ""), command
        assert len(quiet.output.splitlines()) == len(loud.output.splitlines()) >= 1, command
    assert charseq("score", "--file", "empty.txt", "--quiet").errors == ""
    charseq("train", "--file", "-", "--labels", *FAST, stdin=b"x\tab\ny\tba\n")
    quiet = charseq("classify", "ab", "az", "--unknown", "skip", "--quiet")
    assert (quiet.status, quiet.errors, len(quiet.output.splitlines())) == (0, "", 2)


def test_quiet_commands_print_errors(charseq: Command) -> None:
    assert charseq("train", "--text", "h", "--quiet").errors.startswith("charseq: the text 'h' has 1")
    assert "no trained model" in charseq("predict", "--quiet").errors
    below = charseq("train", "--text", "hihello", *FAST, "--require-accuracy", "1", "--quiet")
    assert below.status == 3
    assert "below the required 1" in below.errors
    diverged = charseq(
        "train", "--text", "hihello", *FAST, "--learning-rate", "1e30", "--clip", "0", "--quiet"
    )
    assert diverged.status == 1
    assert diverged.errors.startswith("diverged after")


@pytest.mark.parametrize("place", ["variable", "file"])
def test_quiet_can_come_from_the_environment_and_from_a_file(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("CHARSEQ_EPOCH", "3")  # misspelled
    assert "did you mean" in charseq("train", "--text", "hihello", *FAST).errors
    if place == "variable":
        monkeypatch.setenv("CHARSEQ_QUIET", "1")
    else:
        Path("settings.toml").write_text("quiet = true\n")
        monkeypatch.setenv("CHARSEQ_CONFIG", "settings.toml")
    result = charseq("train", "--text", "hihello", *FAST)
    assert (result.output, result.errors) == ("", "")


def test_one_quiet_command_does_not_silence_the_next(charseq: Command) -> None:
    charseq("train", "--text", "hihello", *FAST, "--quiet")
    assert "parameters" in charseq("train", "--text", "hihello", *FAST).errors


def test_an_interrupted_quiet_run_prints_nothing() -> None:
    process = Forked("train", "--text", LONG, "--quiet", "--epochs", "1000000", "--patience", "0", "--json")
    assert process.stdout is not None
    assert process.stdout.readline()
    wait_for_handler(process, signal.SIGINT)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")
    assert b'"status": "interrupted"' in output.splitlines()[-1]
