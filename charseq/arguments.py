"""The arguments of the Python interface, and their checks: every function raises UsageError."""

import reprlib
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from charseq.errors import UsageError
from charseq.settings.generation_settings import GenerationSettings
from charseq.text.units import Unknown

T = TypeVar("T")


@dataclass(frozen=True)
class PredictArguments(GenerationSettings):
    """The arguments of `predict`: a prompt, and the generation settings."""

    prompt: str = ""
    _: KW_ONLY
    unknown: Unknown = "error"


@dataclass(frozen=True)
class PredictionsArguments(GenerationSettings):
    """The arguments of `predictions`: prompts, and the generation settings."""

    prompts: Iterable[str] = ("",)
    _: KW_ONLY
    unknown: Unknown = "error"


def strings(value: str | Iterable[str], name: str) -> tuple[str, ...]:
    """Return one string, or an iterable of strings, as a tuple."""
    return tuple(_require(item, isinstance(item, str), name, "a string") for item in _several(value, name))


def names(value: str | Path | Iterable[str | Path], name: str) -> tuple[str, ...]:
    """Return one path, or an iterable of paths, as a tuple of strings."""
    return tuple(str(_require(item, _is_path(item), name, "a path")) for item in _several(value, name))


def name_or_none(value: str | Path | None, name: str) -> str | None:
    """Return a path, or the name of a run, as a string; None stays."""
    return None if value is None else str(_require(value, _is_path(value), name, "a path"))


def string(value: str, name: str) -> str:
    """Return a string."""
    return _require(value, isinstance(value, str), name, "a string")


def choice(value: T, choices: Any, name: str) -> T:
    """Return one of the values of a Literal."""
    return _require(value, value in get_args(choices), name, f"one of {', '.join(get_args(choices))}")


def positive(value: int, name: str) -> int:
    """Return an integer above 0."""
    return _require(value, type(value) is int and value > 0, name, "an integer above 0")


def flag(value: bool, name: str) -> bool:
    """Return a truth value."""
    return _require(value, isinstance(value, bool), name, "True or False")


def seconds(value: float, name: str) -> float:
    """Return a duration."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _require(value, is_number and value > 0, name, "a number of seconds above 0")


def function(value: Callable[[], T], name: str) -> Callable[[], T]:
    """Return a function."""
    return _require(value, callable(value), name, "a function")


def _several(value: Any, name: str) -> Iterable[Any]:
    """Return one string or path, or several, as an iterable."""
    if isinstance(value, str | bytes | Path):
        return (value,)
    return _require(value, isinstance(value, Iterable), name, "a string or an iterable")


def _is_path(value: object) -> bool:
    return isinstance(value, str | Path) and str(value) != ""


def _require(value: T, is_valid: bool, name: str, requirement: str) -> T:
    if not is_valid:
        raise UsageError(f"invalid {name}: {reprlib.repr(value)} is not {requirement}")
    return value
