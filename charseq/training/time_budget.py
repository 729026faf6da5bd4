"""When a run must stop training to end within its time limit."""

import math

from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time

EVALUATION_COST = 1 / 3
"""Estimated time to evaluate a position, as a fraction of the time to train on it (no backward pass)."""
EVALUATION_SHARE = 0.1
"""Largest fraction of the time limit that one evaluation of the validation set may take."""
MIXING_SECONDS, MIXING_SECONDS_PER_SYMBOL = 2e-6, 2e-8
"""Estimated time to mix the predictions of an n-gram model at a position: fixed, and for each symbol."""
GATE_SECONDS = 4e-5
"""Estimated time to fit the gate, for each position that it is fitted to."""
MARGIN, MARGIN_SECONDS = 0.005, 0.05
"""Reserve that no estimate covers: a fraction of the time limit, plus seconds."""

SHORTEST_UPDATE = 1e-6
"""Seconds of an update at least; `running_time` stands still for moments while a machine is overloaded."""


class TimeBudget:
    """Elapsed time, and the time that remains for training.

    The time limit covers training and what follows it: an evaluation, a sample and a save.  Their costs are
    estimated until they have been measured.  `began` is in seconds on the clock of `running_time`.
    """

    def __init__(
        self,
        settings: TrainSettings,
        updates: int,
        *,
        began: float,
        sampling: float,
        saving: float,
        fitted: int = 0,
        symbols: int = 0,
    ) -> None:
        """Begin.

        `fitted`: the number of positions that a gate is fitted to at most, 0 without a gate; `symbols`: the
        size of the vocabulary.
        """
        self._limit = settings.time_limit or math.inf
        self._updates = updates
        self._began, self._fitted = began, fitted
        self._mixing = MIXING_SECONDS + MIXING_SECONDS_PER_SYMBOL * symbols
        self._fastest = math.inf
        self._last_update = 0.0
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
    def is_used_up(self) -> bool:
        """Whether another update would leave too little time for what follows training."""
        return self.seconds + self._last_update >= self._time_to_train

    def fraction_done(self, updates: int) -> float:
        """Return the completed fraction of the run, by updates or by time, whichever is larger."""
        return min(max(updates / self._updates, self.seconds / self._time_to_train), 1.0)

    def add_update(self, positions: int, seconds: float) -> None:
        """Record the duration of one update."""
        self._last_update = seconds
        self._fastest = min(self._fastest, max(seconds, SHORTEST_UPDATE) / positions)

    def affordable(self, positions: int) -> int:
        """Return how many of the validation positions an evaluation may read.

        Estimated from the fastest update so far; sets `evaluating` to the seconds that they take.
        """
        if math.isfinite(self._limit):
            available = EVALUATION_SHARE * self._limit
            while positions > 1 and self._seconds_to_evaluate(positions) > available:
                positions = max(
                    1, int(positions * min(0.9, available / self._seconds_to_evaluate(positions)))
                )
        self.evaluating = self._seconds_to_evaluate(positions)
        return positions

    def _seconds_to_evaluate(self, positions: int) -> float:
        """Estimate the time of an evaluation; the network reads the positions of the gate twice."""
        fitted = min(positions, self._fitted)
        mixing = self._mixing * (positions + fitted) + GATE_SECONDS * fitted if fitted else 0.0
        return EVALUATION_COST * self._fastest * (positions + fitted) + mixing

    @property
    def _time_to_train(self) -> float:
        """Seconds after which training stops."""
        if not math.isfinite(self._limit):
            return self._limit
        reserve = self.evaluating + self.sampling + self.saving + MARGIN * self._limit + MARGIN_SECONDS
        return self._limit - min(reserve, self._limit / 2)
