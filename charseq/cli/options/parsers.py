"""Parsers of option values; each raises typer.BadParameter with a message that names the value."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from charseq.errors import UsageError, quoted
from charseq.settings.setting import Bounds

N = TypeVar("N", int, float)

LONGEST_TIME = 10 * 365.25 * 24 * 3600
"""Seconds."""
LONGEST_QUOTE = 40
"""Characters of a value that a message quotes."""


def seconds(text: str) -> float:
    """Parse a duration such as 90, 90s, 2m or 1h30m, into seconds."""
    total = seconds_or_zero(text)
    if total <= 0:
        raise typer.BadParameter(f"{_quoted(text)} must be greater than zero; write 0.5s, 90s, 2m or 1h30m")
    return total


def seconds_or_zero(text: str) -> float:
    """Parse a duration, which may be 0."""
    number = r"(\d+\.?\d*|\.\d+)"
    pattern = rf"(?:{number}h)?(?:{number}m)?(?:{number}s?)?"
    match = re.fullmatch(pattern, str(text).strip(), re.ASCII)
    if not match or not any(match.groups()):
        raise typer.BadParameter(f"{_quoted(text)} is not a duration; write 0.5s, 90s, 2m or 1h30m")
    hours, minutes, rest = (float(group or 0) for group in match.groups())
    total = hours * 3600 + minutes * 60 + rest
    if total > LONGEST_TIME:
        raise typer.BadParameter(f"{_quoted(text)} is more than ten years; write 0.5s, 90s, 2m or 1h30m")
    return total


def filled(text: str) -> str:
    """Return a string that is not empty; an empty one usually comes from a variable that is not set."""
    if not text:
        raise typer.BadParameter("the value is empty; give a value, or omit the option")
    return text


def encoding(text: str) -> str:
    """Return Python's name of an encoding of text."""
    from charseq.text.transcoding import encoding_named

    try:
        return encoding_named(filled(text))
    except UsageError as error:
        raise typer.BadParameter(f"{error.message}; {error.hint}") from None


def folder(text: str) -> Path:
    """Return the path of a folder."""
    return Path(filled(text))


def number(bounds: Bounds) -> Callable[[str], float]:
    """Return a parser of finite numbers within bounds."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{_quoted(text)} is not a number") from None
        if not math.isfinite(value):
            raise typer.BadParameter(f"{_quoted(text)} is not a finite number")
        return _within(value, bounds, text)

    return parse


def whole(bounds: Bounds) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise typer.BadParameter(f"{_quoted(text)} is not a whole number") from None
        return _within(value, bounds, text)

    return parse


def automatic(parse: Callable[[str], N]) -> Callable[[str], N | None]:
    """Return a parser that also takes the word auto, for None."""

    def parse_or_auto(text: str) -> N | None:
        if text == "auto":
            return None
        if not re.fullmatch(r"[+-]?\d+", str(text).strip()):
            raise typer.BadParameter(f"{_quoted(text)} is neither auto nor a whole number")
        return parse(text)

    return parse_or_auto


def _within(value: N, bounds: Bounds, text: str) -> N:
    if value not in bounds:
        raise typer.BadParameter(f"{_short(str(text))} is out of range; it must be {bounds.text(value)}")
    return value


def _quoted(text: object) -> str:
    return quoted(_short(str(text)))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."
