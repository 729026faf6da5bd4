"""Read the fields of a JSON object, each with its type and bounds."""

import json
from collections.abc import Mapping
from typing import Any

from charseq.errors import quoted
from charseq.serving.errors import APIError, invalid
from charseq.settings.setting import Bounds

LONGEST_QUOTE = 40
"""Characters of a value that a message quotes."""


def json_object(body: bytes) -> Mapping[str, Any]:
    """Parse the body of a request.  Raises APIError unless it is one object of strict JSON."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise invalid(f"the body is not UTF-8: byte {error.start + 1} is ill-formed") from None
    except RecursionError:
        raise invalid("the body is nested too deeply") from None
    except ValueError as error:
        raise invalid(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise invalid(f"the body is not a JSON object, but {kind_of(value)}")
    return value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


def kind_of(value: object) -> str:
    """Return the kind of a JSON value in words, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        shown = value if len(value) <= LONGEST_QUOTE else value[: LONGEST_QUOTE - 3] + "..."
        return f"the string {quoted(shown)}"
    if isinstance(value, int | float):
        return repr(value) if isinstance(value, float) or abs(value) < 10**20 else "a very large number"
    return "a list" if isinstance(value, list) else "an object"


class Fields:
    """The fields of a request; a field that is missing or null has its default."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        """Return a value; None if it is missing or null."""
        return self._values.get(name)

    def refuse_unknown(self, known: Mapping[str, Any]) -> None:
        """Raise APIError for a field that is not known."""
        for name in self._values:
            if name not in known:
                shown = quoted(name[:LONGEST_QUOTE])
                raise invalid(f"unknown parameter {shown}", name[:LONGEST_QUOTE], "unknown_parameter")

    def whole(self, name: str, bounds: Bounds) -> int | None:
        """Return a whole number; 3.0 is one, too."""
        value = self[name]
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._wrong_type(name, "a whole number")
        whole: int | None = self._within(name, value, bounds)
        return whole

    def number(self, name: str, bounds: Bounds) -> float | None:
        """Return a number."""
        value = self[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self._wrong_type(name, "a number")
        value = self._within(name, value, bounds)
        return None if value is None else float(value)

    def flag(self, name: str) -> bool:
        """Return true or false, by default false."""
        value = self[name]
        if value is not None and not isinstance(value, bool):
            raise self._wrong_type(name, "true or false")
        return bool(value)

    def string(self, name: str) -> str | None:
        """Return a string."""
        value = self[name]
        if value is not None and not isinstance(value, str):
            raise self._wrong_type(name, "a string")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of several strings."""
        value = self.string(name)
        if value is not None and value not in choices:
            raise self._wrong_type(name, "one of " + ", ".join(choices))
        return value

    def _within(self, name: str, value: Any, bounds: Bounds) -> Any:
        if value is not None and value not in bounds:
            raise self._wrong_type(name, bounds.text(value))
        return value

    def _wrong_type(self, name: str, expected: str) -> APIError:
        return invalid(f"{name} must be {expected}, not {kind_of(self[name])}", name, "invalid_value")
