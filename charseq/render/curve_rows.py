"""The measurements of runs as data: fields between tabs, comma-separated values, or JSON lines."""

import csv
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

from charseq.render.base import JSONLines, LineRenderer, PlainLines, Renderer
from charseq.render.visible import visible
from charseq.runs.curves import MEASURES, Measurement

COLUMNS = ("run", "epoch", "passes", "seconds", *MEASURES)


class RunMeasurement(NamedTuple):
    """A measurement, and the folder of its run."""

    run: str
    measurement: Measurement


def rows_renderer(form: str, output: TextIO) -> Renderer[RunMeasurement]:
    """Return the renderer of measurements for a format: csv, json, or fields between tabs."""
    if form == "csv":
        return _CSVLines(output)
    if form == "json":
        return JSONLines(output, _record)
    return PlainLines(output, COLUMNS, lambda event: [[field or "-" for field in _fields(event)]])


class _CSVLines(LineRenderer[RunMeasurement]):
    """Write a line of comma-separated values for each measurement, below the column names."""

    def __init__(self, output: TextIO) -> None:
        super().__init__(output)
        self._writer = csv.writer(output, lineterminator="\n")
        self._has_header = False

    def show(self, event: RunMeasurement) -> None:
        """Write a measurement; the column names come before the first."""
        if not self._has_header:
            self._has_header = True
            self._writer.writerow(COLUMNS)
        self._writer.writerow(_fields(event))


def _record(event: RunMeasurement) -> dict[str, Any]:
    run, (epoch, passes, seconds, _, values) = event
    where = {"epoch": epoch, "passes": passes, "seconds": None if math.isnan(seconds) else seconds}
    return {"run": run, **where, **{name: values.get(name) for name in MEASURES}}


def _fields(event: RunMeasurement) -> Sequence[str]:
    """Return the values of the columns, exactly; those that are missing are empty."""
    values = {**_record(event), "run": visible(event.run)}
    return ["" if values[name] is None else str(values[name]) for name in COLUMNS]
