"""Logs of runs that were never trained."""

import json
from dataclasses import replace
from pathlib import Path

from charseq.events import End, Epoch, Event, record
from tests.support.screens import START, epoch

IHELLO = [2, 1, 0, 3, 3, 4]
END = End("completed", "runs/0001-lstm/model.safetensors", 7, 7, 1 / 7, 1.0, None, 1.0, total_passes=7.0)


def hihello_epochs(epochs: int = 7) -> list[Epoch]:
    """Return epochs that predict one character more each, from none to six."""
    return [
        epoch(number, IHELLO[: number - 1] + [3] * max(7 - number, 0), IHELLO, START.symbols)
        for number in range(1, epochs + 1)
    ]


def hihello_events(epochs: int = 7) -> list[Event]:
    """Return the events of a run of `hihello_epochs`."""
    end = replace(END, epoch=epochs, epochs=epochs, passes=float(epochs))
    return [START, *hihello_epochs(epochs), end]


def write_log(folder: str | Path, *events: Event | str) -> list[str]:
    """Write the log of a run, from events and from lines as they are; return its lines."""
    lines = [event if isinstance(event, str) else json.dumps(record(event, timed=False)) for event in events]
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "log.ndjson").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return lines
