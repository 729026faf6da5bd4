"""What a network writes while it learns."""

import time
from collections.abc import Callable

import numpy as np

from charseq.inference.continuation import continuation, default_sampling
from charseq.inference.requests import opening
from charseq.model.model_file import Model
from charseq.training.learner import Learner

CHARACTERS = 160
LINES = 5
PLACES_BETWEEN_SAMPLES = 1 << 15
"""A sample is worth about a thousand places of learning."""
SECONDS_BETWEEN_LIVE_SAMPLES = 5.0
LIVE_PART = 0.02
"""How much of the time live samples may take."""
OPERATIONS_A_SECOND = 4e9
SECONDS_A_SYMBOL = 3e-8
"""Rates by which the time of the first sample is estimated: of products, and of choosing among symbols."""


def sample(model: Model, seed: int) -> str:
    """Some lines, or some text from the text's first symbol on, as `predict` writes them by default."""
    if not model.vocabulary.boundary:
        return _written(model, seed, 0, CHARACTERS)
    lines: list[str] = []
    while len(lines) < LINES and (left := CHARACTERS - sum(map(len, lines))) > 0:
        lines.append(_written(model, seed, len(lines), left))
    return "\n".join(lines)


def estimated_seconds(parameters: int, vocabulary_size: int) -> float:
    """How long a sample will take, before there has been one."""
    step = 2 * parameters / OPERATIONS_A_SECOND + vocabulary_size * SECONDS_A_SYMBOL
    return CHARACTERS * step


class Sampler:
    """Lets the present model write, but not more often than it is worth."""

    def __init__(self, learner: Learner, present: Callable[[], Model], seed: int, *, live: bool) -> None:
        self._learner, self._present, self._seed, self._live = learner, present, seed, live
        self.places = PLACES_BETWEEN_SAMPLES
        """What was learned since the last sample."""
        self._next_live = time.monotonic() + SECONDS_BETWEEN_LIVE_SAMPLES

    def after(self, places: int) -> str | None:
        """A sample with a report on so many more places, where enough was learned since the last one."""
        self.places += places
        if self.places < PLACES_BETWEEN_SAMPLES:
            return None
        self.places = 0
        return self._timed()

    def live(self) -> str | None:
        """A sample between reports, where someone looks on and it is time for one."""
        if not self._live or time.monotonic() < self._next_live:
            return None
        with self._learner.settled():
            return self._timed()

    def _timed(self) -> str:
        began = time.monotonic()
        with np.errstate(over="ignore", invalid="ignore"):  # of weights that may be about to run away
            written = sample(self._present(), self._seed)
        took = time.monotonic() - began
        self._next_live = began + max(SECONDS_BETWEEN_LIVE_SAMPLES, took / LIVE_PART)
        return written


def _written(model: Model, seed: int, number: int, length: int) -> str:
    begun = opening(model)
    params = default_sampling(model)
    steps = continuation(model, begun, params, length=length, seed=seed, sample=number, top=None)
    return begun + model.vocabulary.joined(step.character for step in steps)
