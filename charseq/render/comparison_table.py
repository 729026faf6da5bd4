"""A comparison of cells as a live table: a row for each cell, and below it the range over seeds."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from charseq.comparison import Result, Spread, Trial, spreads
from charseq.events import End, Epoch, Progress
from charseq.render.base import Renderer
from charseq.render.columns import fitting
from charseq.render.comparison import TrialEvent, by_cell, mean_parameters, settings_of_all
from charseq.render.live_screen import LiveScreen
from charseq.render.quantities import duration, percent

SECONDS_BETWEEN_REFRESHES = 0.1
WIDE = 96
"""The width of a console, in columns, from which gaps are two columns wide."""
HEADINGS = {
    "loss": "loss",
    "validation_loss": "validation",
    "accuracy": "correct",
    "first_right_epoch": "memorized",
    "characters_per_second": "chars/s",
    "seconds": "time",
}
LESS_IMPORTANT = ("time", "chars/s", "parameters", "memorized", "correct")
"""The columns that a narrow screen leaves out, in this order."""
FORMATS: dict[str, Callable[[float], str]] = {
    "loss": lambda x: f"{x:.4f}" if x >= 0.01 else f"{x:.2g}",
    "validation_loss": "{:.4f}".format,
    "accuracy": lambda x: percent(x, 0),
    "first_right_epoch": "epoch {:,.0f}".format,
    "characters_per_second": "{:,.0f}".format,
    "seconds": lambda x: f"{x:.2f} s" if x < 1 else duration(x),
    "order": "{:.0f}".format,
}


class ComparisonTable(Renderer[TrialEvent]):
    """A table with one row per cell, filled as runs end, and the progress of the running ones."""

    def __init__(self, console: Console, trials: Sequence[Trial]) -> None:
        self._console, self._trials = console, trials
        self.screen: LiveScreen = LiveScreen(console)
        self._networks = [trial for trial in trials if not trial.is_ngram]
        self._sizes_differ = len({trial.settings.hidden_size for trial in self._networks}) > 1
        self._has_seeds = len({trial.settings.seed for trial in trials}) > 1
        self._results: list[Result] = []
        self._running: dict[int, tuple[Trial, Epoch | Progress]] = {}
        """The last event of every run in progress, by the id of its trial."""
        self._drawn_at = 0.0

    def begin(self) -> None:
        """Start to draw, if the console is a terminal."""
        if self._console.is_terminal:
            self.screen.start()

    def show(self, event: TrialEvent) -> None:
        """Add an event, and redraw if a refresh is due."""
        result, of_training = event
        if isinstance(of_training, End):
            self._running.pop(id(result.trial), None)
            self._results.append(result)
            self._results.sort(key=lambda ended: self._trials.index(ended.trial))
        elif isinstance(of_training, Epoch | Progress):
            self._running[id(result.trial)] = result.trial, of_training
        is_due = time.monotonic() - self._drawn_at >= SECONDS_BETWEEN_REFRESHES
        if not is_due or not self._console.is_terminal or isinstance(of_training, End):
            return
        self.screen.draw(Group(self._table(), *self._progress()))
        if self._running:
            self._drawn_at = time.monotonic()

    def finish(self, *, failed: bool) -> None:
        """Leave the table on the screen, without the bar."""
        if self._console.is_terminal:
            self.screen.finish(self._table())
        else:
            self._console.print(self._table())

    def _table(self) -> RenderableType:
        settings = settings_of_all(self._trials)
        loss = "validation_loss" if settings.validates else "loss"
        memorized = ["first_right_epoch"] if settings.whole else []
        measures = (loss, "accuracy", *memorized, "characters_per_second", "seconds")
        results = by_cell(self._results)
        spread_of = {cell: spreads(ended) for cell, ended in results.items()}
        means = {cell: spread.mean for cell, found in spread_of.items() if (spread := found[loss])}
        best = min(means, key=means.__getitem__) if len(means) > 1 else None
        rows: list[tuple[list[str], str]] = []
        for trial in self._first_of_each_cell():
            cell = trial.settings.cell
            columns = [
                _mean_and_range(n, spread_of[cell], results[cell]) for n in measures if cell in results
            ]
            parameters = mean_parameters(results[cell]) if cell in results else trial.parameters
            texts = [
                self._name(trial, spread_of.get(cell, {})),
                f"{parameters:,}" if parameters else "",
                *(mean for mean, _ in columns),
            ]
            rows.append((texts, "bold green" if cell == best else ""))
            if self._has_seeds and columns:
                completed = sum(result.completed for result in results[cell])
                ended = "" if completed == len(results[cell]) else f"{completed} of {len(results[cell])}"
                rows.append(([ended, "", *(span for _, span in columns)], "dim"))
        return self._fitted(["cell", "parameters", *(HEADINGS[name] for name in measures)], rows)

    def _fitted(self, headings: Sequence[str], rows: Sequence[tuple[Sequence[str], str]]) -> RenderableType:
        """Return a table of the columns that fit on the screen."""
        width = self._console.width
        gap = 2 if width >= WIDE else 1
        cells = [headings, *(row for row, _ in rows)]
        widths = [max(cell_len(row[i]) for row in cells if i < len(row)) for i in range(len(headings))]
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        chosen = fitting(headings, [column + gap for column in widths], width, LESS_IMPORTANT, gap=0)
        for i in chosen:
            table.add_column(headings[i], justify="right" if i else "left", no_wrap=True, min_width=widths[i])
        for row, style in rows:
            table.add_row(*(Text(row[i], style) if i < len(row) else "" for i in chosen))
        return table

    def _first_of_each_cell(self) -> list[Trial]:
        return list({trial.settings.cell: trial for trial in reversed(self._trials)}.values())[::-1]

    def _name(self, trial: Trial, spread_of: Mapping[str, Spread | None]) -> str:
        """Return the name of a row: the cell, with what differs between the rows."""
        cell = trial.settings.cell
        if trial.is_ngram:
            order = spread_of.get("order")
            return (
                f"{cell}, order {_range('order', order) or FORMATS['order'](order.mean)}" if order else cell
            )
        return f"{cell} {trial.settings.hidden_size:,}" if self._sizes_differ else cell

    def _progress(self) -> Iterator[RenderableType]:
        """Yield a bar with the progress of all runs, and the current ones."""
        if not self._running:
            return
        ended = sum(not each.trial.is_ngram for each in self._results)
        done = (ended + sum(event.done for _, event in self._running.values())) / len(self._networks)
        running = sorted(self._running.values(), key=lambda last: self._trials.index(last[0]))
        current = [_current(*last) for last in running]
        beside, below = (current[0], []) if len(current) == 1 else (f"{len(current)} runs at a time", current)
        bar = ProgressBar(total=1.0, completed=done, width=20)
        grid = Table.grid(padding=(0, 1))
        grid.add_row(bar, Text(f"{percent(done, 0)}, {beside}", "dim", no_wrap=True))
        yield grid
        yield from (Text(f"  {text}", "dim", no_wrap=True) for text in below)


def _current(trial: Trial, event: Epoch | Progress) -> str:
    """Return a description of a run in progress."""
    settings = trial.settings
    return f"{settings.cell}, seed {settings.seed}, epoch {event.epoch}, loss {event.loss:.4f}"


def _mean_and_range(
    name: str, spread_of: Mapping[str, Spread | None], results: Sequence[Result]
) -> tuple[str, str]:
    """Return the mean of a measure over the completed runs, and its range."""
    spread, completed = spread_of[name], sum(result.completed for result in results)
    if spread is None:
        if not completed:
            return (results[-1].status if "loss" in name else "-"), ""
        never = name == "first_right_epoch" and not results[0].trial.is_ngram
        return ("never" if never else "-"), ""
    text, span = FORMATS[name], _range(name, spread)
    if spread.count < completed:
        span = f"{span} ({spread.count} of {completed})".lstrip()
    return text(spread.mean), span


def _range(name: str, spread: Spread) -> str:
    """Return the range of a measure; empty if all values are equal."""
    text = FORMATS[name]
    return "" if spread.low == spread.high else f"{text(spread.low)}–{text(spread.high)}"
