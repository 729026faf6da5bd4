"""Classify texts with a model of labeled lines, without torch: likelihood times prior, of every label."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError
from charseq.inference.scoring import BLOCK_LOGITS
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.sliding_stepper import batch_reader
from charseq.text.labels import no_labels
from charseq.text.vocabulary import Ids

Prior = Literal["training", "uniform"]
"""The probability of a label before its text is read: by its training lines, or the same for all."""
ROWS = 512
"""Rows that are read together: a row for each text and label."""
SMOOTHING = 0.5
"""Added to the number of training lines of each label: a label whose lines are all held out is possible."""


class Classification(NamedTuple):
    """The labels of a text, the most probable first, with their probabilities."""

    text: str
    labels: dict[str, float]

    @property
    def label(self) -> str:
        """The most probable label."""
        return next(iter(self.labels))

    @property
    def probability(self) -> float:
        """The probability of the most probable label."""
        return self.labels[self.label]


@dataclass(frozen=True)
class Classifier:
    """Finds the label of texts by P(label) P(text, end of line | label)."""

    model: Model
    prior: Prior = "training"

    def __post_init__(self) -> None:
        """Raise UsageError for a model without labels, and for an unknown prior."""
        if not self.model.vocabulary.labels:
            raise no_labels("classify")
        if self.prior not in get_args(Prior):
            raise UsageError(f"invalid prior: {self.prior!r}", hint=f"use {' or '.join(get_args(Prior))}")

    def classify(self, texts: Sequence[str], targets: Iterable[Ids]) -> Iterator[Classification]:
        """Yield the classifications of texts, in order.

        `targets` are the ids to predict of each text, with the boundary at its end, and without a label.
        Raises CharseqError for NaN or infinite logits.
        """
        names = self.model.vocabulary.label_names
        joint = self.log_likelihoods([*targets]) + self.log_prior()
        p = np.exp(joint - joint.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        for text, row in zip(texts, p, strict=True):
            order = np.argsort(-row, kind="stable").tolist()
            yield Classification(text, {names[i]: float(row[i]) for i in order})

    def log_prior(self) -> npt.NDArray[np.float64]:
        """Return the logarithm of each label's prior probability [L]."""
        counts = np.array(self.model.label_counts, np.float64) + SMOOTHING
        if self.prior == "uniform":
            return np.full(len(counts), -math.log(len(counts)))
        return np.asarray(np.log(counts / counts.sum()))

    def log_likelihoods(self, targets: Sequence[Ids]) -> npt.NDArray[np.float64]:
        """Return log P(text, end of line | label) of every text and label [N L], in nats."""
        labels = len(self.model.vocabulary.labels)
        out = np.zeros((len(targets), labels))
        order = sorted(range(len(targets)), key=lambda index: -len(targets[index]))
        step = max(1, ROWS // labels)
        for first in range(0, len(order), step):
            batch = order[first : first + step]
            out[batch] = self._read([targets[index] for index in batch])
        return out

    def _read(self, texts: Sequence[Ids]) -> npt.NDArray[np.float64]:
        """Score texts in falling order of length [B] after every label -> log-likelihoods [B L]."""
        vocabulary = self.model.vocabulary
        labels, size = len(vocabulary.labels), len(vocabulary)
        lengths = np.array([len(text) for text in texts])
        ids = np.zeros((len(texts), 1 + int(lengths[0])), np.int64)
        for row, text in zip(ids, texts, strict=True):
            row[1 : 1 + len(text)] = text
        read = np.repeat(vocabulary.replace_unknown(ids), labels, 0)
        read[:, 0] = np.tile(vocabulary.labels, len(texts))
        targets = np.repeat(ids, labels, 0)
        totals = np.zeros(len(read))
        reader = batch_reader(self.model, len(read))
        steps = max(1, BLOCK_LOGITS // (len(read) * size))
        for start in range(0, int(lengths[0]), steps):
            active = int((lengths > start).sum()) * labels
            reader.keep(range(active))
            stop = min(start + steps, int(lengths[0]))
            logits = reader.read_sequence(read[:active, start:stop].T)
            log_p = _log_probabilities(logits, targets[:active, start + 1 : stop + 1].T)
            live = np.arange(start, stop)[:, None] < np.repeat(lengths, labels)[:active]
            totals[:active] += np.where(live, log_p, 0.0).sum(0)
        return totals.reshape(len(texts), labels)


def _log_probabilities(logits: Floats, targets: Ids) -> npt.NDArray[np.float64]:
    """Return the log-probabilities [T B] of targets [T B] under logits [T B V]; V is the least probable."""
    require_finite(logits)
    log_p = log_softmax(logits)
    unknown = targets == logits.shape[-1]
    found = np.take_along_axis(log_p, np.where(unknown, 0, targets)[..., None], -1)[..., 0]
    if unknown.any():
        found[unknown] = log_p[unknown].min(-1)
    return found.astype(np.float64)


class Confusions:
    """How often texts of each actual label got each predicted label."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """By the actual and the predicted label."""

    def add(self, actual: str, predicted: str) -> None:
        """Count a text."""
        self.counts[actual, predicted] += 1

    @property
    def texts(self) -> int:
        """The number of texts."""
        return self.counts.total()

    @property
    def correct(self) -> int:
        """The number of texts that got their label."""
        return sum(count for (actual, predicted), count in self.counts.items() if actual == predicted)

    @property
    def accuracy(self) -> float:
        """The fraction of texts that got their label."""
        return self.correct / self.texts if self.texts else 0.0

    def table(self) -> dict[str, dict[str, int]]:
        """Return the counts by actual, then by predicted label, both sorted."""
        table: dict[str, dict[str, int]] = {}
        for (actual, predicted), count in sorted(self.counts.items()):
            table.setdefault(actual, {})[predicted] = count
        return table
