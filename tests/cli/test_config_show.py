from pathlib import Path

import pytest

from tests.support.command import Command

Rows = dict[tuple[str, str], tuple[str, str]]


def shown(charseq: Command, *arguments: str) -> Rows:
    """Value and source by command and option."""
    head, *lines = charseq("config", "show", *arguments).output.splitlines()
    assert head == "command\toption\tvalue\tfrom"
    rows = [line.split("\t") for line in lines]
    return {(command, option): (value, source) for command, option, value, source in rows}


def test_every_option_has_its_default(charseq: Command) -> None:
    rows = shown(charseq)
    assert rows["predict", "top-p"] == ("1", "default")
    assert rows["train", "epochs"] == (
        "from the text; training ends early once short text is memorized",
        "default",
    )
    assert rows["score", "lines"] == ("false", "default")
    assert {command for command, _ in rows} == {
        "train", "predict", "score", "classify", "serve", "inspect-shapes", "inspect-loss",
        "inspect-gradients", "inspect-neurons", "compare", "plot", "cells", "replay", "report", "runs",
        "runs show", "runs remove", "export", "import", "config show", "completion",
    }  # fmt: skip


def test_each_value_has_its_source(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("f.toml").write_text('epochs = 3\nseed = 5\n[predict]\ntop-k = 2\nuntil = ["a", "b"]\n')
    monkeypatch.setenv("CHARSEQ_SEED", "7")
    monkeypatch.setenv("CHARSEQ_TEXT", "hi there")
    rows = shown(charseq, "train", "predict", "--config", "f.toml")
    assert rows["train", "epochs"] == ("3", "f.toml")
    assert rows["train", "seed"] == ("7", "CHARSEQ_SEED")
    assert rows["train", "text"] == ("hi there", "CHARSEQ_TEXT")
    assert rows["predict", "top-k"] == ("2", "f.toml")
    assert rows["predict", "until"] == ("a, b", "f.toml")
    assert rows["predict", "temperature"][1] == "default"


def test_it_shows_the_values_that_the_command_uses(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("f.toml").write_text("hidden-size = 3\nlayers = 2\nepochs = 4\n")
    monkeypatch.setenv("CHARSEQ_LAYERS", "1")
    start = charseq.train("--text", "hihello", "--config", "f.toml")[0]
    rows = shown(charseq, "train", "--config", "f.toml")
    for option in ("hidden-size", "layers", "epochs"):
        assert str(start[option.replace("-", "_")]) == rows["train", option][0]


def test_json_output_keeps_the_types_of_values(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_TEMPERATURE", "0.5")
    records = charseq("config", "show", "predict", "--json").records
    (temperature,) = [record for record in records if record["option"] == "temperature"]
    assert temperature == {
        "command": "predict",
        "option": "temperature",
        "value": 0.5,
        "from": "CHARSEQ_TEMPERATURE",
    }


def test_on_a_terminal_each_command_has_a_table(charseq: Command) -> None:
    output = charseq("config", "show", "cells", "--format", "table").output
    assert [line.split() for line in output.splitlines()][:3] == [
        ["cells"],
        ["option", "value", "from"],
        ["format", "auto", "default"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'"),
        (["--config", "none.toml"], "'none.toml'"),
        (["--config", "bad.toml"], "unknown option 'epcohs'"),
    ],
)
def test_a_mistake_is_named(charseq: Command, arguments: list[str], message: str) -> None:
    Path("bad.toml").write_text("epcohs = 3\n")
    result = charseq("config", "show", *arguments)
    assert result.status == 2
    assert message in result.errors


def test_an_invalid_value_is_named(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_EPOCHS", "many")
    result = charseq("config", "show", "train")
    assert result.status == 2
    assert "'many' is not a whole number" in result.errors
