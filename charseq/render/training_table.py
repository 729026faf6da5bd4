"""A training run as a live table: a row for each epoch, a generated sample, and a progress bar."""

import time
from functools import partial

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from charseq.events import Epoch, Event, Progress, Start
from charseq.render.base import Renderer
from charseq.render.error_marks import mark_errors
from charseq.render.live_screen import LiveScreen
from charseq.render.progress_line import progress_line
from charseq.render.quantities import count, duration, percent
from charseq.render.thinned_rows import ThinnedRows
from charseq.render.training import passes
from charseq.render.visible import visible
from charseq.text.units import displayable

SECONDS_BETWEEN_REFRESHES = 0.08
MAX_STRINGS = 3
"""The number of strings whose predictions are shown."""
LAST_ROW_LINES = 4
"""The number of lines of the last prediction while the run trains."""
FINAL_ROW_LINES = 24
"""The number of lines of the last prediction at the end."""
OTHER_LINES = 9
"""The number of lines of the summary, the table's header, the outcome and the shell's next prompt."""
LINES_IN_A_PIPE = 100
SAMPLE_LINES = 6
NUMBERS_WIDTH = 30
"""The width in columns of the numbers before the prediction, and the gaps."""
ALONE_WIDTH = 17
"""The width in columns of the losses of the network and the n-gram model alone, and the gaps."""
WIDTH_WITH_ALONE = 70
"""The width in columns from which they are shown."""
MIN_PREDICTION_WIDTH = 6


class TrainingTable(Renderer[Event]):
    """A table of the most interesting epochs that fit on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.screen: LiveScreen = LiveScreen(console, overflow="crop")
        self._rows = ThinnedRows()
        self._sample: str | None = None
        self._drawing: TrainingDrawing | None = None
        self._drawn_at = 0.0

    def begin(self) -> None:
        """Start to draw, if the console is a terminal."""
        if self._console.is_terminal:
            self.screen.start()

    def show(self, event: Event) -> None:
        """Add an event, and redraw if a refresh is due."""
        if isinstance(event, Start):
            self._drawing = TrainingDrawing(self._console, event)
        if isinstance(event, Epoch):
            self._rows.add(event)
        if self._drawing is None or not isinstance(event, Epoch | Progress):
            return
        self._sample = event.sample or self._sample
        is_due = time.monotonic() - self._drawn_at >= SECONDS_BETWEEN_REFRESHES
        if is_due and self._console.is_terminal:
            table = self._table(self._drawing, LAST_ROW_LINES)
            self.screen.draw(Group(table, self._drawing.progress(event)))
            self._drawn_at = time.monotonic()

    def finish(self, *, failed: bool) -> None:
        """Leave the whole table on the screen, without the bar."""
        table = self._table(self._drawing, FINAL_ROW_LINES) if self._drawing else Text()
        if self._console.is_terminal:
            self.screen.finish(table)
        else:
            self._console.print(table)

    def _table(self, drawing: "TrainingDrawing", last_lines: int) -> RenderableType:
        lines = self._console.height - OTHER_LINES if self._console.is_terminal else LINES_IN_A_PIPE
        sample = drawing.sample(self._sample) if self._sample is not None else []
        height = partial(drawing.height, last_lines=last_lines)
        rows = self._rows.fitting(lines - len(sample), height)
        note: list[Text] = []
        if self._rows.count > len(rows):  # one more line, for the note
            rows = self._rows.fitting(lines - len(sample) - 1, height)
            note.append(Text(f"({count(self._rows.count - len(rows), 'row')} not shown)", "dim"))
        return Group(drawing.table(rows, last_lines), *note, *sample)


class TrainingDrawing:
    """The drawings of one run."""

    def __init__(self, console: Console, start: Start) -> None:
        self._console, self._start = console, start
        self._symbols = displayable(start.symbols, start.unit)
        self._has_labels = bool(start.labels)

    def table(self, rows: list[Epoch], last_lines: int) -> RenderableType:
        """Return a table of epochs; the prediction of the last one has up to `last_lines` lines."""
        if not rows:
            return Text()
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        has_validation = rows[0].validation_loss is not None
        has_ids = self._fits_ids(rows[0])
        alone = ("network", "n-gram") if self._shows_alone else ()
        for name in ("epoch", "loss", "validation" if has_validation else "correct", *alone):
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("predicted ids", "target ids") if has_ids else ():
            table.add_column(name, no_wrap=True)
        table.add_column("prediction", no_wrap=True)
        for row in rows:
            cells = [passes(row), f"{row.loss:.4f}"]
            cells.append(self._correct(row) if row.validation_loss is None else f"{row.validation_loss:.4f}")
            if self._shows_alone:
                cells += [_loss(row.network_validation_loss), _loss(row.ngram_validation_loss)]
            if has_ids:
                cells += [_ids(row.predicted_ids[0]), _ids(row.target_ids[0])]
            table.add_row(*cells, self._prediction(row, last_lines if row is rows[-1] else 1))
        return table

    def sample(self, generated: str) -> list[Text]:
        """Return the first lines of a generated text, below a heading."""
        shown = generated.split("\n")
        if self._has_labels:  # before the text, with a tab
            shown = [line.replace("\t", "  ", 1) for line in shown]
        text = Text("\n").join(Text(visible(line)) for line in shown)
        lines = text.wrap(self._console, self._console.width, overflow="fold")
        return [Text("generated sample:", "dim"), *lines[:SAMPLE_LINES]]

    def height(self, row: Epoch, is_last: bool, *, last_lines: int) -> int:
        """Return the number of lines of a row."""
        return self._prediction(row, last_lines if is_last else 1).plain.count("\n") + 1

    def progress(self, event: Epoch | Progress) -> RenderableType:
        """Return a bar with the progress, the speed and the remaining time."""
        remaining = event.seconds * (1 - event.done) / event.done if event.done > 0 else 0.0
        settings = self._start.settings
        may_stop_early = settings.until_learned or settings.patience
        text = (
            f"{percent(event.done, 0)}, epoch {event.epoch}, loss {event.loss:.3f}, "
            f"{event.characters_per_second:,.0f} characters/s, "
            f"{'at most ' if may_stop_early else ''}{duration(remaining)} left"
        )
        return progress_line(event.done, text, self._console.width)

    def _prediction(self, row: Epoch, lines: int) -> Text:
        symbols = self._symbols
        numbers = NUMBERS_WIDTH + (ALONE_WIDTH if self._shows_alone else 0)
        width = max(MIN_PREDICTION_WIDTH, self._console.width - numbers)
        pairs = list(zip(row.predicted_ids, row.target_ids, strict=True))
        texts = [
            mark_errors(
                [symbols[i] for i in predicted], [symbols[i] for i in target], width=width, lines=lines
            )
            for predicted, target in pairs[:MAX_STRINGS]
        ]
        if len(pairs) > MAX_STRINGS:
            texts.append(Text(f"(and {len(pairs) - MAX_STRINGS:,} more)", "dim"))
        return Text("\n").join(texts)

    @property
    def _shows_alone(self) -> bool:
        """Whether the losses of the network and the n-gram model alone are shown."""
        return bool(self._start.ngrams) and self._console.width >= WIDTH_WITH_ALONE

    def _correct(self, row: Epoch) -> str:
        if not self._start.settings.whole:
            return percent(row.accuracy)
        positions = sum(map(len, row.target_ids))
        return f"{round(row.accuracy * positions):,}/{positions:,}"

    def _fits_ids(self, row: Epoch) -> bool:
        """Return whether there is space for ids beside the prediction of one short string."""
        if len(row.target_ids) != 1 or not self._start.settings.whole:
            return False
        positions = len(row.target_ids[0])
        id_width = len(str(self._start.vocabulary_size - 1)) + 1
        column_width = max(positions * id_width, len("predicted ids")) + 2
        return NUMBERS_WIDTH + 2 * column_width + 2 * positions <= self._console.width


def _loss(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"


def _ids(ids: list[int]) -> str:
    return " ".join(map(str, ids))
