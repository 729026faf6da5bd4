"""Hold out text for validation, and detect where it differs from the training text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.text.sequences import Hashes, Sequences, mix_bits
from charseq.text.units import ValidationSplit

MAX_PIECES = 64
"""The maximum number of pieces held out of running text; validation reads them in parallel."""
TYPICAL_PIECE = 256
"""Symbols of each held-out piece, if there are more than SHORT_TEXT_PIECES."""
SHORT_TEXT_PIECES = 3
"""The number of pieces held out of a short text."""
SHORTEST_PIECE = 32
"""The minimum number of symbols of a piece, unless there is only one."""
GAP = 64
"""Symbols on either side of a held-out piece that are left out of both sets; fewer for short pieces."""
OUTLIER_SHARE = 0.05
"""A line longer than this fraction of the held-out text is an outlier, if it exceeds OUTLIER_LENGTH, too.

Outliers are trained on, because they would dominate the validation loss.
"""
OUTLIER_LENGTH = 8.0
"""An outlier is longer than this multiple of the median length of a line."""
MAX_OUTLIERS = 0.02
"""The maximum fraction of lines that are outliers; if more lines are long, they are ordinary."""
RUNNING_TEXT = 1 << 10
"""A line of at least this many positions may be split as running text.

It is, if it exceeds the fraction to hold out, and such lines are more than half of the text.
"""
EXACT_DRAW = 1 << 22
"""The maximum number of lines of which the exact fraction is held out; otherwise each is drawn alone."""
DRAWS = 8
"""Attempts to draw at most 1.5 times the fraction, if a line is repeated very often."""

SHIFT = 0.15
"""Relative entropy, in nats per symbol, above which the symbol frequencies of held-out text are a shift."""
FEWEST_SHIFTED = 100
"""The minimum number of symbols from which frequencies are estimated."""
COUNTED = 1 << 22
"""The maximum number of symbols that are counted to estimate frequencies."""


class Shift(NamedTuple):
    """Held-out text whose symbol frequencies differ from those of the training text."""

    first: int
    """Its first symbol, counted from 0 over all files; a line ending is one symbol."""
    last: int
    """The symbol after its last one."""
    pieces: int
    """The number of held-out pieces in it; 0 if whole lines are held out."""
    nats: float
    """The relative entropy of its frequencies to those of the training text, in nats per symbol."""


@dataclass(frozen=True)
class Split:
    """A text split into training and validation sets."""

    training: Sequences
    validation: Sequences
    """Empty if nothing is held out."""
    repeated: int = 0
    """The number of lines that repeat an earlier line; all copies of a line are in one set."""
    lines: bool = False
    """Whether whole lines are held out, not pieces of running text."""
    separate: bool = False
    """Whether the validation text is one of its own."""

    def shift(self, vocabulary_size: int) -> Shift | None:
        """Return the held-out text that clearly differs from the training text, None if there is none.

        If most held-out pieces differ from the average, or those that do are scattered over the text, the
        whole text varies: that is not a shift.
        """
        if not len(self.validation):
            return None
        frequencies = _counts(self.training.cut(1 << 12).subsample(COUNTED), vocabulary_size) + 0.5
        log_p = np.log(frequencies / frequencies.sum())
        whole = _relative_entropy(_counts(self.validation.subsample(COUNTED), vocabulary_size), log_p)
        if self.lines or self.separate:
            first, last = int(self.validation.starts.min()), int(self.validation.ends.max())
            return Shift(first, last, 0, whole) if whole > SHIFT else None
        pieces = [self.validation[i : i + 1] for i in range(len(self.validation))]
        nats = [
            _relative_entropy(_counts(piece.subsample(COUNTED), vocabulary_size), log_p) for piece in pieces
        ]
        shifted = [n > SHIFT for n in nats]
        if not any(shifted) or (whole <= SHIFT and 2 * sum(shifted) > len(pieces)):
            return None
        first, end = _densest(shifted)
        if 2 * sum(shifted[first:end]) < sum(shifted):
            return None
        region = self.validation[first:end]
        entropy = _relative_entropy(_counts(region.subsample(COUNTED), vocabulary_size), log_p)
        if len(pieces) > SHORT_TEXT_PIECES and entropy * sum(shifted[first:end]) < 2 * SHIFT:
            return None  # one of many pieces differs by chance
        return Shift(int(region.starts.min()), int(region.ends.max()), sum(shifted[first:end]), entropy)


def split(
    sequences: Sequences,
    fraction: float,
    how: ValidationSplit,
    *,
    lines: bool,
    seed: int,
    ranks: npt.NDArray[np.integer[Any]] | None = None,
    labels: bool = False,
) -> Split:
    """Hold out about `fraction` of all positions: whole lines, or contiguous pieces of running text.

    `spread` draws lines by a hash of the seed and the line: the order of lines does not matter, and equal
    lines are in one set, even with different `labels`, which come first.  From running text it draws evenly
    spread pieces.  `tail` holds out the end.  Outlier lines are trained on; long lines that are most of the
    text are split as running text.  `ranks` are the ids [V] that the symbols would have in a vocabulary of
    this text alone: with them, the lines that are drawn do not depend on the vocabulary.
    """
    nothing = sequences[:0]
    if not fraction or not len(sequences):
        return Split(sequences, nothing)
    if how == "tail":
        return _tail(sequences, fraction, lines=lines)
    random = np.random.default_rng([seed, 1])
    if not lines:
        return Split(*_pieces(sequences, fraction, random))
    texts = sequences
    if labels:
        texts = Sequences(sequences.ids, sequences.starts + sequences.starts.dtype.type(1), sequences.ends)
    keys = mix_bits(texts.hashes(ranks) ^ np.uint64(seed))
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
    """Hold out the lines with the lowest keys, equal lines together, and pieces of oversized lines."""
    positions = sequences.positions
    order = np.argsort(keys, kind="stable")
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(keys[order]) != 0]))
    counts = np.diff(np.append(firsts, len(order)))
    weights = np.add.reduceat(positions[order], firsts)
    repeated = len(sequences) - len(firsts)
    largest = fraction * int(positions.sum())
    outliers = (weights > OUTLIER_SHARE * largest) & (
        positions[order[firsts]] > OUTLIER_LENGTH * np.median(positions)
    )
    if outliers.sum() > max(1, MAX_OUTLIERS * len(firsts)):
        outliers[:] = False
    small = (weights <= largest) & ~outliers
    reached = np.cumsum(np.where(small, weights, 0))
    target = fraction * int(reached[-1])
    group = int(np.argmin(np.abs(reached - target)))
    held_out = small & (np.arange(len(firsts)) <= group)
    oversized = (weights > largest) & (counts == 1) & (weights >= RUNNING_TEXT)
    if 2 * weights[oversized].sum() <= positions.sum():
        oversized[:] = False
    lightest = int(np.argmin(weights))
    few = not small.any() and not oversized.any() and not repeated
    if few and weights[lightest] <= positions.sum() / 2:
        held_out[lightest] = True  # hold out one of few lines
    in_validation = np.zeros(len(sequences), np.bool_)
    in_validation[order] = np.repeat(held_out, counts)
    validation = sequences.select(in_validation)
    is_oversized = np.zeros(len(sequences), np.bool_)
    is_oversized[order] = np.repeat(oversized, counts)
    training = sequences.select(~in_validation & ~is_oversized)
    if is_oversized.any():
        rest, pieces = _pieces(sequences.select(is_oversized), fraction, random)
        training, validation = training.concat(rest), validation.concat(pieces)
    return Split(training, validation, repeated, lines=True)


def _by_threshold(sequences: Sequences, fraction: float, keys: Hashes) -> Split:
    """Hold out every line whose key is below a threshold; uses no memory other than the keys."""
    total = sequences.total
    for _ in range(DRAWS):
        in_validation = keys < np.uint64(int(fraction * 2.0**64))
        if sequences.select(in_validation).total <= 1.5 * fraction * total:
            break
        keys = mix_bits(keys)
    return Split(sequences.select(~in_validation), sequences.select(in_validation), lines=True)


def _pieces(
    sequences: Sequences, fraction: float, random: np.random.Generator
) -> tuple[Sequences, Sequences]:
    """Hold out contiguous pieces of running text: one at random in each of several equal sections.

    Equal sequences have the same pieces held out.
    """
    _, first, copy_of = np.unique(sequences.hashes(), return_index=True, return_inverse=True)
    distinct = np.sort(first)
    lengths = sequences.positions[distinct] + 1
    edges = np.concatenate([[0], np.cumsum(lengths)])
    held_out = _draw_pieces(int(edges[-1]), fraction, random)
    gap = min(GAP, int((held_out[:, 1] - held_out[:, 0]).min()) // 4)
    pieces: dict[int, list[tuple[int, int]]] = {}
    for number, start, end in zip(distinct.tolist(), edges[:-1], edges[1:], strict=True):
        inside = np.clip(held_out, start, end) - start
        pieces[number] = [(int(a), int(b)) for a, b in inside[inside[:, 0] < inside[:, 1]]]
    training: list[tuple[int, int]] = []
    validation: list[tuple[int, int]] = []
    for number in range(len(sequences)):
        start, end = int(sequences.starts[number]), int(sequences.ends[number])
        position = start
        for a, b in pieces[int(first[copy_of[number]])]:
            validation.append((start + a, start + b))
            training.append((position, max(position, start + a - gap)))
            position = min(start + b + gap, end)
        training.append((position, end))
    return _spans(sequences, training), _spans(sequences, validation)


def _draw_pieces(symbols: int, fraction: float, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw pieces [K 2] of a text: the first symbol of each, and the symbol after its last."""
    target = symbols * fraction
    fewest = min(SHORT_TEXT_PIECES, int(target / SHORTEST_PIECE))
    count = min(MAX_PIECES, max(int(target / TYPICAL_PIECE), fewest, 1))
    section = symbols / count
    length = round(section * fraction)
    offsets = random.uniform(0, max(section - length, 0), count)
    starts = (np.arange(count) * section + offsets).astype(np.int64)
    return np.stack([starts, np.minimum(starts + length, symbols)], 1)


def _spans(sequences: Sequences, bounds: list[tuple[int, int]]) -> Sequences:
    array = np.array(bounds, sequences.starts.dtype).reshape(-1, 2)
    return Sequences(sequences.ids, array[:, 0], array[:, 1]).with_targets()


def _densest(shifted: Sequence[bool]) -> tuple[int, int]:
    """Return the bounds of the run of pieces in which the shifted ones outnumber the others most."""
    best, first, end, start, excess = 0, 0, 0, 0, 0
    for number, is_shifted in enumerate(shifted):
        if excess <= 0:
            start, excess = number, 0
        excess += 1 if is_shifted else -1
        if excess > best:
            best, first, end = excess, start, number + 1
    return first, end


def _counts(sequences: Sequences, vocabulary_size: int) -> npt.NDArray[np.int64]:
    return np.bincount(sequences.targets(), minlength=vocabulary_size)


def _relative_entropy(counts: npt.NDArray[np.int64], log_p: npt.NDArray[np.float64]) -> float:
    """Return the relative entropy of counts [V] to log-probabilities [V], in nats per symbol.

    Subtracts the bias of small samples.  Source: Miller 1955, "Note on the bias of information estimates".
    """
    total = int(counts.sum())
    if total < FEWEST_SHIFTED:
        return 0.0
    occurs = counts > 0
    q = counts[occurs] / total
    return float((q * (np.log(q) - log_p[occurs])).sum()) - (int(occurs.sum()) - 1) / (2 * total)
