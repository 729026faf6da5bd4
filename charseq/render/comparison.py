"""A comparison of cells: a live table, plain lines, or JSON lines; and its conditions."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import TextIO

from charseq.comparison import Result, Trial, spreads
from charseq.events import SCHEMA, End, Event
from charseq.render.base import LineRenderer, PlainLines, Renderer, View
from charseq.render.quantities import count
from charseq.render.training_summary import length_text, optimizer_text, text_size
from charseq.render.visible import visible
from charseq.settings.train_settings import TrainSettings
from charseq.text.units import Unit

COLUMNS = (
    "cell", "seed", "hidden_size", "parameters", "status", "epochs", "loss", "accuracy", "validation_loss",
    "first_right_epoch", "characters_per_second", "seconds", "model", "order",
)  # fmt: skip

TrialEvent = tuple[Result, Event]
"""An event of one run, and the results of that run so far."""


def comparison_view(trials: Sequence[Trial]) -> View[TrialEvent]:
    """Return the renderers of a comparison."""

    def table(output: TextIO) -> Renderer[TrialEvent]:
        from rich.console import Console

        from charseq.render.comparison_table import ComparisonTable

        return ComparisonTable(Console(file=output), trials)

    return View(
        table=table,
        plain=lambda output: _InOrder(PlainLines(output, COLUMNS, _rows), trials),
        json=lambda output: _InOrder(_JSONLines(output, trials), trials),
    )


class _InOrder(Renderer[TrialEvent]):
    """Show the ends of runs that are made at the same time in the order of the trials."""

    def __init__(self, renderer: Renderer[TrialEvent], trials: Sequence[Trial]) -> None:
        self._renderer, self._trials = renderer, trials
        self._waiting: dict[int, TrialEvent] = {}
        self._shown = 0
        """The number of trials whose end has been shown."""

    def begin(self) -> None:
        self._renderer.begin()

    def show(self, event: TrialEvent) -> None:
        if not isinstance(event[1], End):
            self._renderer.show(event)
            return
        self._waiting[self._trials.index(event[0].trial)] = event
        while self._shown in self._waiting:
            self._shown += 1
            self._renderer.show(self._waiting.pop(self._shown - 1))

    def finish(self, *, failed: bool) -> None:
        for _, event in sorted(self._waiting.items(), key=lambda waiting: waiting[0]):
            self._renderer.show(event)
        self._renderer.finish(failed=failed)


class _JSONLines(LineRenderer[TrialEvent]):
    """A start, an object for each run, and at the end a summary for each cell over its seeds."""

    def __init__(self, output: TextIO, trials: Sequence[Trial]) -> None:
        super().__init__(output)
        self._trials = trials
        self._results: list[Result] = []

    def begin(self) -> None:
        settings = asdict(settings_of_all(self._trials))
        own = ("cell", "hidden_size", "seed")
        shared = {name: value for name, value in settings.items() if name not in own}
        cells = list(dict.fromkeys(trial.settings.cell for trial in self._trials))
        start = {"event": "start", "schema": SCHEMA, "cells": cells, "trials": len(self._trials)}
        self._write_json({**start, **shared})

    def show(self, event: TrialEvent) -> None:
        result, of_training = event
        if isinstance(of_training, End):
            self._results.append(result)
            self._write_json({"event": "trial", **result.record()})
            self._output.flush()

    def finish(self, *, failed: bool) -> None:
        if not failed:
            for cell, results in by_cell(self._results).items():
                first = results[0].record()
                self._write_json(
                    {
                        "event": "summary",
                        "cell": cell,
                        "hidden_size": first["hidden_size"],
                        "parameters": mean_parameters(results),
                        "seeds": sum(result.completed for result in results),
                        **{name: spread and asdict(spread) for name, spread in spreads(results).items()},
                    }
                )
        super().finish(failed=failed)


def by_cell(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return the results of every cell, in the order of the cells."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.trial.settings.cell, []).append(result)
    return groups


def mean_parameters(results: Sequence[Result]) -> int:
    """Return the number of parameters, or the mean number of n-grams over the seeds."""
    return round(fmean(result.parameters for result in results))


def settings_of_all(trials: Sequence[Trial]) -> TrainSettings:
    """Return the settings that all networks share; those of the n-gram model if there are only n-grams."""
    return next((trial for trial in trials if not trial.is_ngram), trials[0]).settings


def conditions(
    trials: Sequence[Trial], characters: int, distinct: int, unit: Unit, validation: str = ""
) -> str:
    """Return the text, the networks and the settings that all runs share, line by line.

    `validation` describes a validation text of its own.
    """
    settings = settings_of_all(trials)
    networks = [trial.settings for trial in trials if not trial.is_ngram]
    seeds = sorted({trial.settings.seed for trial in trials})
    text = text_size(characters, unit, distinct)
    if settings.validation:
        where = "at the end" if settings.validation_split == "tail" else "spread over the text"
        text += f", {settings.validation:.0%} held out for validation ({where})"
    text += f", validated on {visible(validation)}" if validation else ""
    text += ", to memorize" if settings.whole else ""
    lines = [f"text: {text}"]
    seed = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    ngrams = [trial.settings.ngram for trial in trials if trial.is_ngram]
    if ngrams:
        order = f"order {ngrams[0]}" if ngrams[0] else "order chosen by measurement"
        lines.append(
            f"n-gram model: {order}, counted on the training text" + ("" if networks else f"; {seed}")
        )
    if networks:
        cells, sizes = ({getattr(each, name) for each in networks} for name in ("cell", "hidden_size"))
        size = f" of {count(settings.hidden_size, 'hidden unit')}" if len(sizes) == 1 else ""
        size += "" if settings.ngram == 0 else ", mixed with an n-gram model"
        each = " for each cell, with the same settings" if len(cells) > 1 else ""
        lines += [
            f"networks: {count(len(cells), 'cell')}, {count(settings.layers, 'layer')}{size}",
            f"optimizer: {optimizer_text(settings)}",
            f"training: {length_text(settings)}{each}; {seed}",
        ]
    return "\n".join(lines)


def _rows(event: TrialEvent) -> list[list[str]]:
    result, of_training = event
    if not isinstance(of_training, End):
        return []
    record = result.record()
    return [[_field(record[name]) for name in COLUMNS]]


def _field(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
