"""How far a run is, by updates and by time, and when it is to stop learning."""

import math

from charseq.settings import TrainSettings
from charseq.stopped_time import running_time
from charseq.training.material import Material

MEASURING_TO_LEARNING = 1 / 3
"""How long a place takes to measure, of what it takes to learn: a pass back takes as long as two forward."""


class Clock:
    """Started with the run; of one that goes on, so many seconds ago."""

    def __init__(self, settings: TrainSettings, material: Material, elapsed: float = 0.0) -> None:
        self._limit = settings.time_limit or math.inf
        self._updates = settings.epochs * len(material.windows)
        self._held_out = material.held_out.places if material.held_out else 0
        self._started = running_time() - elapsed
        self.measuring = 0.0
        """Seconds that it takes to measure an epoch: as many as the last time, or as are guessed."""

    @property
    def seconds(self) -> float:
        """How long the run has been going on."""
        return running_time() - self._started

    @property
    def is_over(self) -> bool:
        """Whether there is no time left to learn."""
        return self.seconds >= self._time_to_learn

    def done(self, updates: int) -> float:
        """The part of the run that is over, by updates or by time, whichever is nearer to its end."""
        return min(max(updates / self._updates, self.seconds / self._time_to_learn), 1.0)

    def guess(self, places: int, seconds: float) -> None:
        """Guess how long measuring will take, by how long it took to learn from so many places."""
        seconds = min(seconds, self.seconds)  # those given may include time that the process was stopped
        self.measuring = MEASURING_TO_LEARNING * seconds * self._held_out / places

    @property
    def _time_to_learn(self) -> float:
        """When to stop learning, in seconds, so that measuring is over at the time limit."""
        return self._limit - min(self.measuring, self._limit / 2)
