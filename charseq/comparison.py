"""Compare cells under equal conditions: the same text, split, seeds and updates, or time, for each."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from charseq.cells import cell_named
from charseq.errors import UsageError
from charseq.events import End, Epoch, Event
from charseq.model.network import Network
from charseq.settings.defaults import choose_settings
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus

Match = Literal["hidden", "parameters"]
"""What all cells have in common: the hidden size, or about the same number of parameters."""


@dataclass(frozen=True)
class Trial:
    """A run to make."""

    settings: TrainSettings
    parameters: int
    """The number of parameters of its network."""


@dataclass
class Result:
    """The result of a trial, collected from its events."""

    trial: Trial
    end: End | None = None
    first_correct_epoch: int | None = None
    """The first epoch after which all predicted characters were correct."""
    speeds: list[float] = field(default_factory=list)
    """Characters per second of every epoch."""

    def update(self, event: Event) -> None:
        """Collect the next event."""
        if isinstance(event, Epoch):
            self.speeds.append(event.characters_per_second)
            if event.accuracy == 1 and self.first_correct_epoch is None:
                self.first_correct_epoch = event.epoch
        elif isinstance(event, End):
            self.end = event

    @property
    def completed(self) -> bool:
        """Whether the run made all updates, or used all of its time."""
        return self.status == "completed"

    @property
    def status(self) -> str:
        """How the run ended; empty before its end."""
        return self.end.status if self.end else ""

    def record(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        settings, end = self.trial.settings, self.end
        return {
            "cell": settings.cell,
            "seed": settings.seed,
            "hidden_size": settings.hidden_size,
            "layers": settings.layers,
            "parameters": self.trial.parameters,
            "status": end.status if end else None,
            "epochs": end.epochs if end else 0,
            "loss": end.loss if end else None,
            "accuracy": end.accuracy if end else None,
            "validation_loss": end.validation_loss if end else None,
            "first_right_epoch": self.first_correct_epoch,
            "characters_per_second": statistics.median(self.speeds) if self.speeds else None,
            "seconds": end.seconds if end else None,
            "model": end.model if end else None,
        }


@dataclass(frozen=True)
class Spread:
    """The mean, the minimum and the maximum of a measure over `count` seeds."""

    mean: float
    low: float
    high: float
    count: int


MEASURES = ("loss", "accuracy", "validation_loss", "first_right_epoch", "characters_per_second", "seconds")
"""The measures that are averaged over seeds, by their names in `Result.record`."""


def spreads(results: Sequence[Result]) -> dict[str, Spread | None]:
    """Return the spread of every measure over the completed trials of a cell; None without a value."""
    records = [result.record() for result in results if result.completed]
    return {name: _spread([r[name] for r in records if r[name] is not None]) for name in MEASURES}


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(statistics.fmean(values), min(values), max(values), len(values)) if values else None


def trials(
    corpus: AnyCorpus,
    vocabulary_size: int,
    options: Mapping[str, Any],
    *,
    cells: Sequence[str],
    seeds: int,
    match: Match,
) -> list[Trial]:
    """Return all trials: for each seed, one of every cell.

    `options` are the training options that are set.  The defaults of the others do not depend on the cell,
    and no trial ends early, so that all make the same updates, or with a time limit take the same time.  With
    `match` "parameters", each cell has the hidden size whose number of parameters is nearest to that of the
    first cell.  Raises UsageError for an unknown cell, and if sizes cannot be matched.
    """
    for name in cells:
        cell_named(name)
    # The defaults of a gru are those without any special rule for a cell.
    defaults = choose_settings(corpus, vocabulary_size, {**options, "cell": "gru", "patience": 0})
    base = replace(defaults, until_learned=False, recoveries=0)
    planned = [replace(base, cell=name) for name in cells]
    if match == "parameters":
        if options.get("head") == "none":
            raise UsageError(
                "--match parameters with --head none: the vocabulary already sets the hidden size",
                hint="use --match hidden, or --head linear",
            )
        goal = Network.of(planned[0], vocabulary_size).parameter_count()
        planned = [_match_parameters(settings, vocabulary_size, goal) for settings in planned]
    first = planned[0].seed
    return [
        Trial(replace(settings, seed=seed), Network.of(settings, vocabulary_size).parameter_count())
        for seed in range(first, first + seeds)
        for settings in planned
    ]


def _match_parameters(settings: TrainSettings, vocabulary_size: int, goal: int) -> TrainSettings:
    """Return the settings with the hidden size whose number of parameters is nearest to the goal."""

    def at(hidden_size: int) -> TrainSettings:
        embedding_size = hidden_size if settings.tie_weights else settings.embedding_size
        return replace(settings, hidden_size=hidden_size, embedding_size=embedding_size)

    def parameters(hidden_size: int) -> int:
        return Network.of(at(hidden_size), vocabulary_size).parameter_count()

    high = 1
    while parameters(high) < goal:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(middle) < goal else (low, middle)
    return at(min((size for size in (low, high) if size), key=lambda size: abs(parameters(size) - goal)))


def run(
    planned: Sequence[Trial], train: Callable[[TrainSettings], Iterator[Event]]
) -> Iterator[tuple[Result, Event]]:
    """Run all trials, and yield each event with the result of its trial.

    Stops after an interrupted trial.
    """
    for trial in planned:
        result = Result(trial)
        for event in train(trial.settings):
            result.update(event)
            yield result, event
        if result.end and result.end.status == "interrupted":
            return
