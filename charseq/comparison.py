"""Compare cells: the same text, split, seeds and updates for each, and what every training came to."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from charseq.cells import cell_named
from charseq.errors import UsageError
from charseq.events import End, Epoch, Event
from charseq.model.network import Network
from charseq.settings.defaults import choose
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus

Match = Literal["hidden", "parameters"]


@dataclass(frozen=True)
class Trial:
    """One training to be done."""

    settings: TrainSettings
    parameters: int


@dataclass
class Result:
    """What a training came to, gathered from its events."""

    trial: Trial
    end: End | None = None
    first_right: int | None = None
    """The first epoch after which every place was right."""
    paces: list[float] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, Epoch):
            self.paces.append(event.characters_per_second)
            if event.accuracy == 1 and self.first_right is None:
                self.first_right = event.epoch
        elif isinstance(event, End):
            self.end = event

    @property
    def completed(self) -> bool:
        """Whether the training made all its updates."""
        return self.status == "completed"

    @property
    def status(self) -> str:
        """How the training ended; empty where it has not."""
        return self.end.status if self.end else ""

    def record(self) -> dict[str, Any]:
        """The result as a JSON object."""
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
            "first_right_epoch": self.first_right,
            "characters_per_second": statistics.median(self.paces) if self.paces else None,
            "seconds": end.seconds if end else None,
            "model": end.model if end else None,
        }


@dataclass(frozen=True)
class Spread:
    """A figure over seeds: its mean, and the least and the largest of it."""

    mean: float
    low: float
    high: float
    count: int


MEASURES = ("loss", "accuracy", "validation_loss", "first_right_epoch", "characters_per_second", "seconds")


def spreads(results: Sequence[Result]) -> dict[str, Spread | None]:
    """The spread of every measure over the completed trainings of one cell; None where none has it."""
    records = [result.record() for result in results if result.completed]
    return {name: _spread([r[name] for r in records if r[name] is not None]) for name in MEASURES}


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(statistics.fmean(values), min(values), max(values), len(values)) if values else None


def trials(
    corpus: AnyCorpus,
    vocabulary_size: int,
    given: Mapping[str, Any],
    *,
    cells: Sequence[str],
    seeds: int,
    match: Match,
) -> list[Trial]:
    """Every training, one seed after the other, all cells of a seed in turn.

    Nothing is chosen by the cell, and no run ends early, so that all make the same updates.  With `match`
    "parameters" each cell has the hidden size that brings it nearest to the first one's number of parameters.
    Raises UsageError for a cell that there is not, and where sizes cannot be matched.
    """
    for name in cells:
        cell_named(name)
    # What is chosen for a gru is chosen for no cell in particular: it has the plain recipe.
    plain = choose(corpus, vocabulary_size, {**given, "cell": "gru", "patience": 0})
    base = replace(plain, until_learned=False, recoveries=0)
    planned = [replace(base, cell=name) for name in cells]
    if match == "parameters":
        if given.get("head") == "none":
            raise UsageError(
                "--match parameters with --head none: the vocabulary already sets the hidden size",
                hint="use --match hidden, or --head linear",
            )
        goal = Network.of(planned[0], vocabulary_size).parameters()
        planned = [_matched(settings, vocabulary_size, goal) for settings in planned]
    first = planned[0].seed
    return [
        Trial(replace(settings, seed=seed), Network.of(settings, vocabulary_size).parameters())
        for seed in range(first, first + seeds)
        for settings in planned
    ]


def _matched(settings: TrainSettings, vocabulary_size: int, goal: int) -> TrainSettings:
    """The settings at the hidden size whose number of parameters is nearest to the goal."""

    def at(hidden_size: int) -> TrainSettings:
        embedding_size = hidden_size if settings.tie_weights else settings.embedding_size
        return replace(settings, hidden_size=hidden_size, embedding_size=embedding_size)

    def parameters(hidden_size: int) -> int:
        return Network.of(at(hidden_size), vocabulary_size).parameters()

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
    """Do every training, yielding each event beside the result that it belongs to.

    Ends early where a training was interrupted.
    """
    for trial in planned:
        result = Result(trial)
        for event in train(trial.settings):
            result.take(event)
            yield result, event
        if result.end and result.end.status == "interrupted":
            return
