"""Test reports without unpaired surrogates, which pytest-xdist cannot send from one process to another."""

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape every unpaired surrogate in a report that is about to be sent."""
    return escaped((yield))


def escaped(value: Any) -> Any:
    """Write each unpaired surrogate in the strings of a value as Python's repr does."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {escaped(key): escaped(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(escaped, value))
    return value
