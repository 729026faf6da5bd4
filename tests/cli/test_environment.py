import pytest

from tests.support.command import Command


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("CHARSEQ_EPOCH", "did you mean CHARSEQ_EPOCHS?"),
        ("CHARSEQ_LERNING_RATE", "did you mean CHARSEQ_LEARNING_RATE?"),
        ("CHARSEQ_TEMPERATUR", "did you mean CHARSEQ_TEMPERATURE?"),
        ("CHARSEQ_QQQ", "it has no effect"),
    ],
)
def test_a_misspelled_variable_is_reported_and_has_no_effect(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    monkeypatch.setenv(name, "3")
    result = charseq("inspect-shapes", "ab")
    assert result.status == 0
    assert result.errors.startswith(f"charseq: {name} is not an option of charseq; {remedy}\n")


def test_the_variables_of_every_command_are_known(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "CONFIG": "",
        "DEBUG": "",
        "RUNS": "here",
        "TEXT": "ab",
        "TIME_LIMIT": "1s",
        "TOP_K": "3",
    }
    for name, value in known.items():
        monkeypatch.setenv(f"CHARSEQ_{name}", value)
    assert "is not an option" not in charseq("inspect-shapes", "ab").errors


def test_a_variable_cannot_reach_the_terminal(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_\x1b[2J", "3")
    assert "CHARSEQ_\\x1b[2J is not an option" in charseq("inspect-shapes", "ab").errors


@pytest.mark.parametrize(
    ("value", "has_traceback"),
    [
        ("1", True),
        (" Yes ", True),
        ("on", True),
        ("", False),
        ("0", False),
        ("False", False),
        ("maybe", False),
    ],
)
def test_debug_is_read_as_true_or_false(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, value: str, has_traceback: bool
) -> None:
    monkeypatch.setenv("CHARSEQ_DEBUG", value)
    for arguments in (["train", "--text", "h"], ["train", "--bogus"]):
        result = charseq(*arguments)
        assert result.status == 2
        assert ("Traceback" in result.errors) == has_traceback
    invalid = "charseq: invalid value for --debug: 'maybe' is not true or false (from CHARSEQ_DEBUG)\n"
    assert charseq("train").errors.startswith(invalid) == (value == "maybe")


def test_an_invalid_value_is_reported_with_its_variable(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARSEQ_SEED", "x")
    assert "'x' is not a whole number (from CHARSEQ_SEED)" in charseq("predict").errors
    assert "'y' is not a whole number\n" in charseq("predict", "--seed", "y").errors
    assert "'y' is not a whole number\n" in charseq("predict", "--seed=y").errors
