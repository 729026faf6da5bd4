"""Check values from JSON against Python types before they are used."""

import json
import types
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

LARGEST_INTEGER = 2**63 - 1
"""The largest magnitude of an integer, also where it stands for a float."""


def parse_dataclass(kind: type[T], values: Any) -> T:
    """Make a dataclass of a JSON object whose values have the types of the fields.

    Fields with a default may be missing: files of earlier versions lack some.  Raises ValueError, which names
    the field, and whatever the dataclass itself raises.
    """
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    values = parse_object(values)
    if unknown := values.keys() - names:
        raise ValueError(f"the field {_short(min(unknown))} is unknown")
    return kind(**{name: parse_value(value, hints[name], name) for name, value in values.items()})


def parse_object(value: Any, name: str = "it") -> dict[str, Any]:
    """Return a JSON object.  Raises ValueError for any other value."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object, not {_short(value)}")
    return dict(value)


def parse_value(value: Any, hint: Any, name: str) -> Any:
    """Return a value of the annotated type; a list becomes a tuple if that is the type.  Raises ValueError.

    Booleans are not numbers; an integer is accepted as a float.
    """
    if not _fits(value, hint):
        raise ValueError(f"{name} must be {_expected(hint)}, not {_short(value)}")
    return tuple(value) if isinstance(value, list) and not _fits_list(value, hint) else value


def _fits_list(value: Any, hint: Any) -> bool:
    """Return whether a list is of the annotated type as it is."""
    hints = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return any(get_origin(each) is list and _fits(value, each) for each in hints)


@cache
def _structure(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the generic type of an annotation and its arguments."""
    return get_origin(hint), get_args(hint)


def _fits(value: Any, hint: Any) -> bool:
    if type(value) is hint and hint is not int:
        return True
    origin, arguments = _structure(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if hint is Any:
        return True
    if origin in (tuple, list) and arguments[0] is int:  # many ids
        return isinstance(value, list) and all(type(n) is int and abs(n) <= LARGEST_INTEGER for n in value)
    if origin in (tuple, list):
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values())
    if hint is float:
        return type(value) is float or (type(value) is int and abs(value) <= LARGEST_INTEGER)
    if hint is int:
        return type(value) is int and abs(value) <= LARGEST_INTEGER
    return type(value) is hint


_EXPECTED = {
    int: "an integer",
    float: "a number",
    str: "a string",
    bool: "true or false",
    types.NoneType: "null",
    dict: "an object",
}


def _expected(hint: Any) -> str:
    """Return an annotation in words."""
    origin, arguments = _structure(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_expected, arguments))
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (tuple, list) or hint in (tuple, list):
        words = _expected(arguments[0]).split(" ") if arguments else []
        return f"a list of {words[1]}s" if len(words) == 2 else "a list"
    if origin is not None and issubclass(origin, Mapping):
        return "an object"
    return _EXPECTED.get(hint, "another value")


def _short(value: Any) -> str:
    shown = json.dumps(value, default=repr)
    return shown if len(shown) <= 40 else shown[:40] + "..."
