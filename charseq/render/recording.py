"""The epochs of a logged run, at random access."""

from array import array
from functools import lru_cache

from charseq.events import End, Epoch, Start
from charseq.render.thinned_rows import MOST_ROWS, Landmarks, ThinnedRows
from charseq.runs.log import Entry, Log


class Recording:
    """The run of a log, read as far as it is shown.  A number counts epochs and reports, from 1.

    Memory: 24 bytes for each epoch so far, and the epochs that a table may show.
    """

    def __init__(self, log: Log) -> None:
        self._entries = iter(log)
        self.start: Start | None = None
        self.end: End | None = None
        self._offsets = array("Q")
        self._best = array("Q")
        """The number of the best epoch, after each epoch."""
        self._samples = array("Q")
        """The number of the last epoch with a sample, after each epoch; 0 without one."""
        self._landmarks = Landmarks()
        self._epoch_at = lru_cache(maxsize=2 * MOST_ROWS)(log.epoch_at)

    def has(self, number: int) -> bool:
        """Return whether there is such an epoch, which may read on."""
        while len(self._offsets) < number:
            entry = next(self._entries, None)
            if entry is None:
                return False
            self._add(entry)
        return True

    def epoch(self, number: int) -> Epoch:
        """Return an epoch that has been read."""
        return self._epoch_at(self._offsets[number - 1])

    def rows(self, number: int) -> ThinnedRows:
        """Return the rows that the table had after an epoch."""
        return ThinnedRows.of(self._landmarks.at(number, self._best[number - 1]), self.epoch)

    def sample(self, number: int) -> str | None:
        """Return the newest sample after an epoch."""
        newest = self._samples[number - 1]
        return self.epoch(newest).sample if newest else None

    def _add(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, Start):
            self.start = event
            self._landmarks = Landmarks(event)
        elif isinstance(event, End):
            self.end = event
        elif isinstance(event, Epoch):
            self._landmarks.add(event)
            self._offsets.append(entry.offset)
            self._best.append(self._landmarks.best)
            earlier = self._samples[-1] if self._samples else 0
            self._samples.append(len(self._offsets) if event.sample is not None else earlier)
