"""What a drawing of learning curves shows: its panels, their curves, and the texts beside them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple

from charseq.errors import UsageError, quoted
from charseq.render.quantities import count, passes_text
from charseq.render.visible import visible
from charseq.runs.curves import ACCURACIES, LOSSES, Curve

X = Literal["epochs", "passes", "seconds"]
"""What the horizontal axis shows."""

NAMES = {
    "loss": "training loss",
    "validation_loss": "validation loss",
    "accuracy": "accuracy",
    "validation_accuracy": "validation accuracy",
    "network_validation_loss": "validation loss, network alone",
    "ngram_validation_loss": "validation loss, n-grams alone",
    "cross_validation_loss": "cross-validated validation loss",
    "selection_loss": "robust validation loss",
    "learning_rate": "learning rate",
}
"""The measures in words."""
LONGEST_TEXT = 40
"""Characters of a name or of a training text in a drawing."""
FINEST_COLUMNS = 2000
"""Columns that a picture can show."""
NEAR_ZERO = 0.15
"""The ratio of the lowest to the highest value below which an axis begins at zero."""


class Point(NamedTuple):
    """A point of a curve."""

    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A curve of one measure of one run."""

    label: str
    run: int
    """The position of its run among the runs."""
    measure: int
    """The position of its measure in the panel."""
    points: list[Point]
    """Those with a known position, thinned; the y of a missing value is NaN."""
    best: Point | None
    """The measurement of the saved weights, or the best so far."""
    zeros: int
    """The number of values that a log scale cannot show."""


@dataclass(frozen=True)
class Panel:
    """Curves of measures with the same unit, on one vertical axis."""

    label: str
    """The label of the vertical axis, with its unit."""
    lines: list[Line]
    is_log: bool
    is_fraction: bool

    @cached_property
    def values(self) -> list[float]:
        """The values that the panel shows."""
        return [y for line in self.lines for _, y in line.points if self.shows(y)]

    def shows(self, y: float) -> bool:
        """Return whether a value can be drawn: it is known and, on a log scale, above zero."""
        return not math.isnan(y) and (y > 0 or not self.is_log)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The values at the lower and the upper end of the axis, which is not empty."""
        if self.is_fraction:
            return 0.0, 1.0
        low, high = min(self.values, default=1.0), max(self.values, default=1.0)
        if self.is_log:
            return (low, high) if high > 1.001 * low else (low / 2, high * 2)
        if 0 < low < NEAR_ZERO * high:
            low = 0.0
        margin = 0.05 * (high - low) or 0.1 * abs(high) or 0.1
        return (low if low == 0 else low - margin), high + margin


@dataclass(frozen=True)
class Plot:
    """A drawing: panels, one above the other, with the same horizontal axis."""

    title: str
    x_label: str
    panels: list[Panel]
    several_runs: bool
    unit: str
    """The unit of the horizontal axis: epochs, passes, seconds, minutes or hours."""

    @property
    def best_at(self) -> str:
        """Where the best measurement is, in words."""
        best = {line.best.x for panel in self.panels for line in panel.lines if line.best}
        if len(best) != 1:
            return "of each run" if best else ""
        if self.unit == "passes":
            return f"after {passes_text(min(best))}"
        return f"epoch {min(best):g}" if self.unit == "epochs" else f"after {min(best):.4g} {self.unit}"

    def is_named_by_axis(self, panel: Panel) -> bool:
        """Return whether the label of the vertical axis names the only curve of a panel."""
        line, *more = panel.lines
        return not more and not self.several_runs and panel.label.partition(" (")[0] == line.label

    @cached_property
    def x_limits(self) -> tuple[float, float]:
        """The first and the last position, which differ."""
        xs = [x for panel in self.panels for line in panel.lines for x, _ in line.points]
        low, high = min(xs), max(xs)
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    @property
    def is_whole(self) -> bool:
        """Whether all positions are whole numbers, as those of epochs are."""
        lines = (line for panel in self.panels for line in panel.lines)
        return all(x.is_integer() for line in lines for x, _ in line.points)


def plot_of(curves: Sequence[Curve], *, x: X | None, measures: Sequence[str], log: bool) -> Plot:
    """Return a drawing of runs.

    By default, `x` is the epoch, or passes where there are measurements within epochs.  The default
    `measures` are both losses of a run with validation; the validation loss of several such runs; and the
    loss and the accuracy of memorized texts.  Raises UsageError if a run lacks what is asked for.
    """
    within = any(math.isnan(epoch) for curve in curves for epoch in curve.epochs)
    x = x or ("passes" if within else "epochs")
    positions = [_positions(curve, x) for curve in curves]
    names = list(measures) or _default_measures(curves)
    _require_measures(curves, names)
    scale, unit = 1.0, str(x)
    if x == "seconds":
        scale, unit = _time_unit(max(x for each in positions for x in each if not math.isnan(x)))
    groups = [[name for name in names if name in group] for group in (LOSSES, ACCURACIES, ("learning_rate",))]
    panels = [_panel(curves, positions, group, scale, log=log) for group in groups if group]
    x_label = {"epochs": "epoch", "passes": "passes over the text"}.get(x, f"training time ({unit})")
    return Plot(_title(curves), x_label, panels, len(curves) > 1, unit)


def thinned(points: Iterable[Point], columns: int, limits: tuple[float, float]) -> list[Point]:
    """Return points that look the same in a drawing of some columns: the extremes of each, in order.

    `limits` are the positions of the first and the last column.
    """
    low, high = limits
    scale = columns / (high - low) if high > low else 0.0
    groups = groupby(points, key=lambda point: int(scale * (point.x - low)))
    return [kept for _, column in groups for kept in _extremes(list(column))]


def notes(curves: Sequence[Curve], plot: Plot) -> list[str]:
    """Return messages about what the drawing cannot show."""
    messages = []
    if len({curve.unit for curve in curves}) > 1:
        messages.append("the runs have different units of text, so their losses cannot be compared")
    texts = {curve.text for curve in curves if curve.text is not None}
    if len(texts) > 1:
        messages.append("the runs were trained on different texts, so compare their losses with care")
    for curve in curves:
        measurements = count(len(curve), "measurement")
        if curve.status == "running":
            messages.append(f"{visible(curve.name)}: still running, with {measurements} so far")
        elif curve.status in ("unfinished", "interrupted"):
            messages.append(f"{visible(curve.name)}: {curve.status} after {measurements}")
    hidden = sum(line.zeros for panel in plot.panels if panel.is_log for line in panel.lines)
    if hidden:
        messages.append(f"{count(hidden, 'value')} of 0 cannot be drawn on a log scale")
    return messages


def _extremes(points: Sequence[Point]) -> list[Point]:
    """Return the first, lowest, highest and last of neighboring points, in order; a missing value stays."""
    if len(points) <= 4:
        return list(points)
    known = [i for i, point in enumerate(points) if not math.isnan(point.y)]
    if not known:
        return list(points[:1])
    ends = [0, len(points) - 1]
    extremes = [min(known, key=lambda i: points[i].y), max(known, key=lambda i: points[i].y)]
    return [points[i] for i in sorted({*ends, *extremes})]


def _positions(curve: Curve, x: X) -> Sequence[float]:
    """Return the position of each measurement, or NaN.  Raises UsageError if all are unknown."""
    positions = {"epochs": curve.epochs, "passes": curve.passes, "seconds": curve.seconds}[x]
    if all(map(math.isnan, positions)):
        if x == "epochs":
            raise UsageError(f"{quoted(curve.name)} has not completed an epoch", hint="use --x passes")
        raise UsageError(
            f"{quoted(curve.name)} has no file timing.ndjson with the times of its measurements",
            hint="use --x passes or --x epochs; new and resumed runs record times",
        )
    return positions


def _default_measures(curves: Sequence[Curve]) -> list[str]:
    validated = ["validation_loss" in curve.measures for curve in curves]
    if len(curves) > 1 and all(validated):
        return ["validation_loss"]
    if len(curves) > 1 and any(validated):
        return ["loss"]
    if any(validated):
        is_mixture = "ngram_validation_loss" in curves[0].measures
        return ["loss", "validation_loss", *(["network_validation_loss"] if is_mixture else [])]
    return [name for name in ("loss", "accuracy") if all(name in curve.measures for curve in curves)]


def _require_measures(curves: Sequence[Curve], names: Sequence[str]) -> None:
    """Raise UsageError for a measure that a run has no value of."""
    for curve in curves:
        for name in names or ["loss"]:
            if name not in curve.measures:
                has = ", ".join(curve.measures) or "none"
                raise UsageError(
                    f"{quoted(curve.name)} has no {name}", hint=f"its measures: {has} (--measure)"
                )


def _panel(
    curves: Sequence[Curve],
    positions: Sequence[Sequence[float]],
    names: Sequence[str],
    scale: float,
    *,
    log: bool,
) -> Panel:
    is_loss, is_accuracy = names[0] in LOSSES, names[0] in ACCURACIES
    units = {curve.unit for curve in curves}
    unit = units.pop() if len(units) == 1 else "symbol"
    what = NAMES[names[0]] if len(names) == 1 else "loss" if is_loss else "accuracy"
    label = f"{what} (nats per {visible(unit)})" if is_loss else what
    lines = []
    for run, (curve, xs) in enumerate(zip(curves, positions, strict=True)):
        for number, name in enumerate(names):
            ys = curve.measures[name]
            label_of_line = _line_label(curve, name, several=len(curves) > 1, alone=len(names) == 1)
            points = _points(xs, ys, scale)
            best = None
            if curve.best is not None and not math.isnan(xs[curve.best] + ys[curve.best]):
                best = Point(xs[curve.best] / scale, ys[curve.best])
            zeros = sum(y <= 0 for y in ys)
            lines.append(Line(label_of_line, run, number, points, best, zeros))
    label = f"{label} (fraction correct)" if is_accuracy else label
    return Panel(label, lines, log and not is_accuracy, is_accuracy)


def _points(xs: Sequence[float], ys: Sequence[float], scale: float) -> list[Point]:
    """Return the points with a known position, thinned to what the finest drawing shows."""
    known = [x for x in xs if not math.isnan(x)]
    points = (Point(x / scale, y) for x, y in zip(xs, ys, strict=True) if not math.isnan(x))
    return thinned(points, FINEST_COLUMNS, (min(known) / scale, max(known) / scale))


def _line_label(curve: Curve, measure: str, *, several: bool, alone: bool) -> str:
    name = NAMES[measure]
    if measure == "validation_loss" and "ngram_validation_loss" in curve.measures:
        name += ", with n-grams"  # the training loss beside it is that of the network alone
    if not several:
        return name
    return _short(curve.name) if alone else f"{_short(curve.name)}, {name}"


def _time_unit(longest: float) -> tuple[float, str]:
    """Return the seconds of a unit of time that suits an axis, and its name."""
    if longest < 300:
        return 1.0, "seconds"
    return (60.0, "minutes") if longest < 3 * 3600 else (3600.0, "hours")


def _title(curves: Sequence[Curve]) -> str:
    """Return the name of a single run and the text that it learned; of several runs their common text."""
    texts = Counter(curve.text for curve in curves)
    text = _short(curves[0].text or "") if len(texts) == 1 else ""
    name = _short(curves[0].name) if len(curves) == 1 else count(len(curves), "run")
    return f"{name}: {text}" if text else name


def _short(text: str) -> str:
    """Return a text without its middle if it is long; control characters are visible."""
    shown, half = visible(text), (LONGEST_TEXT - 3) // 2
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:half]}...{shown[-half:]}"
