"""Batches of ids: padded sequences, or windows over streams with the state carried."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Ids

BLOCK = 1 << 20
"""Lines that are sorted by length at once."""
MAX_LINE_POSITIONS = 1 << 10
"""Positions of the longest line that is read as one sequence; a longer line is split."""


class Part(NamedTuple):
    """The part of every batch that a process reads: a block of rows, for each of `processes` one."""

    rank: int = 0
    processes: int = 1

    def rows(self, count: int) -> slice:
        """Return the rows of this part, of a number of rows; it may be empty."""
        return slice(count * self.rank // self.processes, count * (self.rank + 1) // self.processes)


WHOLE = Part()
"""All rows."""


@dataclass(frozen=True)
class Batch:
    """The inputs and targets [B T] of one update, or of the rows of it that one process reads.

    `weights` [B T] is 0 for padding, which is masked from the loss, and 1 elsewhere.  Rows that are `fresh`
    [B] start from the initial state; the others continue from the previous batch.
    """

    inputs: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    fresh: npt.NDArray[np.bool_]
    epoch: int = 0
    number: int = 0
    """Its number in the epoch."""
    first_row: int = 0
    """The number of rows before these, which other processes read."""
    other_rows: int = 0
    """The number of all rows that other processes read."""
    other_positions: int = 0
    """The number of their positions."""

    @property
    def own_positions(self) -> int:
        """The number of positions in the loss of these rows."""
        return int(np.count_nonzero(self.weights))

    @property
    def positions(self) -> int:
        """The number of positions in the loss of the whole batch."""
        return self.own_positions + self.other_positions

    @property
    def rows(self) -> int:
        """The number of rows of the whole batch."""
        return len(self.fresh) + self.other_rows


class Windows:
    """Sequences of ids, distributed over rows and read one window at a time.

    Each row gets the same number of windows, so a sequence may begin in one row and continue in the next.
    The state is carried from window to window; it is reset where a row or a sequence begins.  If every
    sequence fits into one window, and each has a row, the only batch is all sequences, padded.
    """

    def __init__(
        self, sequences: Sequence[Ids], batch_size: int, sequence_length: int, part: Part = WHOLE
    ) -> None:
        self.sequence_length, self._part = sequence_length, part
        self.positions = sum(len(sequence) - 1 for sequence in sequences)
        self.rows = _distribute(sequences, batch_size, sequence_length)
        self._count = max(sum(_windows_in(piece, sequence_length) for piece in row) for row in self.rows)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._count

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        return self.batches()

    def batches(self, epoch: int = 0, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, without the first `skip`.  All epochs are alike."""
        length, own = self.sequence_length, self._part.rows(len(self.rows))
        readers = [_windows_of(row, length, skip) for row in self.rows[own]]
        others = [_sizes_of(row, length, skip) for row in [*self.rows[: own.start], *self.rows[own.stop :]]]
        for number in range(skip, len(self)):
            yield _batch(
                [next(reader, None) for reader in readers],
                length,
                epoch=epoch,
                number=number,
                first_row=own.start,
                other_rows=len(others),
                other_positions=sum(next(other, 0) for other in others),
            )


class Buckets:
    """Lines, batched with others of similar length, in a different order every epoch.

    Each of the `batch_size` lines starts from the initial state and is read to its end, in windows of at most
    `sequence_length`.  Little of a batch is padding.
    """

    def __init__(
        self, lines: Sequences, batch_size: int, sequence_length: int, seed: int, part: Part = WHOLE
    ) -> None:
        self.positions = lines.total
        self._part = part
        self._lines, self._batch_size, self._seed = lines.cut(MAX_LINE_POSITIONS), batch_size, seed
        self._sequence_length = sequence_length
        self._count = sum(self._batches_in(block) for block in self._blocks())

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._count

    def batches(self, epoch: int = 0, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, without the first `skip`; the seed and the epoch set their order."""
        for number, batch in enumerate(self._read_epoch(epoch, skip), skip):
            yield replace(batch, epoch=epoch, number=number)

    def _read_epoch(self, epoch: int, skip: int) -> Iterator[Batch]:
        random = np.random.default_rng([self._seed, epoch])
        blocks = self._blocks()
        for block_number in random.permutation(len(blocks)):
            block = blocks[block_number]
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
        """Return the lines in blocks that can be sorted in memory."""
        return [self._lines[first : first + BLOCK] for first in range(0, len(self._lines), BLOCK)]

    def _batches_in(self, block: Sequences) -> int:
        longest = [group[-1] for group in self._groups(np.sort(block.positions))]
        return sum(map(self._windows_in, longest))

    def _windows_in(self, length: np.int64) -> int:
        return -(-int(length) // self._sequence_length)

    def _groups(self, order: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        return [order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)]

    def _read(self, group: Sequence[Ids]) -> Iterator[Batch]:
        return row_batches(group, self._sequence_length, self._part)


def row_batches(sequences: Sequence[Ids], sequence_length: int, part: Part = WHOLE) -> Iterator[Batch]:
    """Yield batches in which each sequence has its own row, and is read from beginning to end."""
    own = part.rows(len(sequences))
    others = [len(sequence) - 1 for sequence in [*sequences[: own.start], *sequences[own.stop :]]]
    longest = max(len(sequence) for sequence in sequences) - 1
    for start in range(0, longest, sequence_length):
        length = min(sequence_length, longest - start)
        windows = [(sequence[start : start + length + 1], start == 0) for sequence in sequences[own]]
        yield _batch(
            [window if len(window[0]) > 1 else None for window in windows],
            length,
            first_row=own.start,
            other_rows=len(others),
            other_positions=sum(min(max(other - start, 0), length) for other in others),
        )


def _distribute(sequences: Sequence[Ids], batch_size: int, sequence_length: int) -> "list[list[Ids]]":
    """Distribute sequences over at most `batch_size` rows of equally many windows; split them at row ends."""
    total = sum(_windows_in(sequence, sequence_length) for sequence in sequences)
    windows_per_row = -(-total // batch_size)
    rows: list[list[Ids]] = []
    free = 0  # windows left in the last row
    for sequence in sequences:
        start = 0
        while start < len(sequence) - 1:
            if not free:
                rows.append([])
                free = windows_per_row
            piece = sequence[start : start + free * sequence_length + 1]
            rows[-1].append(piece)
            free -= _windows_in(piece, sequence_length)
            start += len(piece) - 1
    return rows


def _windows_in(piece: Ids, length: int) -> int:
    return -(-(len(piece) - 1) // length)


def _windows_of(row: "list[Ids]", length: int, skip: int) -> "Iterator[tuple[Ids, bool]]":
    for piece in row:
        for start in range(skip * length, len(piece) - 1, length):
            yield piece[start : start + length + 1], start == 0
        skip = max(0, skip - _windows_in(piece, length))


def _sizes_of(row: "list[Ids]", length: int, skip: int) -> Iterator[int]:
    """Yield the number of positions of each window in a row, without the first `skip`."""
    for piece in row:
        positions = len(piece) - 1
        for start in range(skip * length, positions, length):
            yield min(length, positions - start)
        skip = max(0, skip - _windows_in(piece, length))


def _batch(windows: "list[tuple[Ids, bool] | None]", length: int, **more: int) -> Batch:
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
    return Batch(inputs, targets, weights, fresh, **more)


def padded(sequences: Sequence[Ids]) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return sequences as ids [B T], padded with 0, and their lengths [B]."""
    lengths = np.array([len(sequence) for sequence in sequences])
    ids = np.zeros((len(sequences), int(lengths.max(initial=0))), np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids, lengths
