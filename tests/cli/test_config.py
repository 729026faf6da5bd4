from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.command import Command


def write(text: str) -> tuple[str, str]:
    Path("options.toml").write_text(text, encoding="utf-8")
    return "--config", "options.toml"


def test_a_file_sets_options_of_every_type(charseq: Command) -> None:
    config = write(
        'text = ["hihello", "hey"]\ncell = "rnn"\nhidden-size = 3\nlearning_rate = 0.25\n'
        'epochs = 2\njson = true\ntime-limit = "1m"\n'
    )
    start, *epochs, _ = charseq("train", *config).records
    assert (start["cell"], start["hidden_size"], start["learning_rate"]) == ("rnn", 3, 0.25)
    assert start["time_limit"] == 60
    assert [epoch["target"] for epoch in epochs] == [["ihello", "ey"]] * 2


def test_a_flag_overrides_the_environment_and_the_environment_overrides_the_file(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write('text = "ab"\nhidden-size = 3\nlayers = 2\nepochs = 1\n')
    monkeypatch.setenv("CHARSEQ_LAYERS", "3")
    monkeypatch.setenv("CHARSEQ_HIDDEN_SIZE", "4")
    start, *_ = charseq.train(*config, "--hidden-size", "5")
    assert (start["hidden_size"], start["layers"], start["epochs"]) == (5, 3, 1)


def test_a_table_belongs_to_its_command_and_a_top_key_to_all_that_have_it(charseq: Command) -> None:
    config = write('seed = 3\nepochs = 1\n[train]\ntext = "ab"\n[predict]\nlength = 4\ntemperature = 2\n')
    assert charseq.train(*config)[0]["seed"] == 3
    record = charseq("predict", *config, "--json").records[0]
    assert (len(record["text"]), record["seed"]) == (4, 3)


def test_the_file_can_be_named_by_the_environment(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_CONFIG", write('text = "ab"\nepochs = 3')[1])
    assert charseq.train()[0]["epochs"] == 3


@pytest.mark.parametrize(
    ("text", "value", "remedy"),
    [
        ("epoch = 3", "'epoch'", "did you mean 'epochs'?"),
        ("[train]\nlength = 3", "'length'", "options of the commands"),
        ("[trian]\nepochs = 3", "'trian'", "options"),
        ("train = 3", "'train' is a command", "[train]"),
        ("epochs = [1, 2]", "[1, 2]", "string or a number"),
        ("epochs = 1979-05-27", "epochs", "string or a number"),
        ("epochs = true", "invalid value epochs = true", "string or a number"),
        ("[train]\nseed = false", "invalid value seed = false", "string or a number"),
        ('lines = "yes"', 'invalid value lines = "yes"', "lines = true or lines = false"),
        ("json = 1", "invalid value json = 1", "json = true or json = false"),
        ('epochs = "many"', "'many'", "train --help"),
        ("epochs = ", "is not TOML", "epochs = 50"),
        ("config = 'x'", "'config'", "options"),
        ("epochs = 2.0", "invalid value for --epochs: '2.0' is not a whole number (from 'options.toml')", ""),
        ("[train]\nunit = 'word'", "(from 'options.toml')", "train --help"),
        (
            "hidden_size = 3\nhidden-size = 4",
            "'hidden_size' and 'hidden-size' are the same option",
            "keep one",
        ),
        (
            "[train]\naverage = 0\nema-decay = 0",
            "[train]: 'average' and 'ema-decay' are the same",
            "keep one",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(charseq: Command, text: str, value: str, remedy: str) -> None:
    result = charseq("train", "--text", "ab", *write(text))
    assert result.status == 2
    assert value in result.errors
    assert remedy in result.errors
    assert not Path("runs").exists()


def test_the_source_of_an_invalid_value_is_the_one_that_is_used(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write('epochs = "file"\n')
    assert "'file' is not a whole number (from 'options.toml')" in charseq("config", "show", *config).errors
    monkeypatch.setenv("CHARSEQ_EPOCHS", "variable")
    assert "'variable' is not a whole number (from CHARSEQ_EPOCHS)" in charseq("train", *config).errors
    assert "'flag' is not a whole number\n" in charseq("train", *config, "--epochs", "flag").errors


def test_a_number_can_be_a_text(charseq: Command) -> None:
    config = write("text = 1234\nepochs = 1\n")
    assert charseq.train(*config)[1]["target"] == "234"


def test_a_missing_file_is_named(charseq: Command) -> None:
    result = charseq("train", "--text", "ab", "--config", "none.toml")
    assert result.status == 2
    assert "'none.toml'" in result.errors


@given(st.binary(max_size=80))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_arbitrary_bytes_in_the_file_give_an_error_in_plain_words(charseq: Command, data: bytes) -> None:
    Path("options.toml").write_bytes(data)
    result = charseq("inspect-shapes", "ab", "--config", "options.toml")
    assert result.status in (0, 2)
    assert "a bug" not in result.errors


CONFIGURED = ["[]", '["a"]', r'"\u0000"', r'"a\u0000"', "1e400", "-1", "nan", "1979-05-27", '"-"', '""']


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("train", "--text", "ab", "--epochs", "1"), ("out", "resume", "seed")),
        (("predict",), ("model", "file", "until")),
        (("inspect-shapes", "ab"), ("model", "hidden-size", "seed")),
    ],
)
def test_any_value_of_a_config_file_is_accepted_or_refused_with_a_message(
    charseq: Command, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    for option in options:
        for value in CONFIGURED:
            Path("options.toml").write_text(f"{option} = {value}\n")
            result = charseq(*command, "--config", "options.toml")
            assert result.status in (0, 2), (option, value, result.errors)


def test_a_list_for_an_option_of_one_value_is_refused(charseq: Command) -> None:
    Path("options.toml").write_text('seed = ["1"]\n')
    result = charseq("train", "--text", "ab", "--config", "options.toml")
    assert result.status == 2
    assert "takes one value, not a list" in result.errors
