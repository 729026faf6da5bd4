"""Score texts with a model that learns from each window after it has scored it: dynamic evaluation.

No score depends on the text after it.  The recurrent layers stay as they were trained; the head, the gate of
the mixture, and counts of the n-grams in the text adapt.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from charseq.errors import UsageError
from charseq.inference.scoring import Surprisals, concatenated, surprisals_of
from charseq.model.adaptive_head import AdaptiveGate, AdaptiveHead
from charseq.model.mixture import SMALLEST
from charseq.model.model_file import Model
from charseq.model.ngram_cache import NgramCache
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Ids

WINDOW = 32
"""Symbols that are scored before the model learns from them."""


def require_adaptable(model: Model, option: str = "--adapt") -> None:
    """Raise UsageError for a model of memorized text, or one that reads windows of text."""
    if model.memorized or model.window:
        kind = "memorized its text" if model.memorized else "reads overlapping windows (--stride)"
        raise UsageError(
            f"{option} requires a model that was trained on longer text, and this one {kind}",
            hint=f"leave {option} out, or use another model",
        )


class AdaptingScorer:
    """Scores texts, each with the model as it was trained, or lines that it learns from in order."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lines = _AdaptingModel(model)

    def texts(self, texts: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score the targets of encoded texts, each with the trained model, as `scoring.score_texts` does."""
        return (_AdaptingModel(self._model).score_text(text) for text in texts)

    def lines(self, texts: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score lines, each from the initial state, with what was learned from all lines before."""
        return map(self._lines.score_text, texts)

    def stream(self, pieces: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score one text that comes in pieces of any size, with the trained model."""
        return _AdaptingModel(self._model).score(pieces)


class _AdaptingModel:
    """A copy of a model that learns."""

    def __init__(self, model: Model) -> None:
        self._vocabulary = model.vocabulary
        self._reader = Reader(model.network, model.weights)
        self._head = AdaptiveHead(model.weights.head)
        self._gate = AdaptiveGate(model.mixture) if model.mixture else None
        self._cache = NgramCache()
        self._seen: list[tuple[Floats, Floats]] = []
        """Inputs of the head, and gradients of its logits, from which it will learn."""

    def score_text(self, text: Ids) -> Surprisals:
        """Score the targets of an encoded text."""
        empty = surprisals_of(np.zeros((0, len(self._vocabulary))), text[:0])
        return concatenated([empty, *self.score([text])])

    def score(self, pieces: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score a text from the initial state, window by window."""
        self._reader.restart([0])
        self._cache.start()
        if self._gate:
            self._gate.start()
        for ids in _windows(pieces):
            yield self._score_window(ids)

    def _score_window(self, ids: Ids) -> Surprisals:
        """Score all symbols but the first, and then learn from them."""
        read, targets = self._vocabulary.replace_unknown(ids)[:-1], ids[1:]
        hs = np.zeros((WINDOW, self._reader.output.shape[0]), np.float32)
        hs[: len(read)] = self._reader.advance_sequence(read[:, None])[:, 0]
        logits = self._head.logits(hs)[: len(read)]  # rounding depends on the number of rows, so it is fixed
        require_finite(logits)
        hs = hs[: len(read)]
        p = network = np.asarray(np.exp(log_softmax(logits.astype(np.float64))), np.float64)
        if self._gate:
            p = self._gate.mix(read, hs, logits, network)
        sharpened = p.copy()
        self._cache.sharpen(sharpened, read)
        surprisals = surprisals_of(np.log(np.maximum(sharpened, SMALLEST)), targets)
        self._learn(read, targets, hs, network)
        return surprisals

    def _learn(self, read: Ids, targets: Ids, hs: Floats, p: Floats) -> None:
        """Learn from the targets [P] after symbols that were read [P], which the network gave p [P V]."""
        known = targets != len(self._vocabulary)
        self._cache.learn(read, targets, known)
        if self._gate:
            self._gate.learn(targets, known)
        at = np.flatnonzero(known)
        gradient = p[at].astype(np.float32)
        gradient[np.arange(len(at)), targets[at]] -= 1
        self._seen.append((hs[at], gradient))
        if (count := sum(len(seen) for seen, _ in self._seen)) >= WINDOW:
            inputs, gradients = map(np.concatenate, zip(*self._seen, strict=True))
            self._head.learn(inputs, gradients / np.float32(count))
            self._seen = []


def _windows(pieces: Iterable[Ids]) -> Iterator[Ids]:
    """Yield the windows of a text: WINDOW + 1 symbols, of which the last begins the next window."""
    waiting: Ids | None = None
    for piece in pieces:
        ids = piece if waiting is None else np.concatenate([waiting, piece])
        last = max(0, (len(ids) - 1) // WINDOW) * WINDOW
        for start in range(0, last, WINDOW):
            yield ids[start : start + WINDOW + 1]
        waiting = ids[last:]
    if waiting is not None and len(waiting) > 1:
        yield waiting
