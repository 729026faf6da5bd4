"""The lines of a log: one JSON object each."""

import json
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any


def json_line(record: dict[str, Any]) -> str:
    """Return a JSON object in ASCII, which is safe for every terminal and encoding."""
    return json.dumps(record, allow_nan=False)


def record_of(line: bytes) -> dict[str, Any]:
    """Return the event of a log's line; empty if the line is not a complete JSON object."""
    try:
        record = json.loads(line, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(constant)


def _finite(number: str) -> float:
    """Return a number.  Raises ValueError if a float cannot hold it."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def first_lines(log: Path, count: int) -> list[bytes]:
    """Return at most `count` complete lines from the beginning of a log."""
    if not count or not log.is_file():
        return []
    with log.open("rb") as file:
        return [line for line in islice(file, count) if line.endswith(b"\n")]
