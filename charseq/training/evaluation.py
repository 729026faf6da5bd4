"""Evaluation of the validation set: whole sequences, in batches of similar length."""

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.model.numpy_ops import log_softmax
from charseq.settings.defaults import FEWEST_HELD_OUT, MOST_POSITIONS
from charseq.text.batches import WHOLE, Batch, Part, row_batches
from charseq.text.sequences import Sequences

if TYPE_CHECKING:
    from charseq.training.learner import Learner

LONGEST_SEQUENCE = 1 << 11
"""Longest validation sequence, in positions; a longer one is cut."""
SHORTEST_SEQUENCE = 64
"""Minimum length to which sequences are cut for a small sample, in positions."""
FEWEST_SEQUENCES = 16
"""Minimum number of sequences of a small sample, unless they would be shorter than SHORTEST_SEQUENCE."""
ROWS = 64
"""Minimum sequences per batch; batches of short sequences have more."""
POSITIONS_AT_ONCE = 1 << 14
"""Positions per batch of short sequences."""
LOGITS_AT_ONCE = 1 << 22
"""Maximum logits per batch and step: 16 MiB, for any vocabulary."""
LONGEST_WEIGHT = 4.0
"""Largest weight of a sequence in the robust loss, in median lengths."""
HIGHEST_LOSS = 4.0
"""Largest loss of a sequence in the robust loss, in median losses."""
OUTLIER_SHARE = 0.05
"""Share of the whole loss above which a sequence can be reported as an outlier."""


class Outlier(NamedTuple):
    """A held-out sequence that dominates the validation loss."""

    sequence: int
    """Index among the validation sequences."""
    positions: int
    loss: float
    """Nats per position."""
    share: float
    """Fraction of the whole validation loss."""


class Evaluation(NamedTuple):
    """Results for S validation sequences: summed losses in nats, correct predictions, positions, all [S]."""

    costs: npt.NDArray[np.float64]
    correct: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    lines: bool = False
    """Whether the sequences are lines, which can be outliers, and not pieces of running text."""

    @property
    def loss(self) -> float:
        """The mean, in nats per position."""
        return float(self.costs.sum() / self.positions.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of positions predicted correctly."""
        return float(self.correct.sum() / self.positions.sum())

    @property
    def robust_loss(self) -> float:
        """A mean in nats per position that no single line dominates: its weight and loss are capped.

        The weight is at most LONGEST_WEIGHT times the median length, the loss at most HIGHEST_LOSS times the
        median loss.  Without outliers, and for running text, it equals `loss`.
        """
        if not self.lines:
            return self.loss
        means = self.costs / self.positions
        weights = np.minimum(self.positions, LONGEST_WEIGHT * np.median(self.positions))
        capped = np.minimum(means, HIGHEST_LOSS * np.median(means))
        return float((weights * capped).sum() / weights.sum())

    def outliers(self) -> list[Outlier]:
        """Return the sequences that dominate the loss, worst first; none if there are too few to compare."""
        if not self.lines or len(self.costs) < 10 or not self.costs.sum() > 0:
            return []
        means, shares = self.costs / self.positions, self.costs / self.costs.sum()
        long = self.positions > LONGEST_WEIGHT * np.median(self.positions)
        stands_out = (shares > OUTLIER_SHARE) & (long | (means > HIGHEST_LOSS * np.median(means)))
        order = sorted(np.flatnonzero(stands_out).tolist(), key=lambda i: -shares[i])
        return [Outlier(i, int(self.positions[i]), float(means[i]), float(shares[i])) for i in order]


class ValidationSet:
    """Held-out sequences, cut and sampled for evaluation."""

    def __init__(self, held_out: Sequences, vocabulary_size: int, *, lines: bool = False) -> None:
        self.lines = lines
        self.offsets = np.zeros(0, np.int64)
        """The number of positions before each sequence [S]."""
        self._all = held_out.cut(LONGEST_SEQUENCE).subsample(MOST_POSITIONS)
        self._steps_by_vocabulary = LOGITS_AT_ONCE // vocabulary_size
        self.limit(MOST_POSITIONS)

    def limit(self, positions: int) -> None:
        """Evaluate about this number of positions at most, sampled evenly from the held-out text."""
        self.limited = positions
        sequences = self._all
        if positions < self._all.total:
            longest = max(SHORTEST_SEQUENCE, min(LONGEST_SEQUENCE, positions // FEWEST_SEQUENCES))
            sequences = self._all.cut(longest).subsample(positions)
        lengths = sequences.positions
        self._read(sequences, np.cumsum(lengths) - lengths)

    def subset(self, positions: int) -> "ValidationSet":
        """Return evenly spaced sequences with about this number of positions at most."""
        subset = copy.copy(self)
        chosen = self.sequences.spaced(positions)
        subset._read(self.sequences.select(chosen), self.offsets[chosen])
        return subset

    def _read(self, sequences: Sequences, offsets: npt.NDArray[np.int64]) -> None:
        """Evaluate these sequences."""
        self.sequences, self.offsets = sequences, offsets
        lengths = sequences.positions
        self.positions = int(lengths.sum())
        order = np.argsort(-lengths, kind="stable")
        self._groups: list[npt.NDArray[np.int64]] = []
        first = 0
        while first < len(order):
            rows = max(ROWS, POSITIONS_AT_ONCE // int(lengths[order[first]]))
            self._groups.append(order[first : first + rows])
            first += rows

    def by_frequencies(self, logits: npt.NDArray[np.floating[Any]]) -> Evaluation:
        """Evaluate a network that gives the same logits [V] everywhere."""
        log_p = np.asarray(log_softmax(logits.astype(np.float64)), np.float64)
        lengths, targets = self.sequences.positions, self.sequences.targets()
        opens = np.cumsum(lengths) - lengths
        correct = np.add.reduceat((targets == logits.argmax()).astype(np.int64), opens)
        return Evaluation(-np.add.reduceat(log_p[targets], opens), correct, lengths, self.lines)

    @property
    def chooses(self) -> bool:
        """Whether its loss is reliable enough to choose the best epoch."""
        return self.positions >= FEWEST_HELD_OUT

    def evaluate(self, learner: "Learner") -> Evaluation:
        """Evaluate a network alone."""
        return learner.evaluate(self)

    def groups(self, part: Part = WHOLE) -> Iterator[tuple[npt.NDArray[np.int64], Iterator[Batch]]]:
        """Yield indices of sequences [R], and the batches that read them in rows of that order.

        Of every group of sequences, only the rows of a `part` are read.
        """
        for group in self._groups:
            numbers = group[part.rows(len(group))]
            if len(numbers):
                steps = max(1, self._steps_by_vocabulary // len(numbers))
                yield numbers, row_batches([self.sequences[i] for i in numbers.tolist()], min(steps, 256))
