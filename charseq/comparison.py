"""Compare cells under equal conditions: the same text, split, seeds and updates, or time, for each.

An n-gram model can be compared with them: it is counted on the training text of each split.
"""

import statistics
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from charseq.cells import NGRAM, cell_named
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
    """A run to make, or an n-gram model to count."""

    settings: TrainSettings
    """Those of an n-gram model have the cell NGRAM, and its order, if it is not to be chosen."""
    parameters: int
    """The number of parameters of its network; 0 for an n-gram model, which has none before it is counted."""

    @property
    def is_ngram(self) -> bool:
        """Whether it is an n-gram model."""
        return self.settings.cell == NGRAM


class NgramResult(NamedTuple):
    """The measurements of an n-gram model without a network."""

    order: int
    ngrams: int
    """The number of n-grams that it stores."""
    validation_loss: float | None
    """Nats per character; None if nothing is held out."""
    seconds: float
    """The time to choose the order and to count."""


@dataclass
class Result:
    """The result of a trial, collected from its events."""

    trial: Trial
    end: End | None = None
    first_correct_epoch: int | None = None
    """The first epoch after which all predicted characters were correct."""
    speeds: list[float] = field(default_factory=list)
    """Characters per second of every epoch."""
    counted: NgramResult | None = None
    """The measurements of an n-gram model; None for a network."""

    def update(self, event: Event) -> None:
        """Collect the next event."""
        if isinstance(event, Epoch):
            self.speeds.append(event.characters_per_second)
            if event.accuracy == 1 and self.first_correct_epoch is None:
                self.first_correct_epoch = event.epoch
        elif isinstance(event, End):
            self.end = event

    def finish_counting(self, counted: NgramResult) -> End:
        """Collect the measurements of an n-gram model, and return its only event."""
        loss, seconds = counted.validation_loss, counted.seconds
        self.counted, self.end = counted, End("completed", None, 0, 0, None, None, loss, seconds)
        return self.end

    @property
    def parameters(self) -> int:
        """The number of parameters, or of the n-grams that were counted."""
        return self.counted.ngrams if self.counted else self.trial.parameters

    @property
    def completed(self) -> bool:
        """Whether the run made all updates, or used all of its time."""
        return self.status == "completed"

    @property
    def status(self) -> str:
        """How the run ended; empty before its end."""
        return self.end.status if self.end else ""

    def record(self) -> dict[str, Any]:
        """Return the result as a JSON object; an n-gram model has null for what only a network has."""
        settings, end, is_ngram = self.trial.settings, self.end, self.trial.is_ngram
        return {
            "cell": settings.cell,
            "seed": settings.seed,
            "hidden_size": None if is_ngram else settings.hidden_size,
            "layers": None if is_ngram else settings.layers,
            "parameters": self.parameters,
            "status": end.status if end else None,
            "epochs": None if is_ngram else end.epochs if end else 0,
            "loss": end.loss if end else None,
            "accuracy": end.accuracy if end else None,
            "validation_loss": end.validation_loss if end else None,
            "first_right_epoch": self.first_correct_epoch,
            "characters_per_second": statistics.median(self.speeds) if self.speeds else None,
            "seconds": end.seconds if end else None,
            "model": end.model if end else None,
            "order": self.counted.order if self.counted else None,
        }


@dataclass(frozen=True)
class Spread:
    """The mean, the minimum and the maximum of a measure over `count` seeds."""

    mean: float
    low: float
    high: float
    count: int


MEASURES = (
    "loss", "accuracy", "validation_loss", "first_right_epoch", "characters_per_second", "seconds", "order"
)  # fmt: skip
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
    with_ngram: bool = False,
) -> list[Trial]:
    """Return all trials: for each seed, the n-gram model if it is compared, and one of every cell.

    `options` are the training options that are set.  The defaults of the others do not depend on the cell,
    and no trial ends early, so that all make the same updates, or with a time limit take the same time.  The
    networks are compared without n-gram models, unless the options set `ngram`.  With `match` "parameters",
    each cell has the hidden size whose number of parameters is nearest to that of the first cell.

    The n-gram model is compared if `cells` has NGRAM, or `with_ngram` and text is held out.  Raises
    UsageError for an unknown cell, for NGRAM without held-out text, and if sizes cannot be matched.
    """
    networks = [cell_named(name).name for name in cells if name != NGRAM]
    # The defaults of a gru are those without any special rule for a cell.
    defaults = choose_settings(corpus, vocabulary_size, {"ngram": 0, **options, "cell": "gru", "patience": 0})
    base = replace(defaults, until_learned=False, recoveries=0)
    planned = [replace(base, cell=name) for name in networks]
    if match == "parameters" and planned:
        if options.get("head") == "none":
            raise UsageError(
                "--match parameters with --head none: the vocabulary already sets the hidden size",
                hint="use --match hidden, or --head linear",
            )
        goal = Network.of(planned[0], vocabulary_size).parameter_count()
        planned = [_match_parameters(settings, vocabulary_size, goal) for settings in planned]
    sized = [(each, Network.of(each, vocabulary_size).parameter_count()) for each in planned]
    if NGRAM in cells and not base.validates:
        why = "this short text is memorized" if base.whole else "nothing is held out"
        raise UsageError(
            f"--cells {NGRAM} requires held-out text, and {why}",
            hint=f"leave {NGRAM} out, or hold out text with --validation 0.1",
        )
    counted: list[tuple[TrainSettings, int]] = []
    if NGRAM in cells or (with_ngram and base.validates):
        counted = [(replace(base, cell=NGRAM, ngram=base.ngram or None), 0)]
    return [
        Trial(replace(settings, seed=seed), parameters)
        for seed in range(base.seed, base.seed + seeds)
        for settings, parameters in [*counted, *sized]
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
    planned: Sequence[Trial],
    train: Callable[[TrainSettings], Iterator[Event]],
    count: Callable[[TrainSettings], NgramResult],
    stop: Callable[[], bool] = lambda: False,
) -> Generator[tuple[Result, Event], None, None]:
    """Run all trials, and yield each event with the result of its trial; an n-gram model has only an end.

    Stops after an interrupted trial, and after an n-gram model once `stop` returns True.
    """
    for trial in planned:
        result = Result(trial)
        if trial.is_ngram:
            yield result, result.finish_counting(count(trial.settings))
            if stop():
                return
            continue
        for event in train(trial.settings):
            result.update(event)
            yield result, event
        if result.end and result.end.status == "interrupted":
            return
