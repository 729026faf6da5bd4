"""What a model predicts at every position of a text: surprisal, rank, and the most probable symbols."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from charseq.inference.scoring import Surprisals, surprisals_of
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax
from charseq.model.sliding_stepper import batch_reader, reader_for
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Ids

TOP = 5
"""The number of most probable symbols of each position."""
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
    logits = _logits(model, ids)
    surprisals = surprisals_of(logits, ids[1:])
    order = np.argsort(-logits, -1, kind="stable")[:, :TOP]
    probabilities = np.exp(np.take_along_axis(log_softmax(logits.astype(np.float64)), order, -1))
    network = ngram = None
    if model.mixture is not None:
        alone = Reader(model.network, model.weights).read_sequence(ids[:-1, None])[:, 0]
        network = surprisals_of(alone, ids[1:]).nats
        q, _ = model.mixture.ngram.read(ids[:-1, None], model.mixture.ngram.start(1))
        chosen = q[np.arange(len(q)), 0, ids[1:]].astype(np.float64)
        ngram = -np.log(np.maximum(chosen, SMALLEST))
    return TextPredictions(ids, surprisals, order.astype(ids.dtype), probabilities, network, ngram)


def _logits(model: Model, ids: Ids) -> Floats:
    """Return the logits, or the log-probabilities of a mixture, at the positions of a text [T V]."""
    if model.window is None:
        logits: Floats = batch_reader(model).read_sequence(ids[:-1, None])[:, 0]
        return logits
    reader = reader_for(model)
    return np.stack([reader.read(ids[t : t + 1])[0].copy() for t in range(len(ids) - 1)])
