"""Values that JSON has kept, checked against the types that they must have before anything uses them."""

import types
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

LARGEST = 2**63 - 1
"""The largest whole number; where a float is meant, one that large is not exact, but no error either."""


def parse_dataclass(kind: type[T], values: Any) -> T:
    """Make a dataclass of a JSON object: every value must have its field's type.

    A field that has a default may be missing, as files of earlier versions lack some.  Raises ValueError,
    which names the field, and what the dataclass itself raises.
    """
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    given = parse_object(values)
    if unknown := given.keys() - names:
        raise ValueError(f"{_short(min(unknown))} is no field of it")
    return kind(**{name: parse_value(value, hints[name], name) for name, value in given.items()})


def parse_object(value: Any, name: str = "an object") -> dict[str, Any]:
    """A JSON object.  Raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_short(value)}")
    return dict(value)


def parse_value(value: Any, hint: Any, name: str) -> Any:
    """A value that has the type of an annotation: a list becomes a tuple.  Raises ValueError.

    True and false are no numbers; a whole number may stand where a float is meant.
    """
    if not _fits(value, hint):
        raise ValueError(f"{name} is {_short(value)}")
    return tuple(value) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is tuple:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values())
    if hint is float:
        return type(value) is float or (type(value) is int and abs(value) <= LARGEST)
    if hint is int:
        return type(value) is int and abs(value) <= LARGEST
    return type(value) is hint


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:40] + "..."
