"""A training run as a live table: a row for each epoch, a generated sample, and a progress bar."""

import time

from rich.console import Console, Group, RenderableType
from rich.text import Text

from charseq.events import End, Epoch, Event, Progress, Start
from charseq.render.base import Renderer
from charseq.render.epoch_table import MAX_STRINGS, arranged
from charseq.render.live_screen import LiveScreen
from charseq.render.thinned_rows import ThinnedRows
from charseq.render.training_drawing import Detail, TrainingDrawing
from charseq.render.training_outcome import outcome

SECONDS_BETWEEN_REFRESHES = 0.08
LINES_IN_A_PIPE = 100
LINES_BELOW = 4
"""The number of lines of the outcome and the shell's next prompt, while the run trains."""


class TrainingTable(Renderer[Event]):
    """A table of the most interesting epochs that fit on the screen, or of every epoch."""

    def __init__(self, console: Console, *, every_epoch: bool = False) -> None:
        self._console, self._every_epoch = console, every_epoch
        self.screen: LiveScreen = LiveScreen(console, overflow="crop")
        self._rows = ThinnedRows()
        self._new_rows: list[Epoch] = []
        """With every epoch, the rows that were not yet printed; the newest is part of the drawing."""
        self._has_header = False
        self._sample: str | None = None
        self._drawing: TrainingDrawing | None = None
        self._drawn_at = 0.0
        self._messages: list[str] = []
        self._end: End | None = None

    def begin(self) -> None:
        """Start to draw, if the console is a terminal."""
        if self._console.is_terminal:
            self.screen.start()

    def note_message(self, text: str) -> None:
        """Leave space for a message that was printed above the table."""
        self._messages.append(text)

    def show(self, event: Event) -> None:
        """Add an event, and redraw if a refresh is due."""
        if isinstance(event, Start):
            self._drawing = TrainingDrawing(self._console, event)
            self._rows = ThinnedRows(event)
        if isinstance(event, End):
            self._end = event
        if isinstance(event, Epoch):
            self._rows.add(event)
            if self._every_epoch:
                self._new_rows.append(event)
        if self._drawing is None or not isinstance(event, Epoch | Progress):
            return
        self._sample = event.sample or self._sample
        if time.monotonic() - self._drawn_at < SECONDS_BETWEEN_REFRESHES:
            return
        if self._every_epoch and self._new_rows:
            self._print_new_rows(self._drawing)
        if self._console.is_terminal:
            table = self._table(self._drawing, final=False)
            self.screen.draw(Group(table, self._drawing.progress(event)))
        self._drawn_at = time.monotonic()

    def add_earlier(self, event: Event) -> None:
        """Add a row of an earlier part of the run."""
        if isinstance(event, Epoch):
            self._rows.add(event)

    def finish(self, *, failed: bool) -> None:
        """Leave the whole table on the screen, without the bar."""
        if self._drawing and self._new_rows:
            self._print_new_rows(self._drawing)
        table = self._table(self._drawing, final=True) if self._drawing else Text()
        if self._console.is_terminal:
            self.screen.finish(table)
        elif self._rows.count:
            self._console.print(table)

    def _print_new_rows(self, drawing: TrainingDrawing) -> None:
        """Print the newest rows but the last one above the drawing, for good."""
        *rows, last = self._new_rows
        if not rows:
            return
        if self._console.is_terminal:
            self.screen.print_above(self._rows_as_they_come(drawing, rows))
        else:
            self._console.print(self._rows_as_they_come(drawing, rows))
        self._has_header, self._new_rows = True, [last]

    def _rows_as_they_come(self, drawing: TrainingDrawing, rows: list[Epoch]) -> RenderableType:
        """Return rows, with a header if they are the first."""
        return drawing.table(rows, Detail(1, MAX_STRINGS), header=not self._has_header, ends=False)

    def _table(self, drawing: TrainingDrawing, *, final: bool) -> RenderableType:
        sample = drawing.sample(self._sample) if self._sample is not None else []
        if self._every_epoch and self._new_rows:
            return Group(self._rows_as_they_come(drawing, self._new_rows), *sample)
        if self._every_epoch or not self._rows.count:
            return Group(*sample)
        saved = self._end.passes if self._end and self._end.epoch else None
        lines = self._lines(final=final)
        return arranged(drawing, self._rows, self._sample, lines, final=final, saved=saved)

    def _lines(self, *, final: bool) -> int:
        """Return the number of lines for the table and the sample, beside the messages around them."""
        console = self._console
        if not console.is_terminal:
            return LINES_IN_A_PIPE
        above = sum(len(Text(text).wrap(console, console.width)) for text in self._messages)
        below = LINES_BELOW
        if final and self._end:
            below = 1 + (len(Text(outcome(self._end)).wrap(console, console.width)) if above else 0)
        # The messages above scroll off a small screen.
        return max(console.height - above - below, min(console.height - below, console.height * 2 // 3))
