"""A comparison of cells as one live table: a row a cell, beneath it the range over seeds."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from charseq.comparison import Result, Spread, Trial, spreads
from charseq.events import End, Epoch, Event, Progress
from charseq.render.columns import kept
from charseq.render.comparison import by_cell
from charseq.render.live_screen import LiveScreen
from charseq.render.training import duration, percent

SECONDS_BETWEEN_REFRESHES = 0.1
WIDE = 96
HEADINGS = {
    "loss": "loss",
    "validation_loss": "validation",
    "accuracy": "right",
    "first_right_epoch": "learned at",
    "characters_per_second": "chars/s",
    "seconds": "time",
}
LESS_IMPORTANT = ("time", "chars/s", "parameters", "learned at", "right")
"""Columns that a narrow screen leaves out, in this order."""
FORMATS: dict[str, Callable[[float], str]] = {
    "loss": lambda x: f"{x:.4f}" if x >= 0.01 else f"{x:.2g}",
    "validation_loss": "{:.4f}".format,
    "accuracy": lambda x: percent(x, 0),
    "first_right_epoch": "{:.0f}".format,
    "characters_per_second": "{:,.0f}".format,
    "seconds": lambda x: f"{x:.2f} s" if x < 1 else duration(x),
}


class ComparisonTable:
    """A row for every cell from the start, filled as trainings end; beneath it what is being trained."""

    def __init__(self, console: Console, planned: Sequence[Trial]) -> None:
        self._console, self._planned = console, planned
        self.screen = LiveScreen(console)
        self._sizes_differ = len({trial.settings.hidden_size for trial in planned}) > 1
        self._several = len({trial.settings.seed for trial in planned}) > 1
        self._results: list[Result] = []
        self._drawn = 0.0

    def __enter__(self) -> Self:
        """Take the screen."""
        if self._console.is_terminal:
            self.screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the table as it last was, without the bar."""
        if self._console.is_terminal:
            self.screen.finish(self._table())
        else:
            self._console.print(self._table())

    def show(self, result: Result, event: Event) -> None:
        """Take in one event; draw where the screen is due for it."""
        if isinstance(event, End):
            self._results.append(result)
        due = time.monotonic() - self._drawn >= SECONDS_BETWEEN_REFRESHES
        if due and self._console.is_terminal and isinstance(event, Epoch | Progress):
            self.screen.draw(Group(self._table(), self._bar(result, event)))
            self._drawn = time.monotonic()

    def _table(self) -> RenderableType:
        loss = "validation_loss" if self._planned[0].settings.validation else "loss"
        measures = (loss, "accuracy", "first_right_epoch", "characters_per_second", "seconds")
        results = by_cell(self._results)
        found = {cell: spreads(ended) for cell, ended in results.items()}
        means = {cell: spread.mean for cell, spreads in found.items() if (spread := spreads[loss])}
        rows: list[tuple[list[str], str]] = []
        best = min(means, key=means.__getitem__) if len(means) > 1 else None
        for trial in self._first_of_each_cell():
            cell = trial.settings.cell
            columns = [_column(name, found[cell], results[cell]) for name in measures if cell in found]
            name = f"{cell} {trial.settings.hidden_size}" if self._sizes_differ else cell
            texts = [name, f"{trial.parameters:,}", *(mean for mean, _ in columns)]
            rows.append((texts, "bold green" if cell == best else ""))
            if self._several and columns:
                completed = sum(result.completed for result in results[cell])
                ended = "" if completed == len(results[cell]) else f"{completed} of {len(results[cell])}"
                rows.append(([ended, "", *(span for _, span in columns)], "dim"))
        return self._fitted(["cell", "parameters", *(HEADINGS[name] for name in measures)], rows)

    def _fitted(self, headings: Sequence[str], rows: Sequence[tuple[Sequence[str], str]]) -> RenderableType:
        """Return a table of the columns that the screen has room for."""
        width = self._console.width
        gap = 2 if width >= WIDE else 1
        cells = [headings, *(row for row, _ in rows)]
        widths = [max(cell_len(row[i]) for row in cells if i < len(row)) for i in range(len(headings))]
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        chosen = kept(headings, [column + gap for column in widths], width, LESS_IMPORTANT, gap=0)
        for i in chosen:
            table.add_column(headings[i], justify="right" if i else "left", no_wrap=True, min_width=widths[i])
        for row, style in rows:
            table.add_row(*(Text(row[i], style) if i < len(row) else "" for i in chosen))
        return table

    def _first_of_each_cell(self) -> list[Trial]:
        return list({trial.settings.cell: trial for trial in reversed(self._planned)}.values())[::-1]

    def _bar(self, result: Result, now: Epoch | Progress) -> RenderableType:
        """Which training runs, and how much of all of them is done."""
        done = (len(self._results) + now.done) / len(self._planned)
        settings = result.trial.settings
        text = f"{percent(done, 0)}, {settings.cell}, seed {settings.seed}, "
        text += f"epoch {now.epoch}, loss {now.loss:.4f}"
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=done, width=20), Text(text, "dim", no_wrap=True))
        return grid


def _column(name: str, found: Mapping[str, Spread | None], results: Sequence[Result]) -> tuple[str, str]:
    """The mean of a measure over the trainings that completed, and its range."""
    spread, completed = found[name], sum(result.completed for result in results)
    if spread is None:
        if not completed:
            return (results[-1].status if "loss" in name else "-"), ""
        return ("never" if name == "first_right_epoch" else "-"), ""
    write = FORMATS[name]
    span = "" if spread.low == spread.high else f"{write(spread.low)}–{write(spread.high)}"
    if spread.count < completed:
        span = f"{span} ({spread.count} of {completed})".lstrip()
    return write(spread.mean), span
