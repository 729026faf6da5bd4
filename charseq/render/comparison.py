"""A comparison of cells as a live table, as plain lines, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from charseq.comparison import Result, Trial, spreads
from charseq.events import SCHEMA, End, Event
from charseq.render.screen import Screen
from charseq.render.training import count, duration
from charseq.text.units import Unit

FIELDS = (
    "cell", "seed", "hidden_size", "parameters", "status", "epochs", "loss", "accuracy", "validation_loss",
    "first_right_epoch", "characters_per_second", "seconds", "model",
)  # fmt: skip


class ComparisonRenderer(Protocol):
    """Shows the events of one training after the other; a context manager."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what is to be shown at the end."""

    def show(self, result: Result, event: Event) -> None:
        """Show one event of a training, and what it has come to so far."""

    @property
    def screen(self) -> Screen | None:
        """The drawing to release while the process is stopped, if there is one."""


class _Lines:
    """Something for every training that has ended."""

    screen = None

    def __init__(self, output: TextIO, planned: Sequence[Trial]) -> None:
        self._output, self._planned = output, planned
        self._results: list[Result] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.flush()

    def show(self, result: Result, event: Event) -> None:
        if isinstance(event, End):
            self._results.append(result)
            self._ended(result)
            self._output.flush()

    def _ended(self, result: Result) -> None:
        raise AssertionError


class JSONLines(_Lines):
    """A start, an object a training, and at the end one a cell, with the spread over seeds."""

    def __enter__(self) -> Self:
        settings = asdict(self._planned[0].settings)
        own = ("cell", "hidden_size", "seed")
        shared = {name: value for name, value in settings.items() if name not in own}
        cells = list(dict.fromkeys(trial.settings.cell for trial in self._planned))
        self._write(
            {"event": "start", "schema": SCHEMA, "cells": cells, "trials": len(self._planned), **shared}
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for cell, results in by_cell(self._results).items():
                measures = {name: spread and asdict(spread) for name, spread in spreads(results).items()}
                shared = {"hidden_size": results[0].trial.settings.hidden_size}
                completed = sum(result.completed for result in results)
                shared |= {"parameters": results[0].trial.parameters, "seeds": completed}
                self._write({"event": "summary", "cell": cell, **shared, **measures})
        self._output.flush()

    def _ended(self, result: Result) -> None:
        self._write({"event": "trial", **result.record()})

    def _write(self, record: dict[str, Any]) -> None:
        self._output.write(json.dumps(record, allow_nan=False) + "\n")


class PlainLines(_Lines):
    """A line a training, its fields between tabs, below one line of their names."""

    def __enter__(self) -> Self:
        self._output.write("\t".join(FIELDS) + "\n")
        return self

    def _ended(self, result: Result) -> None:
        record = result.record()
        self._output.write("\t".join(_plain(record[name]) for name in FIELDS) + "\n")


def by_cell(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of every cell, in the order of the cells."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.trial.settings.cell, []).append(result)
    return found


def conditions(planned: Sequence[Trial], characters: int, distinct: int, unit: Unit) -> str:
    """What is the same for all, in two lines, for people."""
    settings = planned[0].settings
    cells = {trial.settings.cell for trial in planned}
    seeds = sorted({trial.settings.seed for trial in planned})
    sizes = {trial.settings.hidden_size for trial in planned}
    text = f"{count(characters, unit)}, {distinct} distinct"
    where = "at the end" if settings.validation_split == "tail" else "spread over the text"
    text += f", {settings.validation:.0%} held out ({where})" if settings.validation else ""
    text += ", learned whole" if settings.whole else ""
    text += f"; {count(len(cells), 'cell')}, {count(settings.layers, 'layer')}"
    text += f" of {settings.hidden_size} hidden" if len(sizes) == 1 else ""
    limit = settings.time_limit
    length = duration(limit) if limit else count(settings.epochs, "epoch")
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    moves = f"{settings.optimizer} {settings.learning_rate:g} {settings.schedule}, clip {settings.clip:g}"
    return f"{text}\n{moves}; {length} each, one recipe for all; {which}"


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
