"""Summarize runs from their logs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from charseq.runs.folder import LOG, MODEL, record_of
from charseq.runs.lock import lock_holder

T = TypeVar("T")
TAIL = 1 << 16
"""Bytes at the end of a log that are searched for its last event; an `end` event has a few hundred."""


@dataclass(frozen=True)
class Summary:
    """The summary of a run.  Values missing from its log, which may be damaged or incomplete, are None."""

    run: str
    cell: str | None
    hidden_size: int | None
    layers: int | None
    parameters: int | None
    characters: int | None
    status: str
    """How the run ended; "running" if it has not ended, "unfinished" if it was killed."""
    epochs: int | None
    """The number of completed epochs."""
    best_epoch: int | None
    """The epoch whose weights are saved; 0 for initial weights."""
    loss: float | None
    accuracy: float | None
    validation_loss: float | None
    has_model: bool
    changed: float
    """The time of the last change of its log, in seconds since 1970."""
    text: str | None = None
    """The names of the files, or the beginning of the strings, that it learned; early logs lack it."""


def summary(folder: Path) -> Summary:
    """Return the summary of a run."""
    log = folder / LOG
    try:
        changed = log.stat().st_mtime
        with log.open("rb") as file:
            start = record_of(file.readline())
            file.seek(max(0, file.seek(0, 2) - TAIL))
            events = [record_of(line) for line in file.read().splitlines()[-2:]]
    except OSError:
        changed, start, events = 0.0, {}, []
    last: dict[str, Any] = next((event for event in reversed(events) if event), {})
    ended = last.get("event") == "end"
    return Summary(
        run=str(folder),
        cell=_value(start, "cell", str),
        hidden_size=_value(start, "hidden_size", int),
        layers=_value(start, "layers", int),
        parameters=_value(start, "parameters", int),
        characters=_value(start, "characters", int),
        status=(_value(last, "status", str) if ended else None) or _status_without_end(folder),
        epochs=_value(last, "epochs", int) if ended else _completed_epochs(last),
        best_epoch=_value(last, "epoch", int) if ended else None,
        loss=_value(last, "loss", float),
        accuracy=_value(last, "accuracy", float),
        validation_loss=_value(last, "validation_loss", float),
        has_model=(folder / MODEL).is_file(),
        changed=changed,
        text=_value(start, "text", str),
    )


def _completed_epochs(last: dict[str, Any]) -> int | None:
    """Return the number of epochs completed before an event; early logs lack passes."""
    passes = _value(last, "passes", float)
    return _value(last, "epoch", int) if passes is None else int(passes)


def _status_without_end(folder: Path) -> str:
    return "running" if lock_holder(folder) else "unfinished"


def _value(event: dict[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a value of an event; None if it is missing or has another type."""
    value = event.get(name)
    if kind is float and type(value) is int:
        value = float(value)
    return value if type(value) is kind else None
