"""What the runs of a folder came to, by their logs alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from charseq.runs.folder import LOG, MODEL
from charseq.runs.lock import holder

T = TypeVar("T")
TAIL = 1 << 16
"""Bytes at the end of a log in which its last event is looked for; an `end` event has a few hundred."""


@dataclass(frozen=True)
class Summary:
    """A run in short.  What its log does not tell, because it is damaged or the run was cut off, is None."""

    run: str
    cell: str | None
    hidden_size: int | None
    layers: int | None
    parameters: int | None
    characters: int | None
    status: str
    """How it ended; "running" where it is under way, "unfinished" where it was killed."""
    epochs: int | None
    """The number of whole epochs."""
    best_epoch: int | None
    """The epoch whose weights are kept; 0 for initial weights."""
    loss: float | None
    accuracy: float | None
    validation_loss: float | None
    has_model: bool
    changed: float
    """When its log was written last, in seconds since 1970."""


def summary(folder: Path) -> Summary:
    """One run."""
    log = folder / LOG
    try:
        changed = log.stat().st_mtime
        with log.open("rb") as file:
            start = _event(file.readline())
            file.seek(max(0, file.seek(0, 2) - TAIL))
            events = [_event(line) for line in file.read().splitlines()[-2:]]
    except OSError:
        changed, start, events = 0.0, {}, []
    last: dict[str, Any] = next((event for event in reversed(events) if event), {})
    over = last.get("event") == "end"
    return Summary(
        run=str(folder),
        cell=_of(start, "cell", str),
        hidden_size=_of(start, "hidden_size", int),
        layers=_of(start, "layers", int),
        parameters=_of(start, "parameters", int),
        characters=_of(start, "characters", int),
        status=(_of(last, "status", str) if over else None) or _not_over(folder),
        epochs=_of(last, "epochs", int) if over else _whole_epochs(last),
        best_epoch=_of(last, "epoch", int) if over else None,
        loss=_of(last, "loss", float),
        accuracy=_of(last, "accuracy", float),
        validation_loss=_of(last, "validation_loss", float),
        has_model=(folder / MODEL).is_file(),
        changed=changed,
    )


def _whole_epochs(last: dict[str, Any]) -> int | None:
    """Return the number of whole epochs that an event is after; an early log has no passes."""
    passes = _of(last, "passes", float)
    return _of(last, "epoch", int) if passes is None else int(passes)


def _not_over(folder: Path) -> str:
    return "running" if holder(folder) else "unfinished"


def _event(line: bytes) -> dict[str, Any]:
    """A line of a log; nothing where it is none, or not whole."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _of(event: dict[str, Any], name: str, kind: type[T]) -> T | None:
    value = event.get(name)
    if kind is float and type(value) is int:
        value = float(value)
    return value if type(value) is kind else None
