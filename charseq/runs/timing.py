"""The times of measurements, in a file beside the log: equal runs have equal logs, but not equal times."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from charseq.errors import CharseqError
from charseq.model.atomic_write import replace

TIMING = "timing.ndjson"


class Time(NamedTuple):
    """The time of a measurement."""

    line: int
    """The number of its line in the log, from 1."""
    passes: float
    """Passes over the text: if the log has another number in this line, the time belongs to another log."""
    seconds: float
    """Seconds since training began, without those between a run and its resumption."""


def times(folder: Path) -> Iterator[Time]:
    """Yield the times of a run in order; none without a readable file.  Damaged lines are skipped."""
    path = folder / TIMING
    if not path.is_file():  # a named pipe would block
        return
    with contextlib.suppress(OSError), path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError, OverflowError):
                record = json.loads(line)
                time = Time(int(record["line"]), float(record["passes"]), float(record["seconds"]))
                if math.isfinite(time.seconds):
                    yield time


class Timing:
    """Writes the times of an open run.  Failure never ends the run: the times are then missing."""

    def __init__(self, folder: Path, logged_lines: int, *, clock_restarts: bool) -> None:
        """Keep the times of the first `logged_lines` lines of the log.

        `clock_restarts`: the seconds of further measurements do not include those before.
        """
        self._path = folder / TIMING
        self._times = [time for time in times(folder) if time.line <= logged_lines] if logged_lines else []
        self._earlier = self._times[-1].seconds if clock_restarts and self._times else 0.0
        self._file: TextIO | None = None

    def add(self, line: int, passes: float, seconds: float) -> None:
        """Add the time of a measurement; before `begin` it is kept in memory."""
        time = Time(line, passes, round(self._earlier + seconds, 6))
        if self._file is None:
            self._times.append(time)
            return
        with contextlib.suppress(OSError):
            self._file.write(_text(time))
            self._file.flush()

    def begin(self) -> None:
        """Replace the file by the times so far, and append to it from now on."""
        with contextlib.suppress(OSError, CharseqError):
            replace(self._path, "".join(map(_text, self._times)).encode())
            self._file = self._path.open("a", encoding="utf-8")
        self._times.clear()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()


def _text(time: Time) -> str:
    return json.dumps(time._asdict()) + "\n"
