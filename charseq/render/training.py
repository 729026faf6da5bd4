"""The events of a training run on the screen, in a pipe, and as JSON."""

import json
import re
import shlex
from types import TracebackType
from typing import Protocol, Self, TextIO

from charseq.events import End, Epoch, Event, Progress, Report, Start, record
from charseq.render.screen import Screen
from charseq.render.visible import visible
from charseq.settings import TrainSettings


class Renderer(Protocol):
    """Shows events as they come; a context manager, for some have a screen to restore."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the screen."""

    def show(self, event: Event) -> None:
        """Show one event."""

    @property
    def screen(self) -> Screen | None:
        """The drawing to release while the process is stopped, if there is one."""


class _LineRenderer:
    """Writes whole lines and has nothing to restore."""

    screen = None

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.flush()

    def _line(self, line: str) -> None:
        self._output.write(line + "\n")
        self._output.flush()


class JSONLines(_LineRenderer):
    """One JSON object an event, flushed."""

    def show(self, event: Event) -> None:
        """Write the event; progress within an epoch is left out."""
        if not isinstance(event, Progress):
            self._line(json.dumps(record(event), allow_nan=False))


class PlainLines(_LineRenderer):
    """A line an epoch, and for each report within one, its fields between tabs, below their names."""

    def show(self, event: Event) -> None:
        """Write an epoch; the rest is said on standard error."""
        if isinstance(event, Start):
            self._validated = bool(event.settings.validation)
            names = ["epoch", "loss", "accuracy", "prediction", "target"]
            if self._validated:
                names.insert(3, "validation_loss")
            self._line("\t".join(names))
        elif isinstance(event, Epoch):
            fields = [passes(event), f"{event.loss:.6f}", f"{event.accuracy:.4f}"]
            if event.validation_loss is not None:
                fields.append(f"{event.validation_loss:.6f}")
            self._line("\t".join([*fields, _one_line(event.prediction), _one_line(event.target)]))


def _one_line(texts: str | list[str]) -> str:
    return " | ".join(map(visible, [texts] if isinstance(texts, str) else texts))


def summary(start: Start) -> str:
    """The settings of a run in two lines, for people, and in a third why they are what they are."""
    settings = start.settings
    distinct = sum(symbol != "" for symbol in start.symbols)  # the boundary of lines is no character
    text = f"{count(start.characters, 'character')}, {distinct} distinct"
    if start.sequences > 1:
        text += f", {start.sequences} strings"
    if start.resumed is not None:
        text = f"going on with {visible(start.run)} after {read_times(start.resumed)}: {text}"
    if settings.stride:
        text += f", in windows of {settings.sequence_length}, each {settings.stride} further on"
    elif settings.whole:
        text += ", learned whole"
    else:
        text += f", read in {settings.batch_size} x {settings.sequence_length} windows"
        text += f", the last {settings.validation:.0%} held out" if settings.validation else ""
    return (
        f"{text}; {_network(settings)} ({start.parameters:,} parameters)\n"
        f"{settings.optimizer} {settings.learning_rate:g} {settings.schedule}, clip {settings.clip:g}; "
        f"{_duration_of_run(settings)}; {start.device} ({start.path}, {start.kernel}), seed {settings.seed}"
    ) + (f"\nwhy: {'; '.join(settings.reasons.values())}" if settings.reasons else "")


def _network(settings: TrainSettings) -> str:
    text = f"{settings.cell}, {count(settings.layers, 'layer')} of {settings.hidden_size} hidden"
    text += f", embedding {settings.embedding_size}" if settings.embedding_size else ""
    text += ", residual" if settings.residual else ""
    text += ", layer norm" if settings.layer_norm else ""
    text += ", tied weights" if settings.tie_weights else ""
    text += ", learned start" if settings.initial_state == "learned" else ""
    text += ", no head" if settings.head == "none" else ""
    return text + (f", dropout {settings.dropout:g}" if settings.dropout else "")


def _duration_of_run(settings: TrainSettings) -> str:
    text = duration(settings.time_limit) if settings.time_limit else count(settings.epochs, "epoch")
    if settings.until_learned or settings.patience:
        text = f"up to {text}"
    text += ", ends when learned" if settings.until_learned else ""
    return text + (f", patience {settings.patience}" if settings.patience else "")


def outcome(end: End) -> str:
    """What a run came to, and what to try next, in two lines, for people."""
    status = {
        "completed": f"done after {count(end.epochs, 'epoch')}",
        "interrupted": f"interrupted after {count(end.epochs, 'epoch')}",
        "diverged": f"diverged after {count(end.epochs, 'epoch')}",
    }[end.status]
    kept = ""
    if end.loss is not None and end.accuracy is not None:
        kept = f"; loss {end.loss:.4f}"
        kept += ", every place right" if end.accuracy == 1 else f", {end.accuracy:.1%} of places right"
        if end.validation_loss is not None:
            kept = f"; validation loss {end.validation_loss:.4f} nats per character"
        if end.passes < end.last_passes:
            best = f"epoch {end.epoch}" if end.passes == end.epoch else f"after {end.passes:.3g} epochs it"
            kept += f" ({best} was best and is kept)"
    if end.recoveries:
        kept += f"; the loss ran away {count(end.recoveries, 'time')}, the learning rate was halved"
    why = ": the loss is no longer a number that means anything" if end.status == "diverged" else ""
    return f"{status} in {duration(end.seconds)}{why}{kept}\nmodel: {visible(end.model)}   {_following(end)}"


def _following(end: End) -> str:
    """What to try next; a model that has learned little is not recommended."""
    if end.status == "diverged":
        return "next: try a smaller --learning-rate"
    if end.epoch == 0:
        return "no epoch was finished, so it may have learned little"
    run = end.model.rpartition("/")[0] or "."
    numbered = re.fullmatch(r"runs/\d{4,}-[^/]+", run)  # the newest, which predict takes by itself
    named = "" if numbered else f" --model {visible(shlex.quote(run))}"
    return f"next: charseq predict{named}"


def passes(event: Epoch) -> str:
    """The epoch that is done; of one under way, how often the text was read."""
    return f"{event.passes:.3g}" if isinstance(event, Report) else str(event.epoch)


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 epoch, 2 epochs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def read_times(passes: float) -> str:
    """How often a text was read: 1 epoch, 2.5 epochs."""
    number = f"{passes:,.2f}".rstrip("0").rstrip(".")
    return f"{number} epoch" + ("" if number == "1" else "s")


def duration(seconds: float) -> str:
    """Seconds for people: 0.8 s, 12 s, 3 min 20 s, 1 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
