"""Training as a live table: what the network predicts, epoch by epoch, and how long it will take."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from charseq.events import Epoch, Event, Progress, Start
from charseq.render.live_screen import LiveScreen
from charseq.render.marked import marked
from charseq.render.training import duration, passes, percent
from charseq.render.visible import visible

SECONDS_BETWEEN_REFRESHES = 0.08
STRINGS_SHOWN = 3
LINES_OF_LAST_ROW = 4
LINES_OF_FINAL_ROW = 24
LINES_AROUND = 7
"""What the summary above the table, its header, the bar and the shell's next line take."""
LINES_IN_A_PIPE = 100
LINES_OF_SAMPLE = 6
NEWEST_ROWS = 4
WIDTH_OF_NUMBERS = 30
"""What the columns before the prediction take, and the space between."""
WIDEST_BAR, NARROWEST_BAR = 20, 4
KEPT_FREE = 3
"""At the end of the bar's line, for the ^C that a terminal writes there: it must not begin another line."""
NARROWEST_PREDICTION = 6
"""How many cells of a line it is given on the narrowest of screens."""


class TrainingTable:
    """Rows thinned to fit the screen, the last one always there; beneath it what the network now writes of
    itself, where it learns longer text, and a bar while it runs.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.screen = LiveScreen(console, overflow="crop")
        self._rows = ThinnedRows()
        self._sample: str | None = None
        self._picture: _Picture | None = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        """Take the screen."""
        if self._console.is_terminal:
            self.screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the table as it last was, whole and without the bar."""
        final = self._drawing(self._picture, LINES_OF_FINAL_ROW) if self._picture else Text()
        if self._console.is_terminal:
            self.screen.finish(final)
        else:
            self._console.print(final)

    def show(self, event: Event) -> None:
        """Take in one event; draw where the screen is due for it."""
        if isinstance(event, Start):
            self._picture = _Picture(self._console, event)
        if isinstance(event, Epoch):
            self._rows.add(event)
        if self._picture is None or not isinstance(event, Epoch | Progress):
            return
        self._sample = event.sample or self._sample
        if not self._console.is_terminal:
            return
        if time.monotonic() - self._drawn >= SECONDS_BETWEEN_REFRESHES:
            drawing = self._drawing(self._picture, LINES_OF_LAST_ROW)
            self.screen.draw(Group(drawing, self._picture.bar(event)))
            self._drawn = time.monotonic()

    def _drawing(self, picture: "_Picture", lines_of_last: int) -> RenderableType:
        room = self._console.height - LINES_AROUND if self._console.is_terminal else LINES_IN_A_PIPE
        written = picture.sample(self._sample) if self._sample is not None else []
        room -= len(written) + (2 * lines_of_last if picture.is_long else 0)
        return Group(picture.table(self._rows.shown(room, picture.height), lines_of_last), *written)


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
            cells = [passes(row), f"{row.loss:.4f}"]
            cells.append(self._right(row) if row.validation_loss is None else f"{row.validation_loss:.4f}")
            if with_ids:
                cells += [_ids(row.predicted_ids[0]), _ids(row.target_ids[0])]
            table.add_row(*cells, self._prediction(row, lines_of_last if row is rows[-1] else 1))
        return table

    def sample(self, written: str) -> list[Text]:
        """What the network writes, under a heading: as much as has room."""
        text = Text("\n").join(Text(visible(line)) for line in written.split("\n"))
        lines = text.wrap(self._console, self._console.width, overflow="fold")
        return [Text("what it now writes:", "dim"), *lines[:LINES_OF_SAMPLE]]

    @property
    def is_long(self) -> bool:
        """Whether the last row, which is shown at length, takes more lines than the others."""
        return self._start.characters > self._console.width - WIDTH_OF_NUMBERS

    def height(self, row: Epoch) -> int:
        """The lines that a row takes where it is not the last."""
        return self._prediction(row, 1).plain.count("\n") + 1

    def bar(self, now: Epoch | Progress) -> RenderableType:
        left = now.seconds * (1 - now.done) / now.done if now.done > 0 else 0.0
        settings = self._start.settings
        most = "at most " if settings.until_learned or settings.patience else ""
        pace = f"{now.characters_per_second:,.0f} characters/s"
        text = f"{percent(now.done, 0)}, epoch {now.epoch}, loss {now.loss:.3f}, {pace}, "
        text += f"{most}{duration(left)} left"
        room = self._console.width - KEPT_FREE
        told = Text(text[: max(room, 0)], "dim", no_wrap=True)
        width = min(WIDEST_BAR, room - len(text) - 1)
        if width < NARROWEST_BAR:
            return told
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=1.0, completed=now.done, width=width), told)
        return grid

    def _prediction(self, row: Epoch, lines: int) -> Text:
        symbols = self._start.symbols
        width = max(NARROWEST_PREDICTION, self._console.width - WIDTH_OF_NUMBERS)
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
            return percent(row.accuracy)
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
    """The epochs worth a row: 1, 2, 5, 10, 20, 50 and so on, the first that was all right, and the newest."""

    def __init__(self) -> None:
        self._count = 0
        self._round: list[Epoch] = []
        self._newest: deque[Epoch] = deque(maxlen=NEWEST_ROWS)
        self._first_right: list[Epoch] = []

    def add(self, row: Epoch) -> None:
        """Take in the next epoch, or report within one."""
        self._count += 1
        if str(self._count).rstrip("0") in ("1", "2", "5"):
            self._round.append(row)
        if row.accuracy == 1 and not self._first_right:
            self._first_right.append(row)
        self._newest.append(row)

    def shown(self, room: int, height: Callable[[Epoch], int]) -> list[Epoch]:
        """The rows that fit into `room` lines, by epoch; the last one and the first one always do."""
        newest_first = [*reversed(self._newest)]
        wanted = [*newest_first[:1], *self._round[:1], *self._first_right, *self._round, *newest_first]
        chosen: dict[float, Epoch] = {}
        for row in wanted:
            if row.passes not in chosen and (len(chosen) < 2 or height(row) <= room):
                chosen[row.passes] = row
                room -= height(row)
        return [chosen[passes] for passes in sorted(chosen)]


def _ids(ids: list[int]) -> str:
    return " ".join(map(str, ids))
