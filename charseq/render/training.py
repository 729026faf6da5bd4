"""The events of a training run on the screen, in a pipe, and as JSON."""

import json
import math
import re
import shlex
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from charseq.cells import cell_named
from charseq.events import End, Epoch, Event, Progress, Start, record
from charseq.render.screen import Screen
from charseq.render.visible import visible
from charseq.settings.defaults import FEWEST_HELD_OUT
from charseq.settings.train_settings import TrainSettings

MOST_FOLLOWING = 3
"""Symbols named of those that follow a context."""


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
    text = f"{count(start.characters, start.unit)}, {distinct} distinct"
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
        text += _held_out(start)
    return (
        f"{text}; {_network(settings)} ({start.parameters:,} parameters)\n"
        f"{settings.optimizer} {settings.learning_rate:g} {settings.schedule}, clip {settings.clip:g}; "
        f"{_duration_of_run(settings)}; {start.device} ({start.path}, {start.kernel}), seed {settings.seed}"
    ) + (f"\nwhy: {'; '.join(settings.reasons.values())}" if settings.reasons else "")


def _held_out(start: Start) -> str:
    """How much is held out for validation, and where."""
    settings, pieces = start.settings, start.validation_sequences
    if not pieces:
        return ", nothing held out"
    symbols = count(start.validation_characters, start.unit)
    share = start.validation_characters / (start.training_characters + start.validation_characters)
    if settings.validation_split == "tail":
        where = f"{symbols} at the end"
    elif start.lines:
        where = f"{count(pieces, 'line')} drawn at random"
    else:
        where = f"{symbols} in {count(pieces, 'piece')} spread over the text"
    return f", {share:.0%} held out ({where})"


def warnings(start: Start) -> list[str]:
    """What to know about the text before training, a line each."""
    found = [_conflict(start)] if start.conflict else []
    repeated, sequences, unit = start.repeated_lines, start.sequences, start.unit
    pieces = start.validation_sequences
    if repeated and start.validation_sequences:
        found.append(
            f"{repeated:,} of {count(sequences, 'line')} repeat an earlier line; "
            "copies are either all trained on or all held out"
        )
    elif repeated and start.settings.validation:
        found.append(
            f"nothing is held out: the {sequences:,} lines are all the same"
            if sequences - repeated == 1
            else f"nothing is held out: only {sequences - repeated:,} of {count(sequences, 'line')} differ, "
            "so the loss says nothing of unseen lines"
        )
    if start.shift:
        first, last = int(start.shift["first"]) + 1, int(start.shift["last"])
        differ = f"({start.shift['nats']:.2f} nats by its {unit} frequencies)"
        if start.settings.validation_split == "spread" and not start.lines:
            found.append(
                f"the text from about {unit} {first:,} to {last:,} differs clearly from the rest {differ}; "
                f"{count(int(start.shift['pieces']), 'held-out piece')} of {pieces} lie there"
            )
        else:
            found.append(
                f"the held-out text from {unit} {first:,} to {last:,} differs clearly from the training text "
                f"{differ}, which raises the validation loss; --validation-split spread would hold out both"
            )
    if start.validation_sequences and not start.validation_chooses:
        found.append(
            f"the {count(start.validation_characters, unit)} held out are too few to choose the best "
            f"epoch, so the last one is kept (at least {FEWEST_HELD_OUT} are needed)"
        )
    return found


def _conflict(start: Start) -> str:
    """Why a text cannot be memorized, by an example, and what is possible."""
    conflict, highest = start.conflict or {}, start.highest_accuracy or 0.0
    context, following = visible(conflict["context"]), conflict["following"]
    text = "the strings cannot all" if start.sequences > 1 else "the text cannot"
    follows = " and ".join(f"by '{visible(symbol)}'" for symbol in following[:MOST_FOLLOWING])
    follows += " and others" if len(following) > MOST_FOLLOWING else ""
    reason = f"'{context}' is followed {follows}"
    if not cell_named(start.settings.cell).memory:
        reason = f"{start.settings.cell} sees one character at a time, and {reason}"
    elif start.settings.stride:
        reason = f"in windows of {start.settings.sequence_length} characters, {reason}"
    others = int(conflict["count"]) - 1
    also = f" ({count(others, 'other context')} likewise)" if others else ""
    return f"{text} be memorized: {reason}{also}; accuracy {percent(highest)} at most"


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
    """What a run came to, and what to try next, in a few lines, for people."""
    status = f"{'done' if end.status == 'completed' else end.status} after {read_times(end.total_passes)}"
    kept = ""
    if end.loss is not None and end.accuracy is not None:
        kept = f"; loss {end.loss:.4f}, {_correct(end.accuracy, end.highest_accuracy)}"
        if end.validation_loss is not None:
            kept = f"; validation loss {end.validation_loss:.4f} nats per character"
        if end.passes < end.last_passes:
            best = f"epoch {end.epoch}" if end.passes == end.epoch else f"after {read_times(end.passes)} it"
            kept += f" ({best} was best and is kept)"
    elif end.validation_loss is not None:
        kept = f"; no epoch was better than the symbol frequencies ({end.validation_loss:.4f} nats)"
    if end.recoveries:
        kept += f"; the loss diverged {count(end.recoveries, 'time')}, the learning rate was halved"
    why = ": the loss became NaN, infinite or far too large" if end.status == "diverged" else ""
    lines = [f"{status} in {duration(end.seconds)}{why}{kept}", *map(_outlier, end.outliers), _following(end)]
    return "\n".join(lines)


def _correct(accuracy: float, highest: float | None) -> str:
    if accuracy == 1:
        return "all characters correct"
    best = ", the highest possible accuracy" if accuracy == highest else ""
    return f"{percent(accuracy)} of characters correct{best}"


def _outlier(outlier: Mapping[str, Any]) -> str:
    text, characters = visible(outlier["text"]), outlier["characters"]
    text += "..." if characters > len(text) else ""
    return (
        f"outlier: '{text}' ({characters:,} characters, {outlier['loss']:.2f} nats per character) is "
        f"{outlier['share']:.0%} of the validation loss; it counts little in choosing the best epoch"
    )


def _following(end: End) -> str:
    """Where the model is, and what to try next; a model that has learned little is not recommended."""
    if end.model is None:
        next_step = "try a smaller --learning-rate" if end.status == "diverged" else "train longer"
        return f"the earlier model stays: none was better than the initial weights   next: {next_step}"
    model = f"model: {visible(end.model)}"
    if end.status == "diverged":
        weights = "the last sound weights" if end.epoch else "initial weights"
        return f"{model} ({weights})   next: try a smaller --learning-rate"
    if end.epoch == 0 and end.validation_loss is not None:
        return f"{model} (initial weights)   next: more text, more time, or --validation-split spread"
    if end.epoch == 0:
        return f"{model}   no epoch was evaluated, so it may have learned little"
    run = end.model.rpartition("/")[0] or "."
    numbered = re.fullmatch(r"runs/\d{4,}-[^/]+", run)  # the newest, which predict takes by itself
    named = "" if numbered else f" --model {visible(shlex.quote(run))}"
    return f"{model}   next: charseq predict{named}"


def passes(event: Epoch) -> str:
    """Return the number of an epoch that is done; within an epoch, how often the text has been read."""
    return str(event.epoch) if event.passes == event.epoch else floored(event.passes)


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 epoch, 2 epochs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def read_times(passes: float) -> str:
    """Return how often a text was read, never rounded up: 1 epoch, 2.5 epochs, 0.99 epochs."""
    number = floored(passes)
    return f"{number} epoch" + ("" if number == "1" else "s")


def floored(passes: float) -> str:
    """Return a number with three significant digits, or all before the point, rounded down: 0.52, 12.9."""
    if not passes > 0:
        return "0"
    scale = 10 ** max(0, 2 - math.floor(math.log10(passes)))
    return f"{math.floor(round(passes * scale, 6)) / scale:,}".removesuffix(".0")


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage, rounded down: 100 % is said of all of it only."""
    scale = 100 * 10**digits
    return f"{math.floor(round(fraction * scale, 6)) / scale:.{digits}%}"


def duration(seconds: float) -> str:
    """Seconds for people: 0.8 s, 12 s, 3 min 20 s, 1 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
