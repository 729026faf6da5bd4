"""Read the log of a run, complete or not, of this version or an earlier one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charseq.errors import UsageError, quoted
from charseq.runs.folder import LOG
from charseq.system.file_errors import reason, remedy

EVALUATIONS = ("epoch", "report")
"""The names of the events that follow an evaluation."""


@dataclass(frozen=True)
class RunLog:
    """The records of a run: JSON objects, whose fields may be missing or of any type."""

    start: Mapping[str, Any]
    """Empty if the log has no start event."""
    evaluations: tuple[Mapping[str, Any], ...]
    """The `epoch` and `report` events, in order."""
    end: Mapping[str, Any]
    """Empty if the run has not ended, or was killed."""

    @property
    def epochs(self) -> list[Mapping[str, Any]]:
        """The events at the end of an epoch."""
        return [event for event in self.evaluations if event["event"] == "epoch"]


def read_log(folder: Path) -> RunLog:
    """Return the log of a run; incomplete and damaged lines are left out.

    Without a log, all parts are empty.  Raises UsageError if it cannot be read.
    """
    path = folder / LOG
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise UsageError(f"cannot read {quoted(path)}: {reason(error)}", hint=remedy(error)) from error
    records = [record for line in lines if (record := _record(line)) is not None]
    by_name: dict[object, list[Mapping[str, Any]]] = {}
    for record in records:
        name = record.get("event")
        by_name.setdefault(name if isinstance(name, str) else "", []).append(record)
    return RunLog(
        start=by_name.get("start", [{}])[0],
        evaluations=tuple(record for record in records if record.get("event") in EVALUATIONS),
        end=by_name.get("end", [{}])[-1],
    )


def number(record: Mapping[str, Any], name: str) -> float | None:
    """Return a number of a record; None if it is missing or no number."""
    value = record.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a string of a record; empty if it is missing or no string."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _record(line: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object of a line; None if there is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
