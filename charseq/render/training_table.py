"""Training as a live table: what the network predicts, epoch by epoch, and how long it will take."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from charseq.events import Epoch, Event, Progress, Start
from charseq.render.marked import marked
from charseq.render.training import duration

SECONDS_BETWEEN_REFRESHES = 0.08
STRINGS_SHOWN = 3
LINES_OF_LAST_ROW = 4
LINES_OF_FINAL_ROW = 24
WIDTH_OF_NUMBERS = 30
"""What the columns before the prediction take, and the space between."""


class TrainingTable:
    """Rows thinned to fit the screen, the last one always there; beneath it a bar while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console,
            auto_refresh=False,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._rows = ThinnedRows(max(3, (console.height - 12) // 2))
        self._picture: _Picture | None = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        """Take the screen."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the table as it last was, whole and without the bar."""
        if self._picture:
            self._live.vertical_overflow = "visible"
            self._live.update(self._picture.table(self._rows.shown(), LINES_OF_FINAL_ROW))
        self._live.stop()

    def show(self, event: Event) -> None:
        """Take in one event; draw where the screen is due for it."""
        if isinstance(event, Start):
            self._picture = _Picture(self._console, event)
        if isinstance(event, Epoch):
            self._rows.add(event)
        if self._picture is None or not isinstance(event, Epoch | Progress):
            return
        if time.monotonic() - self._drawn >= SECONDS_BETWEEN_REFRESHES:
            table = self._picture.table(self._rows.shown(), LINES_OF_LAST_ROW)
            self._live.update(Group(table, self._picture.bar(event)), refresh=True)
            self._drawn = time.monotonic()


class _Picture:
    """How the epochs of one run are drawn."""

    def __init__(self, console: Console, start: Start) -> None:
        self._console, self._start = console, start

    def table(self, rows: list[Epoch], lines_of_last: int) -> RenderableType:
        if not rows:
            return Text()
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        validated = rows[0].validation_loss is not None
        with_ids = self._has_room_for_ids(rows[0])
        for name in ("epoch", "loss", "validation" if validated else "right"):
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("predicted ids", "true ids") if with_ids else ():
            table.add_column(name, no_wrap=True)
        table.add_column("prediction", no_wrap=True)
        for row in rows:
            cells = [str(row.epoch), f"{row.loss:.4f}"]
            cells.append(self._right(row) if row.validation_loss is None else f"{row.validation_loss:.4f}")
            if with_ids:
                cells += [_ids(row.predicted_ids[0]), _ids(row.target_ids[0])]
            table.add_row(*cells, self._prediction(row, lines_of_last if row is rows[-1] else 1))
        return table

    def bar(self, now: Epoch | Progress) -> RenderableType:
        left = now.seconds * (1 - now.done) / now.done if now.done > 0 else 0.0
        most = "at most " if self._start.settings.until_learned or self._start.settings.patience else ""
        text = (
            f"epoch {now.epoch}, {now.characters_per_second:,.0f} characters/s, {most}{duration(left)} left"
        )
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=now.done, width=20), Text(text, "dim", no_wrap=True))
        return grid

    def _prediction(self, row: Epoch, lines: int) -> Text:
        symbols = self._start.symbols
        width = max(8, self._console.width - WIDTH_OF_NUMBERS)
        pairs = list(zip(row.predicted_ids, row.target_ids, strict=True))
        texts = [
            marked([symbols[i] for i in predicted], [symbols[i] for i in true], width=width, lines=lines)
            for predicted, true in pairs[:STRINGS_SHOWN]
        ]
        if len(pairs) > STRINGS_SHOWN:
            texts.append(Text(f"(and {len(pairs) - STRINGS_SHOWN} more)", "dim"))
        return Text("\n").join(texts)

    def _right(self, row: Epoch) -> str:
        if not self._start.settings.whole:
            return f"{row.accuracy:.1%}"
        places = sum(map(len, row.target_ids))
        return f"{round(row.accuracy * places)}/{places}"

    def _has_room_for_ids(self, row: Epoch) -> bool:
        """Whether ids stand beside the prediction, as in the lesson: for one short string they do."""
        if len(row.target_ids) != 1 or not self._start.settings.whole:
            return False
        places = len(row.target_ids[0])
        widest = len(str(self._start.vocabulary_size - 1)) + 1
        ids = max(places * widest, len("predicted ids")) + 2
        return WIDTH_OF_NUMBERS + 2 * ids + 2 * places <= self._console.width


class ThinnedRows:
    """The epochs worth a row: the first, every so many, the first that was all right, and the last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: list[Epoch] = []
        self._every = 1
        self._first_right: Epoch | None = None
        self._last: Epoch | None = None

    def add(self, row: Epoch) -> None:
        """Take in the next epoch."""
        if self._first_right is None and row.accuracy == 1:
            self._first_right = row
        self._last = row
        if row.epoch == 1 or row.epoch % self._every == 0:
            self._rows.append(row)
        while len(self._rows) > max(2, self._most - 2):
            self._every = _rounder(self._every)
            self._rows = [row for row in self._rows if row.epoch == 1 or row.epoch % self._every == 0]

    def shown(self) -> list[Epoch]:
        """The rows, by epoch."""
        extra = [row for row in (self._first_right, self._last) if row is not None]
        return [row for _, row in sorted({row.epoch: row for row in [*self._rows, *extra]}.items())]


def _rounder(step: int) -> int:
    """The next round step: 1, 2, 5, 10, 20, 50, ..."""
    return step * 5 // 2 if str(step)[0] == "2" else step * 2


def _ids(ids: list[int]) -> str:
    return " ".join(map(str, ids))
