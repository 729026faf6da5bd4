"""The epochs of a long run that get a row in the table."""

from collections import deque
from collections.abc import Callable

from charseq.events import Epoch

NEWEST_ROWS = 4
"""The number of newest epochs that are saved for the table."""


class ThinnedRows:
    """Keep epochs 1, 2, 5, 10, 20, 50 and so on, the first with all characters correct, and the newest."""

    def __init__(self) -> None:
        self.count = 0
        """The number of epochs and reports that were added."""
        self._round: list[Epoch] = []
        self._newest: deque[Epoch] = deque(maxlen=NEWEST_ROWS)
        self._first_correct: list[Epoch] = []

    def add(self, row: Epoch) -> None:
        """Add the next epoch, or a report within one."""
        self.count += 1
        if str(self.count).rstrip("0") in ("1", "2", "5"):
            self._round.append(row)
        if row.accuracy == 1 and not self._first_correct:
            self._first_correct.append(row)
        self._newest.append(row)

    def fitting(self, lines: int, height: Callable[[Epoch, bool], int]) -> list[Epoch]:
        """Return the rows that fit into `lines`, in order, and always the first and the last one.

        `height` returns the number of lines of a row, given whether it is the last.
        """
        newest_first = [*reversed(self._newest)]
        candidates = [
            *newest_first[:1], *self._round[:1], *self._first_correct, *self._round, *newest_first
        ]  # fmt: skip
        chosen: dict[float, Epoch] = {}
        for row in candidates:
            needed = height(row, not chosen)
            if row.passes not in chosen and (len(chosen) < 2 or needed <= lines):
                chosen[row.passes] = row
                lines -= needed
        return [chosen[passes] for passes in sorted(chosen)]
