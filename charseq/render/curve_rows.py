"""The measurements of runs as data: fields between tabs, comma-separated values, or JSON lines."""

import csv
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

from charseq.render.base import JSONLines, LineRenderer, PlainLines, Renderer
from charseq.render.visible import visible
from charseq.runs.curves import MEASURES, Measurement

PLACE = ("run", "epoch", "passes", "seconds")
"""The columns before the measures."""


class RunMeasurement(NamedTuple):
    """A measurement, and the folder of its run."""

    run: str
    measurement: Measurement


def rows_renderer(form: str, output: TextIO, measures: Sequence[str] = ()) -> Renderer[RunMeasurement]:
    """Return the renderer of measurements for a format: csv, json, or fields between tabs.

    By default, all measures are shown.
    """
    measures = measures or MEASURES
    if form == "csv":
        return _CSVLines(output, measures)
    if form == "json":
        return JSONLines(output, lambda event: _record(event, measures))
    columns = (*PLACE, *measures)
    return PlainLines(output, columns, lambda event: [[field or "-" for field in _fields(event, measures)]])


class _CSVLines(LineRenderer[RunMeasurement]):
    """Write a line of comma-separated values for each measurement, below the column names."""

    def __init__(self, output: TextIO, measures: Sequence[str]) -> None:
        super().__init__(output)
        self._measures = measures
        self._writer = csv.writer(output, lineterminator="\n")
        self._has_header = False

    def show(self, event: RunMeasurement) -> None:
        """Write a measurement; the column names come before the first."""
        if not self._has_header:
            self._has_header = True
            self._writer.writerow([*PLACE, *self._measures])
        self._writer.writerow(_fields(event, self._measures))


def _record(event: RunMeasurement, measures: Sequence[str]) -> dict[str, Any]:
    run, (epoch, passes, seconds, _, values) = event
    where = {"epoch": epoch, "passes": passes, "seconds": None if math.isnan(seconds) else seconds}
    return {"run": run, **where, **{name: values.get(name) for name in measures}}


def _fields(event: RunMeasurement, measures: Sequence[str]) -> Sequence[str]:
    """Return the values of the columns, exactly; those that are missing are empty."""
    values = {**_record(event, measures), "run": visible(event.run)}
    return ["" if values[name] is None else str(values[name]) for name in (*PLACE, *measures)]
