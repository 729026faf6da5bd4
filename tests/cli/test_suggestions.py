"""Suggestions for a misspelled name, from the function and on the command line."""

import os
from pathlib import Path

import pytest

from charseq.suggestions import did_you_mean, suggestions
from tests.support.command import Command

OPTIONS = ["--text", "--temperature", "--top", "--top-k", "--help", "--learning-rate", "--hidden-size"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("--temp", ["--temperature"]),
        ("--temperatur", ["--temperature"]),
        ("--temprature", ["--temperature"]),
        ("--tempreature", ["--temperature"]),
        ("--TOP_K", ["--top-k"]),
        ("--to", ["--top", "--top-k"]),
        ("--hlep", ["--help"]),
        ("--rate", ["--learning-rate"]),
        ("--lr", ["--learning-rate"]),
        ("--zzz", []),
        ("--", []),
    ],
)
def test_a_prefix_is_the_best_suggestion_then_a_small_edit_then_a_word(
    name: str, expected: list[str]
) -> None:
    assert suggestions(name, OPTIONS) == expected


def test_a_prefix_goes_before_nearer_names() -> None:
    assert suggestions("lea", ["lear", "sea", "learning-rate"]) == ["lear", "learning-rate", "sea"]


def test_there_are_at_most_three_suggestions_the_shortest_prefix_first() -> None:
    names = [f"t{'x' * i}" for i in (5, 3, 4, 2)]
    assert suggestions("t", names) == ["txx", "txxx", "txxxx"]


def test_swapped_letters_are_one_edit() -> None:
    assert suggestions("gur", ["rnn", "gru"]) == ["gru"]


def test_suggestions_are_one_question() -> None:
    assert did_you_mean("x", ["y1"]) == ""
    assert did_you_mean("a", ["ab"]) == "did you mean 'ab'?"
    assert did_you_mean("a", ["ab", "abc"]) == "did you mean 'ab' or 'abc'?"
    assert did_you_mean("a", ["ab", "abc", "abcd"]) == "did you mean 'ab', 'abc' or 'abcd'?"


@pytest.mark.parametrize(
    ("arguments", "name", "question"),
    [
        (["predict", "--temp", "1"], "--temp", "did you mean --temperature?"),
        (["predict", "--temp=1"], "--temp", "did you mean --temperature?"),
        (["predict", "-temperature", "1"], "-t", "did you mean --temperature?"),
        (["train", "--lr", "1"], "--lr", "did you mean --learning-rate?"),
        (["train", "--no-residul"], "--no-residul", "did you mean --no-residual?"),
        (["trian"], "'trian'", "did you mean 'train'?"),
        (["comp"], "'comp'", "did you mean 'compare' or 'completion'?"),
        (["runs", "shwo"], "'shwo'", "did you mean 'show'?"),
        (["config", "show", "trian"], "'trian'", "did you mean 'train'?"),
        (["train", "--text", "ab", "--cell", "relu"], "'relu'", "did you mean 'rnn-relu'?"),
        (["compare", "--text", "ab", "--cells", "gru,lst"], "'lst'", "did you mean 'lstm'?"),
        (["train", "--schedule", "cos"], "'cos'", "did you mean 'cosine'?"),
        (["score", "--unknown", "rep"], "'rep'", "did you mean 'replace'?"),
        (["completion", "fsih"], "'fsih'", "did you mean 'fish'?"),
        (["train", "--config", "key.toml"], "'epchs'", "did you mean 'epochs'?"),
        (["train", "--config", "table.toml"], "'trian'", "did you mean 'train'?"),
        (["train", "--config", "value.toml"], "'cosin'", "did you mean 'cosine'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_every_misspelt_name_of_a_command_line_gets_the_likeliest(
    charseq: Command, arguments: list[str], name: str, question: str
) -> None:
    Path("key.toml").write_text("epchs = 3")
    Path("table.toml").write_text("[trian]\nepochs = 3")
    Path("value.toml").write_text("schedule = 'cosin'")
    result = charseq(*arguments)
    assert result.status == 2
    assert name in result.errors
    assert question in result.errors
    assert len(result.errors.splitlines()) == 2


def test_a_variable_that_begins_an_option_suggests_it(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "CHARSEQ_TEMP", "1")
    assert "did you mean CHARSEQ_TEMPERATURE?" in charseq("cells").errors


def test_the_option_debug_is_suggested_too(charseq: Command) -> None:
    assert "did you mean --debug?" in charseq("cells", "--debu").errors
