"""What a model predicts at every position of a text: surprisal, rank, and the most probable symbols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charseq.inference.scoring import Surprisals, concatenated, surprisals_of
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax
from charseq.model.sliding_stepper import batch_reader, reader_for
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Ids

TOP = 5
"""The number of most probable symbols of each position."""
BLOCK_LOGITS = 1 << 20
"""Logits in memory at once."""
SMALLEST = 1e-30
"""The smallest probability, so that its logarithm is finite."""


@dataclass(frozen=True)
class TextPredictions:
    """The symbols of a text, and the predictions at its T positions: all symbols but the first."""

    ids: Ids
    """[T + 1]."""
    surprisals: Surprisals
    """Those of the model [T]."""
    top: Ids
    """The most probable symbols, in falling order [T TOP]."""
    top_probabilities: npt.NDArray[np.float64]
    """[T TOP]."""
    network_nats: npt.NDArray[np.float64] | None = None
    """The surprisals of the network alone [T]; None without an n-gram model."""
    ngram_nats: npt.NDArray[np.float64] | None = None
    """The surprisals of the n-gram model alone [T]; None without one."""


def predict_text(model: Model, ids: Ids) -> TextPredictions:
    """Read a text of T + 1 symbols from the initial state, and return the predictions of all but the first.

    Raises CharseqError for NaN or infinite logits.
    """
    mixture, step = model.mixture, max(1, BLOCK_LOGITS // len(model.vocabulary))
    read = _reader(model)
    alone = Reader(model.network, model.weights) if mixture else None
    contexts = mixture.ngram.start(1) if mixture else None
    parts: list[TextPredictions] = []
    for start in range(0, len(ids) - 1, step):
        block, targets = ids[start : start + step][: len(ids) - 1 - start], ids[start + 1 : start + 1 + step]
        logits = read(block)
        order = np.argsort(-logits, -1, kind="stable")[:, :TOP]
        probabilities = np.exp(np.take_along_axis(log_softmax(logits.astype(np.float64)), order, -1))
        network = ngram = None
        if mixture and alone and contexts is not None:
            network = surprisals_of(alone.read_sequence(block[:, None])[:, 0], targets).nats
            q, _ = mixture.ngram.read(block[:, None], contexts)
            chosen = q[np.arange(len(q)), 0, targets].astype(np.float64)
            ngram = -np.log(np.maximum(chosen, SMALLEST))
        surprisals = surprisals_of(logits, targets)
        parts.append(
            TextPredictions(block, surprisals, order.astype(ids.dtype), probabilities, network, ngram)
        )
    return _joined(parts, ids)


def _reader(model: Model) -> Callable[[Ids], Floats]:
    """Return what reads symbols [T] -> logits, or the log-probabilities of a mixture [T V]."""
    if model.window is None:
        batch = batch_reader(model)
        return lambda block: batch.read_sequence(block[:, None])[:, 0]
    reader = reader_for(model)
    return lambda block: np.stack([reader.read(block[t : t + 1])[0].copy() for t in range(len(block))])


def _joined(parts: Sequence[TextPredictions], ids: Ids) -> TextPredictions:
    """Join the predictions of consecutive blocks of a text."""
    network = [part.network_nats for part in parts if part.network_nats is not None]
    ngram = [part.ngram_nats for part in parts if part.ngram_nats is not None]
    return TextPredictions(
        ids,
        concatenated([part.surprisals for part in parts]),
        np.concatenate([part.top for part in parts]),
        np.concatenate([part.top_probabilities for part in parts]),
        np.concatenate(network) if network else None,
        np.concatenate(ngram) if ngram else None,
    )
