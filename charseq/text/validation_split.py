"""What is held out of a text for validation, and how it differs from the rest."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.text.sequences import Hashes, Sequences, mix_bits
from charseq.text.units import ValidationSplit

MOST_PIECES = 64
"""Pieces held out of running text; validation reads as many side by side."""
USUAL_PIECE = 256
"""Positions of a held-out piece from which there is more than a few of them."""
FEW_PIECES, SHORTEST_PIECE = 3, 32
"""The number of pieces held out of a short text, and the fewest positions of a piece."""
GAP = 64
"""Symbols on either side of a held-out piece that are neither trained on nor validated on; fewer for short
pieces.
"""
LARGEST_SHARE, OUTLIER_LENGTH = 0.05, 8.0
"""A line of more than this share of the held-out text, and longer than this many times the median length, is
trained on, not held out: it would dominate the validation loss.
"""
MOST_OUTLIERS = 0.02
"""The largest fraction of the lines that are such outliers; where there are more, they are ordinary."""
RUNNING_TEXT = 1 << 10
"""Positions from which on a line that has more than the fraction to hold out is split as running text, where
such lines are more than half of the text.
"""
EXACT_DRAW = 1 << 22
"""Lines up to which the exact fraction is held out; of more, each is drawn by itself."""
DRAWS = 8
"""Attempts to draw a fair share of very many lines, where some line is repeated very often."""

SHIFT = 0.15
"""Nats per symbol from which on the symbol frequencies of a held-out part differ clearly from the rest."""
FEWEST_SHIFTED = 100
"""Symbols of a part below which nothing is concluded from its frequencies."""
COUNTED = 1 << 22
"""Symbols counted at most to estimate the frequencies of a text."""


class Shift(NamedTuple):
    """Held-out text whose symbol frequencies differ from those of the training text."""

    first: int
    """Its first symbol, counted from 0 over all files; the end of a line is one symbol."""
    last: int
    """The symbol after its last one."""
    pieces: int
    """Held-out pieces that lie there; 0 where whole lines are held out."""
    nats: float
    """The relative entropy of its frequencies to those of the training text, per symbol."""


@dataclass(frozen=True)
class Split:
    """A text, split in two."""

    training: Sequences
    validation: Sequences
    """Empty where nothing is held out."""
    repeated: int = 0
    """Lines that equal an earlier line; copies of a line are all on one side."""
    lines: bool = False
    """Whether lines are held out, not pieces of running text."""

    def shift(self, vocabulary_size: int) -> Shift | None:
        """The part of the held-out text that differs clearly from the training text; None where none does.

        Where most held-out pieces differ from the average, the text changes all the time, and so did what
        was trained on: that is not reported.
        """
        if not len(self.validation):
            return None
        frequencies = _counts(self.training.cut(1 << 12).subsample(COUNTED), vocabulary_size) + 0.5
        log_p = np.log(frequencies / frequencies.sum())
        whole = _relative_entropy(_counts(self.validation.subsample(COUNTED), vocabulary_size), log_p)
        if self.lines:
            first, last = int(self.validation.starts.min()), int(self.validation.ends.max())
            return Shift(first, last, 0, whole) if whole > SHIFT else None
        pieces = [self.validation[i : i + 1] for i in range(len(self.validation))]
        nats = [
            _relative_entropy(_counts(piece.subsample(COUNTED), vocabulary_size), log_p) for piece in pieces
        ]
        shifted = [piece for piece, n in zip(pieces, nats, strict=True) if n > SHIFT]
        if not shifted or (whole <= SHIFT and 2 * len(shifted) > len(pieces)):
            return None
        first = min(int(piece.starts[0]) for piece in shifted)
        last = max(int(piece.ends[0]) for piece in shifted)
        return Shift(first, last, len(shifted), max(whole, max(nats)))


def split(sequences: Sequences, fraction: float, how: ValidationSplit, *, lines: bool, seed: int) -> Split:
    """Hold out about `fraction` of all positions: whole lines, or contiguous pieces of running text.

    `spread` draws lines at random, by the seed and the line alone, so that their order does not matter and
    equal lines are on one side; of running text it draws pieces evenly over its whole length.  `tail` takes
    the end.  Outlier lines are trained on; long lines that are most of the text are split as running text.
    """
    nothing = sequences[:0]
    if not fraction or not len(sequences):
        return Split(sequences, nothing)
    if how == "tail":
        return _tail(sequences, fraction, lines=lines)
    random = np.random.default_rng([seed, 1])
    if not lines:
        return Split(*_pieces(sequences, fraction, random))
    keys = mix_bits(sequences.hashes() ^ np.uint64(seed))
    if len(sequences) > EXACT_DRAW:
        return _by_threshold(sequences, fraction, keys)
    return _by_rank(sequences, fraction, keys, random)


def _tail(sequences: Sequences, fraction: float, *, lines: bool) -> Split:
    if lines:
        reached = np.cumsum(sequences.positions)
        distance = np.abs(reached - round(int(reached[-1]) * (1 - fraction)))
        cut = max(1, min(int(np.argmin(distance)) + 1, len(sequences) - 1))
        return Split(sequences[:cut], sequences[cut:], lines=True)
    lengths = sequences.positions + 1
    symbols = int(lengths.sum())
    cut = symbols - round(symbols * fraction)
    before = np.cumsum(lengths) - lengths
    middle = sequences.starts.astype(np.int64) + np.clip(cut - before, 0, lengths)
    middle = middle.astype(sequences.starts.dtype)
    training = Sequences(sequences.ids, sequences.starts, middle)
    validation = Sequences(sequences.ids, middle, sequences.ends)
    return Split(training.with_targets(), validation.with_targets())


def _by_rank(sequences: Sequences, fraction: float, keys: Hashes, random: np.random.Generator) -> Split:
    """Hold out the lines of lowest key, equal ones together; of oversized ones pieces."""
    positions = sequences.positions
    order = np.argsort(keys, kind="stable")
    opens = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))
    counts = np.diff(np.append(opens, len(order)))
    weights = np.add.reduceat(positions[order], opens)
    repeated = len(sequences) - len(opens)
    most = fraction * int(positions.sum())
    outliers = (weights > LARGEST_SHARE * most) & (
        positions[order[opens]] > OUTLIER_LENGTH * np.median(positions)
    )
    if outliers.sum() > max(1, MOST_OUTLIERS * len(opens)):
        outliers[:] = False
    small = (weights <= most) & ~outliers
    reached = np.cumsum(np.where(small, weights, 0))
    target = fraction * int(reached[-1])
    group = int(np.argmin(np.abs(reached - target)))
    held = small & (np.arange(len(opens)) <= group)
    oversized = (weights > most) & (counts == 1) & (weights >= RUNNING_TEXT)
    if 2 * weights[oversized].sum() <= positions.sum():
        oversized[:] = False
    lightest = int(np.argmin(weights))
    few = not small.any() and not oversized.any() and not repeated
    if few and weights[lightest] <= positions.sum() / 2:
        held[lightest] = True  # of few lines, one
    sides = np.zeros(len(sequences), np.bool_)
    sides[order] = np.repeat(held, counts)
    validation = sequences.select(sides)
    alone = np.zeros(len(sequences), np.bool_)
    alone[order] = np.repeat(oversized, counts)
    training = sequences.select(~sides & ~alone)
    if alone.any():
        kept, pieces = _pieces(sequences.select(alone), fraction, random)
        training, validation = training.concat(kept), validation.concat(pieces)
    return Split(training, validation, repeated, lines=True)


def _by_threshold(sequences: Sequences, fraction: float, keys: Hashes) -> Split:
    """Hold out every line whose key is below a threshold; needs no memory beside the keys."""
    total = sequences.total
    for _ in range(DRAWS):
        sides = keys < np.uint64(int(fraction * 2.0**64))
        if sequences.select(sides).total <= 1.5 * fraction * total:
            break
        keys = mix_bits(keys)
    return Split(sequences.select(~sides), sequences.select(sides), lines=True)


def _pieces(
    sequences: Sequences, fraction: float, random: np.random.Generator
) -> tuple[Sequences, Sequences]:
    """Hold out contiguous pieces of running text, one at random in each of equal stretches of it.

    Of equal sequences the same pieces are held out.
    """
    _, first, copy_of = np.unique(sequences.hashes(), return_index=True, return_inverse=True)
    different = np.sort(first)
    lengths = sequences.positions[different] + 1
    edges = np.concatenate([[0], np.cumsum(lengths)])
    held = _drawn(int(edges[-1]), fraction, random)
    gap = min(GAP, int((held[:, 1] - held[:, 0]).min()) // 4)
    parts: dict[int, list[tuple[int, int]]] = {}
    for number, start, end in zip(different.tolist(), edges[:-1], edges[1:], strict=True):
        inside = np.clip(held, start, end) - start
        parts[number] = [(int(a), int(b)) for a, b in inside[inside[:, 0] < inside[:, 1]]]
    training: list[tuple[int, int]] = []
    validation: list[tuple[int, int]] = []
    for number in range(len(sequences)):
        start, end = int(sequences.starts[number]), int(sequences.ends[number])
        here = start
        for a, b in parts[int(first[copy_of[number]])]:
            validation.append((start + a, start + b))
            training.append((here, max(here, start + a - gap)))
            here = min(start + b + gap, end)
        training.append((here, end))
    return _spans(sequences, training), _spans(sequences, validation)


def _drawn(symbols: int, fraction: float, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw pieces [K 2] of a text: the first symbol of each, and the symbol after its last one."""
    target = symbols * fraction
    few = min(FEW_PIECES, int(target / SHORTEST_PIECE))
    count = min(MOST_PIECES, max(int(target / USUAL_PIECE), few, 1))
    stretch = symbols / count
    length = round(stretch * fraction)
    offsets = random.uniform(0, max(stretch - length, 0), count)
    starts = (np.arange(count) * stretch + offsets).astype(np.int64)
    return np.stack([starts, np.minimum(starts + length, symbols)], 1)


def _spans(sequences: Sequences, bounds: list[tuple[int, int]]) -> Sequences:
    array = np.array(bounds, sequences.starts.dtype).reshape(-1, 2)
    return Sequences(sequences.ids, array[:, 0], array[:, 1]).with_targets()


def _counts(sequences: Sequences, vocabulary_size: int) -> npt.NDArray[np.int64]:
    return np.bincount(sequences.targets(), minlength=vocabulary_size)


def _relative_entropy(counts: npt.NDArray[np.int64], log_p: npt.NDArray[np.float64]) -> float:
    """The relative entropy of counted symbols [V] to log-probabilities [V], in nats per symbol.

    What so few symbols would show by chance is taken off (Miller 1955, "Note on the bias of information
    estimates").
    """
    total = int(counts.sum())
    if total < FEWEST_SHIFTED:
        return 0.0
    there = counts > 0
    q = counts[there] / total
    return float((q * (np.log(q) - log_p[there])).sum()) - (int(there.sum()) - 1) / (2 * total)
