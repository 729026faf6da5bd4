"""Text that the network generates during training."""

import time
from collections.abc import Callable

import numpy as np

from charseq.inference.continuation import continuations, default_sampling
from charseq.inference.requests import Request, opening, with_label
from charseq.model.model_file import Model
from charseq.training.learner import Learner

CHARACTERS = 160
"""Maximum characters of a sample."""
LINES = 5
"""Maximum lines of a sample."""
POSITIONS_BETWEEN_SAMPLES = 1 << 15
"""Training positions between two samples; one sample takes as long as about a thousand positions."""
SECONDS_BETWEEN_LIVE_SAMPLES = 5.0
"""Shortest time between two samples within an epoch."""
LIVE_SHARE = 0.02
"""Largest fraction of the time that samples within an epoch may take."""
OPERATIONS_PER_SECOND = 4e9
"""Assumed speed of matrix products when the first sample is estimated."""
SECONDS_PER_SYMBOL = 3e-8
"""Assumed time to choose among one more symbol."""


def sample(model: Model, seed: int) -> str:
    """Generate a few lines, or text from the first symbol on, as `predict` does by default."""
    if not model.vocabulary.boundary:
        return _generated(model, seed, 0, CHARACTERS)
    lines: list[str] = []
    while len(lines) < LINES and (left := CHARACTERS - sum(map(len, lines))) > 0:
        lines.append(_generated(model, seed, len(lines), left))
    return "\n".join(lines)


def estimated_seconds(parameters: int, vocabulary_size: int) -> float:
    """Estimate the seconds that a sample takes, before the first one."""
    step = 2 * parameters / OPERATIONS_PER_SECOND + vocabulary_size * SECONDS_PER_SYMBOL
    return CHARACTERS * step


class Sampler:
    """Generates samples from the current model, at a small share of the training time."""

    def __init__(
        self, learner: Learner, current_model: Callable[[], Model], seed: int, *, live: bool
    ) -> None:
        self._learner, self._current_model, self._seed, self._live = learner, current_model, seed, live
        self.positions = POSITIONS_BETWEEN_SAMPLES
        """Positions trained on since the last sample."""
        self._next_live = time.monotonic() + SECONDS_BETWEEN_LIVE_SAMPLES

    def after(self, positions: int) -> str | None:
        """Return a sample if enough positions were trained on since the last one."""
        self.positions += positions
        if self.positions < POSITIONS_BETWEEN_SAMPLES:
            return None
        self.positions = 0
        return self._timed()

    def live(self) -> str | None:
        """Return a sample within an epoch, if the run is shown live and it is time for one."""
        if not self._live or time.monotonic() < self._next_live:
            return None
        with self._learner.averaged_weights():
            return self._timed()

    def _timed(self) -> str:
        began = time.monotonic()
        with np.errstate(over="ignore", invalid="ignore"):  # the weights may be about to diverge
            text = sample(self._current_model(), self._seed)
        seconds = time.monotonic() - began
        self._next_live = began + max(SECONDS_BETWEEN_LIVE_SAMPLES, seconds / LIVE_SHARE)
        return text


def _generated(model: Model, seed: int, number: int, length: int) -> str:
    params = default_sampling(model)
    request = with_label(model, Request(opening(model), seed, number, length))
    (steps,) = continuations(model, [request], params, top=None)
    begin = request.prompt if request.label is None else f"{request.label}\t"
    return begin + model.vocabulary.joined(step.character for step in steps)
