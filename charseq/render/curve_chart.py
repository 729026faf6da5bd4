"""Learning curves on the terminal: braille dots if plotille is installed, otherwise letters."""

import math
import string
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charseq.render.axis import log_ticks, place, tick_labels, ticks
from charseq.render.curves import Line, Panel, Plot, Point, thinned
from charseq.render.visible import can_encode

COLORS = ("#3b8eea", "#e08a1e", "#2aa889", "#cc6fa8", "#8c8c8c", "#b0a000", "#7b61d0")
"""Colors that the color-blind tell apart, readable on dark and on light backgrounds."""
MARKS = string.ascii_lowercase + string.ascii_uppercase
"""The letters that mark the curves, so that they can be told apart without color."""
BEST = "*"
FIRST_BRAILLE = 0x2800
MIN_ROWS, MAX_ROWS = 5, 24
"""Rows of a panel."""
MARKS_PER_CURVE = 4
MIN_COLUMNS = 10
"""Columns of a panel without which the labels of the vertical axis are left out."""


def print_chart(plot: Plot, output: TextIO, *, rows_below: int = 0) -> None:
    """Print a drawing that fits the screen with some rows below it."""
    console = Console(file=output, highlight=False)
    chart = _Chart(plot, console, rows_below)
    for line in chart.lines():
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    for line in chart.legend:
        console.print(line)


class _Chart:
    """The layout of a drawing."""

    def __init__(self, plot: Plot, console: Console, rows_below: int) -> None:
        self._plot, self._width = plot, console.width
        self._is_unicode = can_encode("│└─⣿", console.encoding)
        lines = [line for panel in plot.panels for line in panel.lines]
        labels = dict.fromkeys(line.label for line in lines)  # a run has the same letter in every panel
        self._marks = {label: MARKS[i % len(MARKS)] for i, label in enumerate(labels)}
        self.legend = list(self._legend_lines())
        """The lines below the drawing."""
        others = 1 + len(plot.panels) + 2 + len(self.legend) + rows_below + 1  # 1: the shell's prompt
        self._rows = (console.height - others) // len(plot.panels)
        self._rows = max(MIN_ROWS, min(MAX_ROWS, self._rows))

    def lines(self) -> Iterator[Text]:
        """Yield the drawing from the top to the bottom, without its legend."""
        yield self._cut(self._plot.title, "bold")
        ticks_of = [_vertical_ticks(panel, self._rows) for panel in self._plot.panels]
        labels = [tick_labels(values) for values in ticks_of]
        margin = max((len(label) for each in labels for label in each), default=1)
        if self._width - margin - 2 < MIN_COLUMNS:
            margin, labels = 0, [[""] * len(each) for each in labels]
        columns = max(1, self._width - margin - 2)
        for panel, values, texts in zip(self._plot.panels, ticks_of, labels, strict=True):
            yield self._cut(panel.label + (", log scale" if panel.is_log else ""), "dim")
            at = {self._row(panel, value): text for value, text in zip(values, texts, strict=True)}
            for row, line in enumerate(self._canvas(panel, columns)):
                text = at.get(self._rows - 1 - row, "")
                yield Text(f"{text:>{margin}} {'│' if self._is_unicode else '|'}", "dim").append_text(line)
        corner, bar = "└─" if self._is_unicode else "+-"
        label = f" {self._plot.x_label} "
        axis = (label if len(label) <= columns else "").center(columns, bar)
        yield Text(" " * (margin + 1) + corner + axis, "dim")
        yield Text(" " * (margin + 2) + self._x_ticks(columns), "dim")

    def _cut(self, text: str, style: str) -> Text:
        """Return as much of a text as a line has room for."""
        return Text(set_cell_size(text, min(cell_len(text), self._width)), style)

    def _x_ticks(self, columns: int) -> str:
        """Return the labels of the horizontal axis."""
        low, high = self._plot.x_limits
        values = ticks(low, high, max(2, columns // 10), whole=self._plot.is_whole)
        at = [round((value - low) / (high - low) * (columns - 1)) for value in values]
        return place(tick_labels(values), at, columns)

    def _row(self, panel: Panel, value: float) -> int:
        """Return the row of a value, from the bottom."""
        return min(self._rows - 1, int(_height(panel, value) * self._rows))

    def _canvas(self, panel: Panel, columns: int) -> list[Text]:
        """Return the curves of a panel, row by row; later curves lie above earlier ones."""
        dots = [[0] * columns for _ in range(self._rows)]
        marks: list[list[str]] = [[""] * columns for _ in range(self._rows)]
        styles = [[""] * columns for _ in range(self._rows)]
        for number, line in enumerate(panel.lines):
            points = thinned(line.points, 2 * columns, self._plot.x_limits)
            pieces = [piece for piece in self._pieces(panel, points) if piece]
            drawn = _braille(pieces, columns, self._rows) if self._is_unicode else None
            for row, characters in enumerate(drawn or ()):
                for column, character in enumerate(characters):
                    if character != chr(FIRST_BRAILLE):
                        dots[row][column] |= ord(character) - FIRST_BRAILLE
                        styles[row][column] = self._style(line)
            for column, row in _marked(pieces, columns, self._rows, number, everywhere=drawn is None):
                marks[row][column], styles[row][column] = self._marks[line.label], self._style(line)
        for line in panel.lines:
            if line.best and panel.shows(line.best.y):
                column, row = _cell(self._place(panel, line.best), columns, self._rows)
                marks[row][column], styles[row][column] = BEST, f"bold {self._style(line)}"
        return [_text(*row) for row in zip(dots, marks, styles, strict=True)]

    def _pieces(self, panel: Panel, points: Sequence[Point]) -> Iterator[list[Point]]:
        """Yield the connected pieces of a curve, as positions in the panel from 0 to 1; gaps divide them."""
        piece: list[Point] = []
        for point in points:
            if panel.shows(point.y):
                piece.append(self._place(panel, point))
            else:
                yield piece
                piece = []
        yield piece

    def _place(self, panel: Panel, point: Point) -> Point:
        low, high = self._plot.x_limits
        return Point((point.x - low) / (high - low), _height(panel, point.y))

    def _style(self, line: Line) -> str:
        return COLORS[(line.run if self._plot.several_runs else line.measure) % len(COLORS)]

    def _legend_lines(self) -> Iterator[Text]:
        """Yield the letters and the names of the curves, with the best measurement of each."""
        row = Text()
        for label, mark in self._marks.items():
            lines = [(p, line) for p in self._plot.panels for line in p.lines if line.label == label]
            values = [_value(panel, line.best, several=len(lines) > 1) for panel, line in lines if line.best]
            item = Text(mark, f"bold {self._style(lines[0][1])}")
            item.append(f" {label} {', '.join(values)}".rstrip(), "not bold default")
            if row and row.cell_len + 3 + item.cell_len > self._width:
                yield row
                row = Text()
            row = row.append("   ").append_text(item) if row else item
        yield row
        if best_at := self._plot.best_at:
            yield Text(f"{BEST} best {best_at}, with the values above", "dim")


def _value(panel: Panel, point: Point, *, several: bool) -> str:
    """Return a measurement for the legend, with its measure where `several` share an entry."""
    if not panel.is_fraction:
        return f"{point.y:.4g}"
    fraction = f"{math.floor(round(1000 * point.y, 6)) / 1000:.3f}"  # only 1 is 1.000
    return f"accuracy {fraction}" if several else fraction


def _vertical_ticks(panel: Panel, rows: int) -> list[float]:
    low, high = panel.limits
    most = max(2, min(6, rows // 2))
    return (log_ticks if panel.is_log else ticks)(low, high, most)


def _height(panel: Panel, y: float) -> float:
    """Return the height of a value in a panel, from 0 to 1."""
    low, high = panel.limits
    if panel.is_log:
        low, high, y = math.log(low), math.log(high), math.log(y)
    return min(max((y - low) / (high - low), 0.0), 1.0)


def _braille(pieces: Sequence[Sequence[Point]], columns: int, rows: int) -> list[str] | None:
    """Return connected points as rows of braille characters; None without the package plotille."""
    try:
        from plotille import Canvas
    except ModuleNotFoundError:
        return None
    canvas = Canvas(columns, rows, 0, 0, 2 * columns, 4 * rows)
    for piece in pieces:
        if len(piece) == 1:  # a letter marks it
            continue
        dots = [(point.x * (2 * columns - 1), point.y * (4 * rows - 1)) for point in piece]
        for (x, y), (next_x, next_y) in zip(dots, [*dots[1:], dots[-1]], strict=True):
            canvas.line(x, y, next_x, next_y)
    return list(canvas.plot(linesep="\n").split("\n"))


def _marked(
    pieces: Sequence[Sequence[Point]], columns: int, rows: int, number: int, *, everywhere: bool
) -> Iterator[tuple[int, int]]:
    """Yield the column and the row of each letter: at some places of a curve, or `everywhere`."""
    distance = 1 if everywhere else max(1, columns // MARKS_PER_CURVE)
    first = 0 if everywhere else (2 + 5 * number) % distance
    for piece in pieces:
        for point, after in zip(piece, [*piece[1:], piece[-1]], strict=True):
            start, end = (round(each.x * (columns - 1)) for each in (point, after))
            for column in range(start, max(start + 1, end)):
                share = (column - start) / max(1, end - start)
                y = point.y + share * (after.y - point.y)
                if column % distance == first or len(piece) == 1:
                    yield _cell(Point(column / max(1, columns - 1), y), columns, rows)


def _cell(point: Point, columns: int, rows: int) -> tuple[int, int]:
    """Return the column and the row, from the top, of a position from 0 to 1."""
    return round(point.x * (columns - 1)), rows - 1 - min(rows - 1, int(point.y * rows))


def _text(dots: Sequence[int], marks: Sequence[str], styles: Sequence[str]) -> Text:
    text = Text()
    for dot, mark, style in zip(dots, marks, styles, strict=True):
        text.append(mark or (chr(FIRST_BRAILLE + dot) if dot else " "), style)
    return text
