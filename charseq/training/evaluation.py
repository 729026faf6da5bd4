"""The held-out text as it is evaluated: sequences from their beginnings, of like length side by side."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.model.numpy_ops import log_softmax
from charseq.settings.defaults import FEWEST_HELD_OUT
from charseq.text.batches import Batch, side_by_side
from charseq.text.sequences import Sequences

MOST_POSITIONS = 1 << 17
"""Positions of a larger held-out text that are measured, evenly spaced over it."""
LONGEST_SEQUENCE = 1 << 11
"""Positions read with the state carried; a longer stretch of held-out text is cut."""
ROWS = 64
"""Sequences read side by side, more of them where they are short."""
POSITIONS_AT_ONCE = 1 << 14
LOGITS_AT_ONCE = 1 << 22
"""Numbers of logits computed at once: 16 MiB, however large the vocabulary."""
LONGEST_WEIGHT = 4.0
"""Times the median length: the most that one sequence counts in the robust loss."""
HIGHEST_LOSS = 4.0
"""Times the median loss of all sequences: the most that a sequence has in the robust loss."""
OUTLIER_SHARE = 0.05
"""Of the whole loss: a sequence is reported as an outlier where it has more, and its loss is capped."""


class Outlier(NamedTuple):
    """A held-out sequence that dominates the validation loss."""

    sequence: int
    """Its number among the held-out sequences."""
    positions: int
    loss: float
    """Nats per position."""
    share: float
    """Of the whole validation loss, 0 to 1."""


class Evaluation(NamedTuple):
    """The losses of held-out sequences: summed costs in nats, correct predictions, positions, all [S]."""

    costs: npt.NDArray[np.float64]
    correct: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    lines: bool = False
    """Whether the sequences are lines, any of which may be an outlier; not pieces of running text."""

    @property
    def loss(self) -> float:
        """The plain mean, in nats per position."""
        return float(self.costs.sum() / self.positions.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of positions predicted correctly."""
        return float(self.correct.sum() / self.positions.sum())

    @property
    def robust_loss(self) -> float:
        """A mean that no single sequence dominates: its weight and its own mean loss are capped.

        A sequence counts for at most LONGEST_WEIGHT times the median length, with at most HIGHEST_LOSS times
        the median loss.  Where no sequence stands out, and of running text, it is the plain mean.
        """
        if not self.lines:
            return self.loss
        means = self.costs / self.positions
        weights = np.minimum(self.positions, LONGEST_WEIGHT * np.median(self.positions))
        capped = np.minimum(means, HIGHEST_LOSS * np.median(means))
        return float((weights * capped).sum() / weights.sum())

    def outliers(self) -> list[Outlier]:
        """Sequences that dominate the loss, worst first; none where there are too few to compare."""
        if not self.lines or len(self.costs) < 10 or not self.costs.sum() > 0:
            return []
        means, shares = self.costs / self.positions, self.costs / self.costs.sum()
        long = self.positions > LONGEST_WEIGHT * np.median(self.positions)
        stands_out = (shares > OUTLIER_SHARE) & (long | (means > HIGHEST_LOSS * np.median(means)))
        order = sorted(np.flatnonzero(stands_out).tolist(), key=lambda i: -shares[i])
        return [Outlier(i, int(self.positions[i]), float(means[i]), float(shares[i])) for i in order]


class ValidationSet:
    """Held-out sequences, cut and thinned to what is measured."""

    def __init__(self, held_out: Sequences, vocabulary_size: int, *, lines: bool = False) -> None:
        self.lines = lines
        self._all = held_out.cut(LONGEST_SEQUENCE).thinned(MOST_POSITIONS)
        self._steps_by_vocabulary = LOGITS_AT_ONCE // vocabulary_size
        self.limit(MOST_POSITIONS)

    def limit(self, positions: int) -> None:
        """Measure at most about this number of positions, evenly spaced over the held-out text."""
        self.sequences = self._all.thinned(positions)
        lengths = self.sequences.positions
        self.positions = int(lengths.sum())
        order = np.argsort(-lengths, kind="stable")
        self._groups: list[npt.NDArray[np.int64]] = []
        first = 0
        while first < len(order):
            rows = max(ROWS, POSITIONS_AT_ONCE // int(lengths[order[first]]))
            self._groups.append(order[first : first + rows])
            first += rows

    def by_frequencies(self, logits: npt.NDArray[np.floating[Any]]) -> Evaluation:
        """Measure a network that gives the same logits [V] everywhere."""
        log_p = np.asarray(log_softmax(logits.astype(np.float64)), np.float64)
        lengths, targets = self.sequences.positions, self.sequences.targets()
        opens = np.cumsum(lengths) - lengths
        correct = np.add.reduceat((targets == logits.argmax()).astype(np.int64), opens)
        return Evaluation(-np.add.reduceat(log_p[targets], opens), correct, lengths, self.lines)

    @property
    def chooses(self) -> bool:
        """Whether it is large enough for its loss to choose the best epoch."""
        return self.positions >= FEWEST_HELD_OUT

    def groups(self) -> Iterator[tuple[npt.NDArray[np.int64], Iterator[Batch]]]:
        """Numbers of sequences [R], and batches that read them in rows in that order."""
        for numbers in self._groups:
            steps = max(1, self._steps_by_vocabulary // len(numbers))
            yield numbers, side_by_side([self.sequences[i] for i in numbers.tolist()], min(steps, 256))
