"""The whole log of a run as JSON objects, whose fields may be missing or of any type."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charseq.events import End, Epoch, Start, record
from charseq.runs.folder import LOG
from charseq.runs.log import Log


@dataclass(frozen=True)
class RunLog:
    """The records of a run."""

    start: Mapping[str, Any]
    """Empty if there is no log; the symbols alone if its first line is missing."""
    evaluations: tuple[Mapping[str, Any], ...]
    """The `epoch` and `report` events, in order."""
    end: Mapping[str, Any]
    """Empty if the run has not ended, or was killed."""
    damaged: int = 0
    """The number of damaged lines, which are skipped."""

    @property
    def epochs(self) -> list[Mapping[str, Any]]:
        """The events at the end of an epoch."""
        return [event for event in self.evaluations if event["event"] == Epoch.event]


def read_log(folder: Path) -> RunLog:
    """Return the log of a run; incomplete and damaged lines are left out.

    Without a log, all parts are empty.  Raises UsageError if it cannot be read.
    """
    start: Mapping[str, Any] = {}
    end: Mapping[str, Any] = {}
    evaluations = []
    log = Log(folder)
    for entry in log if (folder / LOG).exists() else ():
        if isinstance(entry.event, Start):
            start = entry.record or {"symbols": list(entry.event.symbols)}
        elif isinstance(entry.event, Epoch):
            evaluations.append(record(entry.event))
        elif isinstance(entry.event, End):
            end = entry.record
    return RunLog(start, tuple(evaluations), end, log.damaged)


def number(record: Mapping[str, Any], name: str) -> float | None:
    """Return a number of a record; None if it is missing, no number, or too large."""
    value = record.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a string of a record; empty if it is missing or no string."""
    value = record.get(name)
    return value if isinstance(value, str) else ""
