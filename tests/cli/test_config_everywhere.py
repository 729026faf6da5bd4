"""Every command takes its options from a --config file and from the environment."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, every_command

COMMANDS = {path: command for path, command in every_command().items() if path not in ("", "config")}
"""All but the groups that do nothing by themselves."""


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_takes_a_configuration_file(charseq: Command, path: str) -> None:
    assert any("--config" in parameter.opts for parameter in COMMANDS[path].params)
    Path("wrong.toml").write_text("epcohs = 3")
    arguments = ["bash"] if path == "completion" else []
    result = charseq(*path.split(), *arguments, "--config", "wrong.toml")
    assert result.status == 2
    assert "unknown option 'epcohs'" in result.errors


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_known_to_the_file_and_to_the_environment(path: str) -> None:
    def is_option(parameter: Any) -> bool:
        return bool(parameter.opts[0].startswith("--") and parameter.name != "help")

    for parameter in filter(is_option, COMMANDS[path].params):
        variable = "CHARSEQ_" + parameter.opts[0].removeprefix("--").replace("-", "_").upper()
        is_listed = parameter.name in (
            "text",
            "file",
            "until",
            "against",
            "validation_file",
        )  # read by the command itself, uncut
        assert is_listed or variable in parameter.envvar, parameter.opts


@pytest.mark.parametrize("command", ["cells", "runs", "runs show", "config show", "inspect-shapes ab"])
def test_a_file_sets_the_format_of_every_kind_of_command(charseq: Command, command: str) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    Path("f.toml").write_text("json = true")
    records = charseq(*command.split(), "--config", "f.toml").records
    assert all(isinstance(record, dict) for record in records)
    assert records


def test_the_environment_names_the_file_for_a_command_of_a_group(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    Path("f.toml").write_text("[runs.show]\nverify = true\njson = true")
    monkeypatch.setenv("CHARSEQ_CONFIG", "f.toml")
    assert charseq("runs", "show").records[0]["verified"] is True
    assert "\t" in charseq("runs").output


def test_the_file_of_a_group_applies_to_its_command(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    Path("f.toml").write_text("[runs]\nformat = 'table'\n[runs.show]\njson = true")
    assert charseq("runs", "--config", "f.toml", "show").records[0]["cell"] == "gru"


def test_an_option_of_a_group_applies_to_its_command(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    assert charseq("runs", "--json", "show").records == charseq("runs", "show", "--json").records


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[runs.shwo]\nverify = true", "[runs]: unknown option 'shwo'", "keys are the options"),
        ("[runs]\nshow = true", "'show' is a command", "[runs.show]"),
        ("[runs.show]\nepochs = 3", "[runs.show]: unknown option 'epochs'", "keys are the options"),
    ],
)
def test_a_mistake_in_the_table_of_a_group_is_named(
    charseq: Command, text: str, message: str, hint: str
) -> None:
    Path("f.toml").write_text(text)
    result = charseq("runs", "show", "--config", "f.toml")
    assert result.status == 2
    assert message in result.errors
    assert hint in result.errors


def test_a_name_that_a_command_and_an_option_have_is_an_option_where_it_has_a_value(charseq: Command) -> None:
    Path("f.toml").write_text("cells = 'rnn'")
    shown = charseq("inspect-gradients", "hello", "--config", "f.toml", "--json")
    assert [record["cell"] for record in shown.records] == ["rnn"]


def test_the_variable_of_an_option_of_a_group_is_known(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    monkeypatch.setenv("CHARSEQ_VERIFY", "1")
    shown = charseq("runs", "show", "--json")
    assert shown.records[0]["verified"] is True
    assert "is not an option" not in shown.errors


def test_the_configuration_of_a_command_of_a_group_is_shown(charseq: Command) -> None:
    Path("f.toml").write_text("[runs.show]\nverify = true")
    for words in (["runs", "show"], ["runs show"]):
        lines = charseq("config", "show", *words, "--config", "f.toml").output.splitlines()
        assert "runs show\tverify\ttrue\tf.toml" in lines
        assert all(line.startswith("runs show\t") for line in lines[1:])
