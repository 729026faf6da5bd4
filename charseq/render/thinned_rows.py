"""The epochs of a long run that get a row in the table."""

from bisect import bisect, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf, isnan, log

from charseq.events import Epoch, Start

MOST_ROWS = 512
"""The number of epochs that are stored, about; a longer run stores fewer of its early ones."""
DIGITS = 5
"""The binary digits that a stored number may have before its zeros, in a longer run."""
NEWEST_ROWS = 100
"""The number of newest epochs that are always stored."""
MOST_IMPROVEMENTS = 12
"""The number of epochs with more characters correct than before up to which they come before others."""
MOST_MISSED = 50
"""The number of rows too tall for the last lines after which no others are tried."""

Height = Callable[[Epoch, bool], int]
"""The number of lines of a row, given whether it is the last."""


class Landmarks:
    """The numbers of the epochs that always have a row: first, first with all correct, best, and last."""

    def __init__(self, start: Start | None = None, count: int = 0) -> None:
        self._start = start
        self.count = count
        self.first_correct = self.best = 0
        """Their numbers, from 1; 0 if there is none yet."""
        self._best_rank: tuple[float, ...] = ()
        self._improvements: list[int] = []
        self._accuracy = 0.0

    def add(self, row: Epoch) -> None:
        """Add the next epoch, or a report within one."""
        self.count += 1
        if row.accuracy == 1 and not self.first_correct:
            self.first_correct = self.count
        if row.accuracy > self._accuracy and len(self._improvements) <= MOST_IMPROVEMENTS:
            self._improvements.append(self.count)
            self._accuracy = row.accuracy
        rank = self._rank(row)
        if not self.best or rank < self._best_rank:
            self.best, self._best_rank = self.count, rank

    @property
    def numbers(self) -> list[int]:
        """The numbers, the most important first."""
        numbers = (self.count, min(self.count, 1), self.best, self.first_correct)
        return [*dict.fromkeys(number for number in numbers if number)]

    @property
    def improvements(self) -> list[int]:
        """The numbers of the epochs with more characters correct than before; none if there are many."""
        return self._improvements if len(self._improvements) <= MOST_IMPROVEMENTS else []

    def stored(self) -> list[int]:
        """Return the numbers of the epochs to store, in order."""
        if self.count <= MOST_ROWS:
            return [*range(1, self.count + 1)]
        newest = range(self.count - NEWEST_ROWS + 1, self.count + 1)
        return sorted({*stored_numbers(self.count), *newest, *self.numbers, *self.improvements})

    def at(self, count: int, best: int) -> "Landmarks":
        """Return the landmarks that there were after `count` epochs, when `best` was the best."""
        earlier = Landmarks(self._start, count)
        earlier.best = best
        earlier.first_correct = self.first_correct if self.first_correct <= count else 0
        earlier._improvements = [number for number in self._improvements if number <= count]
        return earlier

    def _rank(self, row: Epoch) -> tuple[float, ...]:
        """Return a sort key by which training chooses the epoch to save; lower is better."""
        if self._start is None or self._start.settings.whole:
            return (-row.accuracy, _sortable(row.loss))
        if self._start.validation_chooses and row.selection_loss is not None:
            return (_sortable(row.selection_loss),)
        return (-row.passes,)


class ThinnedRows:
    """Store epochs for the table: all of a short run; of a longer one fewer, and the landmarks."""

    def __init__(self, start: Start | None = None) -> None:
        self._rows: dict[int, Epoch] = {}
        self._landmarks = Landmarks(start)

    @classmethod
    def of(cls, landmarks: Landmarks, row: Callable[[int], Epoch]) -> "ThinnedRows":
        """Return the rows of a run so far; `row` returns the epoch of a number."""
        rows = cls()
        rows._landmarks = landmarks
        numbers = landmarks.stored()
        rows._rows = {number: row(number) for number in numbers}
        return rows

    @property
    def count(self) -> int:
        """The number of epochs and reports that were added."""
        return self._landmarks.count

    def add(self, row: Epoch) -> None:
        """Add the next epoch, or a report within one."""
        self._landmarks.add(row)
        self._rows[self.count] = row
        if len(self._rows) > MOST_ROWS:
            stored = set(self._landmarks.stored())
            self._rows = {number: row for number, row in self._rows.items() if number in stored}

    def fitting(
        self, lines: int, height: Height, *, spread: bool = False, saved: float | None = None
    ) -> list[Epoch]:
        """Return the rows that fit into `lines`, in order, and always the landmarks.

        `spread`: spread over the run; otherwise, the newest.  `saved`: the passes before the saved epoch.
        """
        required = self._landmarks.numbers
        if saved is not None:
            required += [number for number, row in self._rows.items() if row.passes == saved]
        order = self._spread(required) if spread else self._newest()
        return fitting(self._rows, required, order, lines, height)

    def _newest(self) -> list[int]:
        """Return round numbers, then the others from the newest."""
        return [*filter(is_round, self._rows), *reversed(self._rows)]

    def _spread(self, required: Iterable[int]) -> Iterator[int]:
        """Yield improvements and round numbers, then what is farthest from those before, by its ratio."""
        taken = sorted(set(required))
        for number in (*self._landmarks.improvements, *filter(is_round, self._rows)):
            if number not in taken:
                insort(taken, number)
                yield number
        rest = [number for number in self._rows if number not in taken]
        while rest:
            farthest = max(rest, key=lambda number: _distance(number, taken))
            rest.remove(farthest)
            insort(taken, farthest)
            yield farthest

    def landmarks(self) -> list[Epoch]:
        """Return the rows that are always shown, the last one first."""
        return [self._rows[number] for number in self._landmarks.numbers]


def fitting(
    rows: Mapping[int, Epoch], required: Iterable[int], order: Iterable[int], lines: int, height: Height
) -> list[Epoch]:
    """Return the required rows and as many others, by their order, as fit into `lines`."""
    last = max(rows, default=0)
    chosen: dict[int, Epoch] = {}
    for number in dict.fromkeys(required):
        chosen[number] = rows[number]
        lines -= height(rows[number], number == last)
    missed = 0
    for number in order:
        if lines < 1 or missed == MOST_MISSED:
            break
        if number in chosen:
            continue
        needed = height(rows[number], False)
        if needed > lines:
            missed += 1
            continue
        chosen[number] = rows[number]
        lines -= needed
    return [chosen[number] for number in sorted(chosen)]


def stored_numbers(count: int) -> Iterator[int]:
    """Yield the numbers that a run of `count` epochs stores: 1, 2, ..., 32, 34, ..., 64, 68 and so on."""
    step, number = 1, 1
    while number <= count:
        yield number
        if number == step << DIGITS:
            step *= 2
        number += step


def is_round(number: int) -> bool:
    """Return whether a number is 1, 2, 5, 10, 20, 50 and so on."""
    return str(number).rstrip("0") in ("1", "2", "5")


def _distance(number: int, taken: list[int]) -> float:
    """Return the logarithm of the smaller ratio to the numbers next to it."""
    place = bisect(taken, number)
    below = log(number / taken[place - 1]) if place else inf
    above = log(taken[place] / number) if place < len(taken) else inf
    return min(below, above)


def _sortable(value: float) -> float:
    return inf if isnan(value) else value
