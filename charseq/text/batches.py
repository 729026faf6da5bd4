"""Ids -> batches: whole strings padded together, or windows over streams with the state carried."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids

BLOCK = 1 << 20
"""Lines put in order at once, of very many."""
LONGEST_LINE = 1 << 10
"""Positions of a line that are read in one batch; a longer line is cut, and read as several."""


@dataclass(frozen=True)
class Batch:
    """What one update reads: inputs and targets [B T], the weight of each place, and where rows begin.

    A place past a string's end has weight 0.  A row that is `fresh` [B] starts from the zero state; the
    others go on from where the batch before left them.
    """

    inputs: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    fresh: npt.NDArray[np.bool_]

    @property
    def positions(self) -> int:
        """How many places weigh anything."""
        return int(np.count_nonzero(self.weights))


class Windows:
    """Sequences of ids laid into rows and read a window at a time.

    All windows, one sequence after the other, are dealt out evenly to the rows, so that a sequence may begin
    in one row and continue in the next.  Where a row begins, and where a sequence begins, the state is the
    initial one; it is carried from window to window.  Where every sequence fits into one window, and there
    are rows for all, the only batch is simply all sequences, padded.
    """

    def __init__(self, sequences: Sequence[Ids], batch_size: int, sequence_length: int) -> None:
        self.sequence_length = sequence_length
        self.positions = sum(len(sequence) - 1 for sequence in sequences)
        self.rows = _dealt(sequences, batch_size, sequence_length)
        self._count = max(sum(_windows_in(piece, sequence_length) for piece in row) for row in self.rows)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return self._count

    def __iter__(self) -> Iterator[Batch]:
        """One epoch, batch by batch."""
        return self.batches()

    def batches(self, epoch: int = 0, skip: int = 0) -> Iterator[Batch]:
        """One epoch, every one like the other, without the first batches of it."""
        readers = [_windows_of(row, self.sequence_length, skip) for row in self.rows]
        for _ in range(skip, len(self)):
            yield _batch([next(reader, None) for reader in readers], self.sequence_length)


class Buckets:
    """Many lines, those of about the same length side by side, in another order every epoch.

    A batch is `batch_size` lines, all from the zero state, read to their ends in windows of
    `sequence_length` at most, so that little is padding.  A line of more than LONGEST_LINE positions is read
    as several, side by side.
    """

    def __init__(self, lines: Sequences, batch_size: int, sequence_length: int, seed: int) -> None:
        self.positions = lines.total
        self._lines, self._batch_size, self._seed = lines.cut(LONGEST_LINE), batch_size, seed
        self._sequence_length = sequence_length
        self._count = sum(self._batches_in(block) for block in self._blocks())

    def __len__(self) -> int:
        """The number of batches in an epoch, which its order does not change."""
        return self._count

    def batches(self, epoch: int = 0, skip: int = 0) -> Iterator[Batch]:
        """An epoch, in the order that its number has, without the first batches of it."""
        random = np.random.default_rng([self._seed, epoch])
        blocks = self._blocks()
        for place in random.permutation(len(blocks)):
            block = blocks[place]
            positions = block.positions
            order = random.permutation(len(block))
            order = order[np.argsort(positions[order], kind="stable")]
            groups = self._groups(order)
            for number in random.permutation(len(groups)):
                group = groups[number]
                count = self._windows_in(positions[group[-1]])
                if skip < count:
                    yield from islice(self._read([block[i] for i in group.tolist()]), skip, None)
                skip = max(0, skip - count)

    def _blocks(self) -> list[Sequences]:
        """The lines, as many at once as may well be sorted in memory."""
        return [self._lines[first : first + BLOCK] for first in range(0, len(self._lines), BLOCK)]

    def _batches_in(self, block: Sequences) -> int:
        longest = [group[-1] for group in self._groups(np.sort(block.positions))]
        return sum(map(self._windows_in, longest))

    def _windows_in(self, length: np.int64) -> int:
        return -(-int(length) // self._sequence_length)

    def _groups(self, order: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        return [order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)]

    def _read(self, group: Sequence[Ids]) -> Iterator[Batch]:
        return row_batches(group, self._sequence_length)


def whole(sequences: Sequence[Ids], batch_size: int | None = None) -> Windows:
    """Every string unbroken: one window as long as the longest, all strings in one batch by default."""
    longest = max(len(sequence) for sequence in sequences) - 1
    return Windows(sequences, batch_size or len(sequences), longest)


def row_batches(sequences: Sequence[Ids], sequence_length: int) -> Iterator[Batch]:
    """Sequences, each in a row of its own, from their beginnings to their ends, a window at a time."""
    longest = max(len(sequence) for sequence in sequences) - 1
    for start in range(0, longest, sequence_length):
        length = min(sequence_length, longest - start)
        windows = [(sequence[start : start + length + 1], start == 0) for sequence in sequences]
        yield _batch([window if len(window[0]) > 1 else None for window in windows], length)


def _dealt(sequences: Sequence[Ids], batch_size: int, sequence_length: int) -> "list[list[Ids]]":
    """The sequences, cut where a row is full, in at most `batch_size` rows of as many windows each."""
    total = sum(_windows_in(sequence, sequence_length) for sequence in sequences)
    share = -(-total // batch_size)
    rows: list[list[Ids]] = []
    room = 0
    for sequence in sequences:
        start = 0
        while start < len(sequence) - 1:
            if not room:
                rows.append([])
                room = share
            piece = sequence[start : start + room * sequence_length + 1]
            rows[-1].append(piece)
            room -= _windows_in(piece, sequence_length)
            start += len(piece) - 1
    return rows


def _windows_in(piece: Ids, length: int) -> int:
    return -(-(len(piece) - 1) // length)


def _windows_of(row: "list[Ids]", length: int, skip: int) -> "Iterator[tuple[Ids, bool]]":
    for piece in row:
        for start in range(skip * length, len(piece) - 1, length):
            yield piece[start : start + length + 1], start == 0
        skip = max(0, skip - _windows_in(piece, length))


def _batch(windows: "list[tuple[Ids, bool] | None]", length: int) -> Batch:
    shape = (len(windows), length)
    inputs = np.zeros(shape, np.int64)
    targets = np.zeros(shape, np.int64)
    weights = np.zeros(shape, np.float32)
    fresh = np.ones(len(windows), np.bool_)
    for i, window in enumerate(windows):
        if window is None:
            continue
        ids, fresh[i] = window
        inputs[i, : len(ids) - 1] = ids[:-1]
        targets[i, : len(ids) - 1] = ids[1:]
        weights[i, : len(ids) - 1] = 1
    return Batch(inputs, targets, weights, fresh)


def padded(sequences: Sequence[Ids]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Strings of unequal length as ids [B T], filled up with 0, and their lengths [B]."""
    lengths = np.array([len(sequence) for sequence in sequences])
    ids = np.zeros((len(sequences), int(lengths.max(initial=0))), np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids, lengths
