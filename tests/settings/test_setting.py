"""Settings are declared once: options, bounds and defaults of every interface derive from the dataclass."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

import charseq
from charseq.errors import UsageError
from charseq.settings.generation_settings import GenerationSettings
from charseq.settings.setting import LARGEST_FLOAT, Bounds, check_settings, option_name, setting, settings_of
from charseq.settings.train_settings import TrainSettings
from tests.support.command import Command, every_command


@dataclass(frozen=True)
class Example:
    count: int = setting(1, bounds=Bounds(1, 1000))
    rate: float | None = setting(0.5, bounds=Bounds(0, 1, above_low=True))
    kind: Literal["a", "b"] = setting("a")
    flag: bool = setting(False)
    name: str = setting("x")
    names: Sequence[str] = setting(())
    weight: float = setting(0.0, bounds=Bounds(0, LARGEST_FLOAT))
    free: Any = None


@pytest.mark.parametrize(
    ("values", "requirement"),
    [
        ({"count": 0}, "a whole number from 1 to 1,000"),
        ({"count": 1.0}, "a whole number from 1 to 1,000"),
        ({"count": True}, "a whole number from 1 to 1,000"),
        ({"count": None}, "a whole number from 1 to 1,000"),
        ({"rate": 0}, "a number above 0 and at most 1"),
        ({"rate": float("nan")}, "a finite number above 0 and at most 1"),
        ({"weight": 1e39}, "a number from 0 to 1e+38"),
        ({"weight": float("inf")}, "a finite number of at least 0"),
        ({"weight": -1.0}, "a number of at least 0"),
        ({"rate": "1"}, "a number above 0 and at most 1"),
        ({"kind": "c"}, "one of a, b"),
        ({"kind": ["a"]}, "one of a, b"),
        ({"flag": 1}, "True or False"),
        ({"name": ""}, "a string"),
        ({"names": "ab"}, "a list of strings"),
        ({"names": ["a", ""]}, "a list of strings"),
    ],
)
def test_an_invalid_value_is_an_error_that_states_the_requirement(
    values: dict[str, Any], requirement: str
) -> None:
    with pytest.raises(UsageError, match=f"invalid {next(iter(values))} ") as error:
        check_settings(Example(**values))
    assert error.value.hint == f"it must be {requirement}"


def test_valid_values_are_accepted() -> None:
    check_settings(Example(1000, None, "b", True, "y", ["a"], free="anything"))
    check_settings(Example(rate=1))


def test_bounds_without_an_upper_limit_name_the_lower_one() -> None:
    assert str(Bounds(0, float("inf"))) == "at least 0"
    assert str(Bounds(0, float("inf"), above_low=True)) == "above 0"


@pytest.mark.parametrize(("command", "kind"), [("train", TrainSettings), ("predict", GenerationSettings)])
def test_every_described_setting_is_an_option_of_its_command(command: str, kind: type) -> None:
    options = {name: parameter for parameter in every_command()[command].params for name in parameter.opts}
    for name, declared in settings_of(kind).items():
        if declared.help:
            assert options[option_name(name)].help == declared.help


def test_every_generation_setting_is_an_argument_of_the_python_interface() -> None:
    for method in (charseq.TrainedModel.predict, charseq.TrainedModel.predictions):
        arguments = inspect.signature(method).parameters
        for name, declared in settings_of(GenerationSettings).items():
            assert arguments[name].default == declared.default


@pytest.mark.parametrize("name", ["--average", "--ema-decay", "CHARSEQ_EMA_DECAY", "ema-decay", "ema_decay"])
def test_the_decay_of_the_average_has_a_second_name(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str
) -> None:
    arguments = ["config", "show", "train", "--json"]
    if name.startswith("CHARSEQ"):
        monkeypatch.setenv(name, "0.5")
    else:
        (tmp_path / "a.toml").write_text(f"{name.lstrip('-')} = 0.5\n")
        arguments += ["--config", str(tmp_path / "a.toml")]
    (row,) = [record for record in charseq(*arguments).records if record["option"] == "average"]
    assert row["value"] == 0.5
    assert row["from"] == name or row["from"].endswith("a.toml")


def test_both_flags_set_the_decay_of_the_average(charseq: Command) -> None:
    for flag in ("--average", "--ema-decay"):
        result = charseq("train", "--text", "ab", flag, "2")
        assert "2 is out of range; it must be from 0 to 0.999999" in result.errors
