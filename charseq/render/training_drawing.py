"""The drawings of one training run: its table of epochs, a generated sample, and a progress bar."""

from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from charseq.events import Epoch, Progress, Start
from charseq.render.error_marks import TARGET, WRONG, mark_errors, marked_lines, target_text
from charseq.render.progress_line import progress_line
from charseq.render.quantities import duration, percent
from charseq.render.symbols import symbol_text
from charseq.render.training import passes
from charseq.render.visible import visible
from charseq.settings.defaults import UNLIMITED_EPOCHS
from charseq.text.units import displayable

SAMPLE_LINES = 6
NUMBERS_WIDTH = 30
"""The width in columns of the numbers before the prediction, and the gaps."""
ALONE_WIDTH = 17
"""The width in columns of the losses of the network and the n-gram model alone, and the gaps."""
WIDTH_WITH_ALONE = 70
"""The width in columns from which they are shown."""
MIN_PREDICTION_WIDTH = 6
GAP = 2
LOSS_WIDTH = 6


class Detail(NamedTuple):
    """How much of a prediction a table shows."""

    last_lines: int
    """The number of lines of each string in the last row; in the other rows, it has one."""
    strings: int
    """The number of strings."""


class TrainingDrawing:
    """The drawings of one run."""

    def __init__(self, console: Console, start: Start) -> None:
        self._console, self._start = console, start
        self._symbols = displayable(start.symbols, start.unit)
        self._has_labels = bool(start.labels)

    def table(self, rows: list[Epoch], detail: Detail, *, header: bool = True, ends: bool = True) -> Table:
        """Return a table of epochs, with the target in the header if no column shows it.

        `ends`: whether the last of the rows is the last of the table.
        """
        epochs = self._start.settings.epochs
        table = Table(
            box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", show_header=header
        )
        numbers = ["epoch", "loss", *self._measure_names(rows[0])]
        has_ids, is_beside = self._fits_ids(rows[0]), self._fits_beside(rows[0])
        longest_epoch = len(str(epochs)) if epochs < UNLIMITED_EPOCHS else 0
        for name in numbers:
            width = max(len(name), longest_epoch if name == "epoch" else LOSS_WIDTH) * (not self._is_narrow)
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        for name in ("predicted ids", "target ids") if has_ids else ():
            table.add_column(name, no_wrap=True, min_width=len(name))
        target_width = self._target_width(rows[0]) if is_beside else 0
        width = self._width - (target_width + GAP if is_beside else 0)
        table.add_column("prediction", no_wrap=True, min_width=target_width or None)
        if is_beside:
            table.add_column("target", no_wrap=True)
        if header and self.header_lines(rows[0], detail) > 1:
            table.add_row(*[""] * (len(numbers) - 1), Text("target", TARGET), self._targets(rows[0], detail))
        for row in rows:
            lines = detail.last_lines if ends and row is rows[-1] else 1
            ids = [_ids(row.predicted_ids[0]), _ids(row.target_ids[0])] if has_ids else []
            texts = self._texts(row, width, lines, detail.strings)
            table.add_row(*self._numbers(row), *ids, *(texts if is_beside else texts[:1]))
        return table

    def header_lines(self, row: Epoch, detail: Detail) -> int:
        """Return the number of lines of the header."""
        if self._is_narrow or self._fits_ids(row) or self._fits_beside(row):
            return 1
        return 2 + self._targets(row, detail).plain.count("\n")

    def height(self, row: Epoch, is_last: bool, detail: Detail) -> int:
        """Return the number of lines of a row."""
        width = self._width
        if self._fits_beside(row):
            width -= self._target_width(row) + GAP
        prediction, _ = self._texts(row, width, detail.last_lines if is_last else 1, detail.strings)
        return prediction.plain.count("\n") + 1

    def sample(self, generated: str) -> list[Text]:
        """Return the first lines of a generated text, below a heading."""
        shown = generated.split("\n")
        if self._has_labels:  # before the text, with a tab
            shown = [line.replace("\t", "  ", 1) for line in shown]
        text = Text("\n").join(Text(visible(line)) for line in shown)
        lines = text.wrap(self._console, self._console.width, overflow="fold")
        return [Text("generated sample:", "dim"), *lines[:SAMPLE_LINES]]

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

    @property
    def _width(self) -> int:
        """The width in columns of the prediction and the target beside it."""
        numbers = NUMBERS_WIDTH + (ALONE_WIDTH if self._shows_alone else 0)
        return max(MIN_PREDICTION_WIDTH, self._console.width - numbers)

    @property
    def _is_narrow(self) -> bool:
        return self._width == MIN_PREDICTION_WIDTH

    @property
    def _shows_alone(self) -> bool:
        """Whether the losses of the network and the n-gram model alone are shown."""
        return bool(self._start.ngrams) and self._console.width >= WIDTH_WITH_ALONE

    def _measure_names(self, row: Epoch) -> list[str]:
        alone = ["network", "n-gram"] if self._shows_alone else []
        return ["correct" if row.validation_loss is None else "validation", *alone]

    def _numbers(self, row: Epoch) -> list[str]:
        numbers = [passes(row), f"{row.loss:.4f}"]
        numbers.append(self._correct(row) if row.validation_loss is None else f"{row.validation_loss:.4f}")
        if self._shows_alone:
            numbers += [_loss(row.network_validation_loss), _loss(row.ngram_validation_loss)]
        return numbers

    def _texts(self, row: Epoch, width: int, lines: int, strings: int) -> tuple[Text, Text]:
        """Return the prediction with its errors marked, and the target beside it, line by line."""
        predictions, targets = [], []
        shows_target = lines > 1 and not self._fits_ids(row)  # else it is above or beside
        for predicted, target in self._strings(row)[:strings]:
            if self._fits_beside(row):
                for line in marked_lines(predicted, target, width=width, lines=1):
                    predictions += [line.prediction, *([Text(line.marks, WRONG)] if line.marks else [])]
                    targets += [line.target, *([Text()] if line.marks else [])]
            else:
                predictions.append(
                    mark_errors(predicted, target, width=width, lines=lines, with_target=shows_target)
                )
        if len(row.target_ids) > strings:
            predictions.append(Text(f"(and {len(row.target_ids) - strings:,} more)", "dim"))
        return Text("\n").join(predictions), Text("\n").join(targets)

    def _targets(self, row: Epoch, detail: Detail) -> Text:
        """Return the beginning of each target, a line each."""
        targets = (target for _, target in self._strings(row)[: detail.strings])
        return Text("\n").join(target_text(target, width=self._width) for target in targets)

    def _strings(self, row: Epoch) -> list[tuple[list[str], list[str]]]:
        symbols = self._symbols
        return [
            ([symbols[i] for i in predicted], [symbols[i] for i in target])
            for predicted, target in zip(row.predicted_ids, row.target_ids, strict=True)
        ]

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

    def _fits_beside(self, row: Epoch) -> bool:
        """Return whether there is space for every target beside the prediction."""
        return not self._fits_ids(row) and 2 * self._target_width(row) + GAP <= self._width

    def _target_width(self, row: Epoch) -> int:
        """Return the width of the longest target, or of its heading."""
        longest = len("prediction")
        for target in row.target_ids:
            if len(target) > self._width:
                return len(target)
            longest = max(longest, sum(cell_len(symbol_text(self._symbols[i])) for i in target))
        return longest


def _loss(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.4f}"


def _ids(ids: list[int]) -> str:
    return " ".join(map(str, ids))
