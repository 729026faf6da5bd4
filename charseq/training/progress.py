"""How far a run is, by updates and by time, and when it has to stop training to end within its time limit."""

import math

from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time

EVALUATION_COST = 1 / 3
"""The time to evaluate a position over the time to train on it: forward, without backward."""
EVALUATION_SHARE = 0.1
"""Of the time limit: the most that one evaluation of the held-out text may take."""
MARGIN, MARGIN_SECONDS = 0.005, 0.05
"""Of the time limit, and in seconds, kept free for what no estimate covers."""


class Clock:
    """Started with the run; of a resumed run, `elapsed` seconds ago.

    The time limit covers training, and what follows it: an evaluation, a sample and a save.  Their costs are
    estimated until they have been measured.
    """

    def __init__(
        self, settings: TrainSettings, updates: int, *, began: float, sampling: float, saving: float
    ):
        self._limit = settings.time_limit or math.inf
        self._updates = updates
        self._began = began
        self._fastest = math.inf
        self._last = 0.0
        self.evaluating = 0.0
        """Seconds of an evaluation."""
        self.sampling = sampling
        """Seconds of a sample."""
        self.saving = saving
        """Seconds of a save."""

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return running_time() - self._began

    @property
    def is_over(self) -> bool:
        """Whether another update would leave too little time for what follows training."""
        return self.seconds + self._last >= self._time_to_train

    def done(self, updates: int) -> float:
        """The fraction of the run that is done, by updates or by time, whichever is nearer to its end."""
        return min(max(updates / self._updates, self.seconds / self._time_to_train), 1.0)

    def add_update(self, positions: int, seconds: float) -> None:
        """Take in how long an update took."""
        self._last = seconds
        self._fastest = min(self._fastest, seconds / positions)

    def affordable(self, positions: int) -> int:
        """How many of the held-out positions can be evaluated in the time there is for it.

        Estimated by the fastest update so far; sets `evaluating` to the seconds that they take.
        """
        cost = EVALUATION_COST * self._fastest
        if math.isfinite(self._limit):
            positions = min(positions, max(1, int(EVALUATION_SHARE * self._limit / cost)))
        self.evaluating = cost * positions
        return positions

    @property
    def _time_to_train(self) -> float:
        """Seconds after which to stop training."""
        if not math.isfinite(self._limit):
            return self._limit
        reserve = self.evaluating + self.sampling + self.saving + MARGIN * self._limit + MARGIN_SECONDS
        return self._limit - min(reserve, self._limit / 2)
