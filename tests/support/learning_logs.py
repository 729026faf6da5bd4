"""Logs of runs that were never trained."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_log(
    run: str | Path, epochs: Iterable[Mapping[str, Any]], *, start: Mapping[str, Any] = {}, **end: Any
) -> Path:
    """Write the log of a run; the events are epochs unless they name another event.  Return its folder."""
    folder = Path(run)
    folder.mkdir(parents=True, exist_ok=True)
    events: list[Mapping[str, Any]] = [{"event": "start", "unit": "character", "text": "hihello", **start}]
    events += ({"event": "epoch", **epoch} for epoch in epochs)
    events += [{"event": "end", "status": "completed", **end}] if end else []
    (folder / "log.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def falling(count: int, *, first: float = 2.0, **more: Any) -> list[dict[str, Any]]:
    """Return epochs whose loss falls from a first value: first, first / 2, first / 3 and so on."""
    return [
        {"epoch": n, "passes": float(n), "loss": first / n, "accuracy": 1 - 1 / (n + 1), **more}
        for n in range(1, count + 1)
    ]
