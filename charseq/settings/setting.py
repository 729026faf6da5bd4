"""Settings: fields of a dataclass that carry their bounds, help text and panel.

The command line, the configuration file, the environment and the Python interface derive from them.
"""

import dataclasses
import math
import types
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from charseq.errors import UsageError

TEXT, MODEL, TRAINING, OUTPUT, ADVANCED = "Text", "Model", "Training", "Output", "Advanced"
SAMPLING, CONSTRAINTS = "Sampling", "Constraints"
"""Panels of the help."""

LARGEST_COUNT = 10**9
LARGEST_SEED = 2**63 - 1
LARGEST_FLOAT = 1e38
"""A bound that float32 can represent, too."""


class Bounds(NamedTuple):
    """The range of a number."""

    low: float
    high: float
    above_low: bool = False
    """Whether `low` itself is excluded."""

    def __contains__(self, value: object) -> bool:
        """Return whether a number is in the range; NaN never is."""
        if not isinstance(value, int | float):
            return False
        return (self.low < value if self.above_low else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        """Return the range in words: "from 0 to 0.95"."""
        return self.text()

    def text(self, value: object = None) -> str:
        """Return the range in words; an upper bound of LARGEST_FLOAT is named only if `value` exceeds it."""
        low, high = (f"{n:,}" if isinstance(n, int) else f"{n:g}" for n in (self.low, self.high))
        is_above = isinstance(value, int | float) and value > self.high
        named = self.high < LARGEST_FLOAT or is_above
        if self.above_low:
            return f"above {low}" + (f" and at most {high}" if named else "")
        return f"from {low} to {high}" if named else f"at least {low}"


_SETTINGS: dict[type, dict[str, "Setting"]] = {}
"""The settings of each dataclass that was asked for; reading its fields takes a while."""


class Setting(NamedTuple):
    """How one setting is described, checked and offered as an option."""

    help: str = ""
    """Empty: the setting is no option of the command line."""
    panel: str = ADVANCED
    metavar: str = ""
    bounds: Bounds | None = None
    default_text: str = ""
    """The default in words, if it depends on the text or on other settings."""
    duration: bool = False
    """Whether the command line accepts times such as 1h30m, beside seconds."""
    automatic: bool = False
    """Whether the word "auto" stands for None."""
    aliases: tuple[str, ...] = ()
    """Further names of the option, such as "--ema-decay"."""
    name: str = ""
    annotation: Any = None
    default: Any = None

    @property
    def optional(self) -> bool:
        """Whether the value may be None."""
        return type(None) in get_args(self.annotation)

    @property
    def type(self) -> Any:
        """The type of the value, without None."""
        if get_origin(self.annotation) in (Union, types.UnionType):
            (kind,) = (kind for kind in get_args(self.annotation) if kind is not type(None))
            return kind
        return self.annotation

    @property
    def choices(self) -> tuple[str, ...]:
        """The names to choose from; empty for any other type."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether the value is a list of strings."""
        return get_origin(self.type) is Sequence

    def requirement(self, value: object = None) -> str:
        """Return in words what a value must be, where `value` is invalid."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.type in (int, float):
            not_finite = isinstance(value, float) and not math.isfinite(value)
            number = "a whole number" if self.type is int else "a finite number" if not_finite else "a number"
            if self.bounds is None:
                return number
            bounds = self.bounds.text(None if not_finite else value)
            number = f"auto or {number}" if self.automatic else number
            return f"{number} of {bounds}" if bounds.startswith("at least") else f"{number} {bounds}"
        return "True or False" if self.type is bool else "a list of strings" if self.is_list else "a string"

    def check(self, value: object) -> None:
        """Raise UsageError for a value of another type, or out of bounds."""
        if not self.accepts(value):
            raise UsageError(f"invalid {self.name} {value!r}", hint=f"it must be {self.requirement(value)}")

    def accepts(self, value: object) -> bool:
        """Return whether a value has the type, and is within the bounds."""
        if value is None and self.optional:
            return True
        if self.choices:
            return isinstance(value, str) and value in self.choices
        if self.type is bool:
            return isinstance(value, bool)
        if self.type in (int, float):
            allowed = (int, float) if self.type is float else (int,)
            return type(value) in allowed and (self.bounds is None or value in self.bounds)
        if self.is_list:
            return isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value)
        return isinstance(value, str) and value != ""


def option_name(setting: str) -> str:
    """Return the option of a setting: --hidden-size for hidden_size."""
    return "--" + setting.replace("_", "-")


def setting(default: Any, **description: Any) -> Any:
    """Return a field of a dataclass with a default and the description of a Setting."""
    return dataclasses.field(default=default, metadata={"setting": Setting(**description)})


def settings_of(kind: type) -> dict[str, Setting]:
    """Return the settings of a dataclass, by name."""
    if kind not in _SETTINGS:
        _SETTINGS[kind] = _settings_of(kind)
    return _SETTINGS[kind]


def _settings_of(kind: Any) -> dict[str, Setting]:
    return {
        field.name: field.metadata["setting"]._replace(
            name=field.name, annotation=field.type, default=field.default
        )
        for field in dataclasses.fields(kind)
        if "setting" in field.metadata
    }


def check_settings(settings: Any) -> None:
    """Raise UsageError for a setting of a dataclass that has another type, or is out of bounds."""
    for name, declared in settings_of(type(settings)).items():
        declared.check(getattr(settings, name))
