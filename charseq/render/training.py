"""The events of a training run: a live table, plain lines, or JSON lines."""

from collections.abc import Iterator
from typing import Any, TextIO

from charseq.events import Epoch, Event, Progress, Start, record
from charseq.render.base import JSONLines, LineRenderer, Renderer, View
from charseq.render.quantities import floored
from charseq.render.visible import END_OF_LINE, visible


def passes(event: Epoch) -> str:
    """Return the number of a complete epoch, or the number of passes within one."""
    return str(event.epoch) if event.passes == event.epoch else floored(event.passes)


def _record(event: Event) -> dict[str, Any] | None:
    return None if isinstance(event, Progress) else record(event)


class _PlainLines(LineRenderer[Event]):
    """A line for each epoch, and for each report within one, below the column names."""

    _start: Start

    def show(self, event: Event) -> None:
        """Write an epoch; the other events are summarized on standard error."""
        if isinstance(event, Start):
            self._start = event
            validation = ["validation_loss"] if event.settings.validates else []
            alone = ["network_validation_loss", "ngram_validation_loss"] if event.ngrams else []
            ids = ["predicted_ids", "target_ids"] if event.settings.whole else []
            self._write_row(["epoch", "loss", "accuracy", *validation, "prediction", "target", *alone, *ids])
        elif isinstance(event, Epoch):
            self._write_row(self._fields(event))
        self._output.flush()

    def _fields(self, event: Epoch) -> Iterator[str]:
        yield passes(event).replace(",", "")
        yield f"{event.loss:.6f}"
        yield f"{event.accuracy:.4f}"
        if event.validation_loss is not None:
            yield f"{event.validation_loss:.6f}"
        yield self._in_one_line(event.prediction, event.predicted_ids)
        yield self._in_one_line(event.target, event.target_ids)
        if event.ngram_validation_loss is not None:
            network = event.network_validation_loss
            yield "-" if network is None else f"{network:.6f}"
            yield f"{event.ngram_validation_loss:.6f}"
        if self._start.settings.whole:
            yield _ids(event.predicted_ids)
            yield _ids(event.target_ids)

    def _in_one_line(self, texts: str | list[str], ids: list[list[int]]) -> str:
        """Return texts between bars, with a visible end of each line that is a sequence."""
        if self._start.lines and self._start.unit != "byte":
            symbols = self._start.symbols
            return " | ".join("".join(visible(symbols[i]) or END_OF_LINE for i in text) for text in ids)
        return " | ".join(map(visible, [texts] if isinstance(texts, str) else texts))


def _ids(ids: list[list[int]]) -> str:
    """Return the ids of texts, the texts between bars."""
    return " | ".join(" ".join(map(str, text)) for text in ids)


def training_view(*, every_epoch: bool = False) -> View[Event]:
    """Return how a run is shown; `every_epoch`: with a row for every epoch, however many there are."""
    return View(
        table=lambda output: _table(output, every_epoch=every_epoch),
        plain=_PlainLines,
        json=lambda output: JSONLines(output, _record),
    )


def _table(output: TextIO, *, every_epoch: bool) -> Renderer[Event]:
    from rich.console import Console

    from charseq.render.training_table import TrainingTable

    return TrainingTable(Console(file=output), every_epoch=every_epoch)
