"""Learning curves: the measurements of runs, read line by line from their logs."""

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from charseq.errors import ModelFileError, UsageError, quoted
from charseq.events import End, Epoch, Start
from charseq.runs.folder import LOG, MODEL, comparison_runs, runs_folder, runs_path
from charseq.runs.history import status_of
from charseq.runs.log import Log
from charseq.runs.log_lines import first_lines, record_of
from charseq.runs.model_paths import resolve_name
from charseq.runs.numbers import numbered_runs
from charseq.runs.timing import Time, times

LOSSES = (
    "loss", "validation_loss", "network_validation_loss", "ngram_validation_loss", "cross_validation_loss",
    "selection_loss",
)  # fmt: skip
"""The measures in nats per symbol."""
ACCURACIES = ("accuracy", "validation_accuracy")
MEASURES = (*LOSSES[:2], *ACCURACIES, *LOSSES[2:], "learning_rate")
"""All measures, in the order of the columns of a table."""


class Measurement(NamedTuple):
    """One line of measurements in a log."""

    epoch: int
    passes: float
    seconds: float
    """NaN if the time is unknown."""
    complete: bool
    """Whether it was made after a complete epoch."""
    values: dict[str, float]
    """The finite measures by name."""


class LogReader:
    """Iterates over the measurements of a run; the other facts of the log are complete afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        """The event that ended the run; empty if it has not ended."""
        self.damaged = 0
        """The number of lines that are no events, without the last of a run that is being written."""

    def __iter__(self) -> Iterator[Measurement]:
        """Yield the measurements.  Raises ModelFileError without a log, UsageError for an unreadable one."""
        if not (self.folder / LOG).is_file():
            raise _no_log(self.folder)
        timed = _Times(times(self.folder))
        log = Log(self.folder)
        for entry in log:
            if isinstance(entry.event, Start):
                self.start = entry.record
            elif isinstance(entry.event, End):
                self.end = entry.record
            elif isinstance(entry.event, Epoch):
                self.end = {}
                yield _measurement(entry.event, entry.number, timed)
        self.damaged = log.damaged


class _Times:
    """Finds the time of each line of a log; both are in order."""

    def __init__(self, times: Iterator[Time]) -> None:
        self._times = times
        self._next = next(times, None)

    def of(self, line: int, passes: float) -> float:
        """Return the seconds of the measurement in a line; NaN if they are unknown."""
        while self._next and self._next.line < line:
            self._next = next(self._times, None)
        known = self._next and self._next.line == line and self._next.passes == passes
        return self._next.seconds if self._next and known else math.nan


@dataclass(frozen=True)
class Curve:
    """The measurements of a run, in columns.  Missing values are NaN."""

    name: str
    """The name of the run, unique among those that are drawn together."""
    folder: Path
    status: str
    unit: str
    """The unit of text: a character, a grapheme or a byte."""
    text: str | None
    """What it learned, in a few words; None if unknown."""
    damaged: int
    """Lines of the log that were skipped."""
    best: int | None
    """The index of the saved measurement, or of the best so far; None without measurements."""
    epochs: Sequence[float]
    """The number of the epoch after a complete epoch; NaN within epochs."""
    passes: Sequence[float]
    seconds: Sequence[float]
    measures: dict[str, Sequence[float]]
    """The columns by the names of MEASURES; those without any value are left out."""

    def __len__(self) -> int:
        """Return the number of measurements."""
        return len(self.passes)


def read_curve(folder: Path, name: str) -> Curve:
    """Read the measurements of a run.  Raises ModelFileError if its log is missing or cannot be read."""
    reader = LogReader(folder)
    epochs, passes, seconds = array("d"), array("d"), array("d")
    columns = {measure: array("d") for measure in MEASURES}
    for measurement in reader:
        epochs.append(measurement.epoch if measurement.complete else math.nan)
        passes.append(measurement.passes)
        seconds.append(measurement.seconds)
        for measure, column in columns.items():
            column.append(measurement.values.get(measure, math.nan))
    measures: dict[str, Sequence[float]] = {
        name: column for name, column in columns.items() if not all(map(math.isnan, column))
    }
    unit, text = reader.start.get("unit"), reader.start.get("text")
    return Curve(
        name=name,
        folder=folder,
        status=status_of(reader.end, folder),
        unit=unit if isinstance(unit, str) else "character",
        text=text if isinstance(text, str) else None,
        damaged=reader.damaged,
        best=_best(reader, passes, measures),
        epochs=epochs,
        passes=passes,
        seconds=seconds,
        measures=measures,
    )


def runs_named(names: Sequence[str]) -> list[Path]:
    """Return the folders of runs that names select, each once; a comparison selects its runs.

    Without names: the newest run or comparison that has a log.  Raises ModelFileError or UsageError.
    """
    if names:
        return list(dict.fromkeys(chain.from_iterable(map(_named, names))))
    folders = numbered_runs(runs_folder())
    for folder in reversed(folders):
        if runs := _logged(comparison_runs(folder) or [folder]):
            return runs
    if folders:
        raise _no_log(folders[-1])
    raise ModelFileError(
        f"there are no runs in {quoted(runs_folder())}", hint="train one: charseq train --text hihello"
    )


def display_names(folders: Sequence[Path]) -> list[str]:
    """Return short names of runs: those of their folders, with their parents where these are equal.

    Runs with the same cell in a comparison get their seeds.
    """
    for parts in (1, 2):
        names = ["/".join(folder.absolute().parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    else:
        names = [str(folder) for folder in folders]
    cells = [(folder.parent, folder.name.partition("-")[2]) for folder in folders]
    shared = {cell for cell, n in Counter(cells).items() if n > 1 and comparison_runs(cell[0])}
    seeds = [_seed(folder) if cell in shared else None for folder, cell in zip(folders, cells, strict=True)]
    return [name if seed is None else f"{name}, seed {seed}" for name, seed in zip(names, seeds, strict=True)]


def _seed(folder: Path) -> int | None:
    """Return the seed of a run; None if its log does not tell."""
    seed = next((record_of(line).get("seed") for line in first_lines(folder / LOG, 1)), None)
    return seed if type(seed) is int else None


def _named(name: str) -> list[Path]:
    path = resolve_name(name, "run")
    if path.name in (MODEL, LOG) and not path.is_dir() and path.parent.is_dir():
        path = path.parent
    if runs := comparison_runs(path):
        return _logged(runs) or runs
    if path.is_dir() and path.resolve() == runs_folder().resolve() and not (path / LOG).is_file():
        raise UsageError(
            f"{quoted(name)} is the folder of all runs",
            hint="name runs in it, by their names or numbers, such as 1, or a comparison",
        )
    if not path.exists():
        raise ModelFileError(
            f"there is no run {quoted(name)}", hint=f"'charseq runs' lists the runs in {quoted(runs_path())}"
        )
    if not path.is_dir():
        raise UsageError(f"{quoted(path)} is a file, not a run's folder", hint="name the folder")
    return [path]


def _logged(runs: Sequence[Path]) -> list[Path]:
    """Return the runs that have a log: others were killed at their start."""
    return [run for run in runs if (run / LOG).is_file()]


def _no_log(folder: Path) -> ModelFileError:
    """Return the error for a folder without a log."""
    missing = "log" if (folder / MODEL).is_file() else "run"
    return ModelFileError(
        f"there is no {missing} in {quoted(folder)}, so there is nothing to plot",
        hint="'charseq runs' lists the runs; each has its measurements in log.ndjson",
    )


def _number(value: object) -> float | None:
    """Return a finite number as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < math.inf and abs(value) <= 1e308 else None


def _measurement(event: Epoch, line: int, timed: _Times) -> Measurement:
    """Return the measurement of an event; missing values are left out."""
    numbers = {name: getattr(event, name) for name in MEASURES}
    values = {name: float(n) for name, n in numbers.items() if n is not None and math.isfinite(n)}
    complete = event.event == Epoch.event and event.passes == event.epoch
    passes = float(event.passes)
    return Measurement(event.epoch, passes, timed.of(line, passes), complete, values)


def _best(reader: LogReader, passes: Sequence[float], measures: dict[str, Sequence[float]]) -> int | None:
    """Return the index of the saved measurement; of a run that has not ended, that of the best so far.

    charseq saves the lowest robust validation loss, the most accurate weights of a memorized text, and
    otherwise the last weights.
    """
    indices = range(len(passes))
    saved = _number(reader.end.get("passes", reader.end.get("epoch")))
    if saved is not None:
        return next((i for i in reversed(indices) if passes[i] == saved), None)
    selection, loss, accuracy = (measures.get(name) for name in ("selection_loss", "loss", "accuracy"))
    if selection and reader.start.get("validation_chooses") is not False:
        return min(indices, key=lambda i: _lowest(selection[i]))
    if loss and accuracy and reader.start.get("highest_accuracy") is not None:
        return min(indices, key=lambda i: (_lowest(-accuracy[i]), _lowest(loss[i])))
    return indices[-1] if indices else None


def _lowest(value: float) -> float:
    """Return a sort key that puts NaN last."""
    return math.inf if math.isnan(value) else value
