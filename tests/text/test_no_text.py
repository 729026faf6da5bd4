"""Messages of commands without text, or with empty text."""

import os
from pathlib import Path

import pytest

from charseq.errors import TextError
from charseq.text.sources import TextSource
from tests.support.command import Command

READERS = ["train", "compare", "inspect-shapes", "inspect-gradients"]


@pytest.mark.parametrize("command", [*READERS, "score"])
def test_a_command_without_a_text_says_so_and_how_to_give_one(charseq: Command, command: str) -> None:
    result = charseq(command)
    assert result.status == 2
    message, hint = result.errors.splitlines()
    assert message.startswith("charseq: no text ")
    assert message.endswith("was given")
    assert "--text" in hint
    assert "--file PATH" in hint
    assert "standard input" in hint


@pytest.mark.parametrize("command", READERS)
def test_an_empty_file_is_named(charseq: Command, command: str) -> None:
    Path("empty.txt").touch()
    Path("full.txt").write_text("hihello")
    for others in ([], ["--file", "full.txt"], ["--text", "hihello"]):
        result = charseq(command, *others, "--file", "empty.txt")
        assert result.status == 2
        assert result.errors.startswith("charseq: 'empty.txt' is empty\n"), result.errors


@pytest.mark.parametrize("command", READERS)
def test_empty_standard_input_is_named(charseq: Command, command: str) -> None:
    result = charseq(command, "--file", "-")
    assert result.status == 2
    assert result.errors.startswith("charseq: standard input is empty\n")


@pytest.mark.parametrize("command", ["inspect-shapes", "inspect-gradients"])
def test_a_dash_with_empty_standard_input_is_not_a_missing_text(charseq: Command, command: str) -> None:
    result = charseq(command, "-")
    assert result.status == 2
    assert result.errors.startswith("charseq: standard input is empty\n")


def test_two_empty_files_are_both_named(charseq: Command) -> None:
    Path("a.txt").touch()
    Path("b.txt").touch()
    result = charseq("train", "--lines", "--file", "a.txt", "--file", "b.txt")
    assert result.errors.startswith("charseq: 'a.txt' and 'b.txt' are empty\n")


def test_one_file_of_lines_may_be_empty(charseq: Command) -> None:
    Path("empty.txt").touch()
    Path("names.txt").write_text("ada\ngrace\n")
    charseq.train("--lines", "--file", "names.txt", "--file", "empty.txt", "--epochs", "1")


def test_a_text_of_empty_lines_is_not_called_missing(charseq: Command) -> None:
    Path("blank.txt").write_text("\n\n")
    result = charseq("train", "--lines", "--file", "blank.txt")
    assert (result.status, "only empty lines" in result.errors) == (2, True)


def test_an_empty_variable_gives_no_text(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CHARSEQ_TEXT", "")
    assert "no text was given" in charseq("train").errors
    monkeypatch.setitem(os.environ, "CHARSEQ_TEXT", "hihello")
    assert charseq("inspect-shapes").status == 0


def test_python_raises_the_same_errors() -> None:
    import io

    for source, message in (
        (TextSource(), "no text was given"),
        (TextSource(files=("a.txt",)), "'a.txt' is empty"),
    ):
        Path("a.txt").touch()
        with pytest.raises(TextError, match=message), source.opened(io.BytesIO()):
            pass


def test_score_and_predict_name_an_empty_file_and_return_a_result(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1")
    Path("empty.txt").touch()
    scored = charseq("score", "--file", "empty.txt", "--json")
    assert (scored.status, len(scored.records)) == (0, 1)
    assert scored.errors == "charseq: 'empty.txt' is empty\n  there is nothing to score\n"
    predicted = charseq("predict", "--file", "empty.txt", "--json")
    assert (predicted.status, len(predicted.records)) == (0, 1)
    assert "'empty.txt' is empty" in predicted.errors
    nothing = charseq("predict", "--file", "-")
    assert (nothing.status, nothing.output) == (0, "")
    assert nothing.errors == "charseq: standard input is empty\n  there is nothing to predict\n"


def test_a_model_without_memorized_text_requires_one(charseq: Command) -> None:
    charseq.train("--text", "ab" * 600, "--epochs", "1", "--hidden-size", "4")
    for command in ("inspect-shapes", "inspect-gradients"):
        result = charseq(command, "--model", "runs/0001-rnn-norm")
        assert result.status == 2
        assert result.errors.startswith("charseq: no text was given\n"), result.errors
