"""Read the fields of a JSON object, each with its type and bounds."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from charseq.errors import quoted
from charseq.serving.errors import APIError, invalid
from charseq.settings.setting import Bounds

LONGEST_QUOTE = 40
"""Characters of a value that a message quotes."""
LARGEST_SHOWN = 1e20
"""The magnitude from which a message does not show a number."""


def json_object(body: bytes) -> Mapping[str, Any]:
    """Parse the body of a request.

    Raises APIError unless it is one object of strict JSON, in which no object has a key twice.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object_of)
    except UnicodeDecodeError as error:
        raise invalid(f"the body is not UTF-8: byte {error.start + 1} is ill-formed") from None
    except RecursionError:
        raise invalid("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise invalid(_syntax_error(text, error)) from None
    except ValueError:  # Python's limit on the digits of a whole number
        raise invalid("the body has a number with too many digits") from None
    if not isinstance(value, dict):
        raise invalid(f"the body is not a JSON object, but {kind_of(value)}")
    return value


def _refuse_constant(constant: str) -> None:
    raise invalid(f"the body is not valid JSON: {constant} is not a JSON value")


def _object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object.  Raises APIError if a key occurs twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        occurrences = Counter(name for name, _ in pairs)
        repeated = next(name for name, number in occurrences.items() if number > 1)
        raise invalid(f"the body has the key {_quoted(repeated)} more than once")
    return values


def _syntax_error(text: str, error: json.JSONDecodeError) -> str:
    """Return a message about a body that is not JSON."""
    if not text.strip():
        return "the body is empty; send a JSON object"
    return f"the body is not valid JSON: syntax error at line {error.lineno}, column {error.colno}"


def _quoted(text: str) -> str:
    return quoted(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "...")


def kind_of(value: object) -> str:
    """Return the kind of a JSON value in words, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string {_quoted(value)}"
    if isinstance(value, int | float):
        return repr(value) if abs(value) < LARGEST_SHOWN else "a very large number"
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
