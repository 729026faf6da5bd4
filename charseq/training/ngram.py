"""Count the n-gram model of a text, and read the validation set with it.  Never imports torch."""

import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.comparison import NgramResult
from charseq.model.ngram import NgramModel
from charseq.model.ngram_counting import MAX_COUNTED, count_ngrams
from charseq.model.ngram_merging import merge
from charseq.model.ngram_order import ORDERS, Choice, choose_order, hold_out
from charseq.model.numpy_ops import Floats
from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.text.batches import Batch
from charseq.text.corpus import AnyCorpus
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Vocabulary
from charseq.training.data import TrainingData
from charseq.training.evaluation import Evaluation, ValidationSet

COUNTED_PER_SECOND = 100_000
"""Symbols that the n-gram model counts for each second of a time limit: about a tenth of what it could."""
MIN_COUNTED = 1 << 16
"""Symbols that the n-gram model may always count."""
MIN_TO_CHOOSE = 100
"""Positions of a text from which its order is chosen; for a shorter text it is the smallest."""
BLOCKS = 16
"""Blocks of the held-out text, of which every other one belongs to the same half."""
SMALLEST = Choice(ORDERS[0], math.nan)
"""The choice for a text that is too short to choose from."""
NOTHING = np.zeros((0, 0), np.float32)


def count_model(
    strings: Sequences,
    vocabulary_size: int,
    order: int | None,
    *,
    lines: bool,
    time_limit: float | None,
    known: NgramModel | None = None,
    labels: tuple[int, ...] = (),
) -> NgramModel:
    """Count the n-gram model of a text.

    Without an order, it has the one that predicts a part of the text best.  A time limit, in seconds, limits
    how many symbols are counted.  Fine-tuning adds the counts to those of a `known` model of the same order
    if they predict that part better than the text alone, and never those of `labels`, each of which has
    n-grams of its own.
    """
    most = int(min(MAX_COUNTED, max(MIN_COUNTED, COUNTED_PER_SECOND * (time_limit or math.inf))))
    choice = SMALLEST
    count = partial(count_ngrams, vocabulary_size=vocabulary_size, lines=lines, labels=labels)
    extends = known is not None and not labels and order in (None, known.order)
    if strings.total >= MIN_TO_CHOOSE and (extends or not order):
        choice = choose_order(strings, vocabulary_size, lines=lines, labels=labels, most=most)
    if known is not None and extends:
        rest, tested = hold_out(strings, vocabulary_size, most)
        together = merge(known, count(rest, known.order)).model(known.order)
        if math.isnan(choice.loss) or together.loss(tested) <= choice.loss:
            return merge(known, count(strings, known.order, most=most)).model(known.order)
    order = order or choice.order
    return count(strings, order, most=most).model(order)


def measure(corpus: AnyCorpus, vocabulary: Vocabulary, settings: TrainSettings) -> NgramResult:
    """Count an n-gram model on the training text of a run with these settings, and evaluate it.

    Its validation set is all that a run without a time limit evaluates.  Raises TextError for a text that is
    too short for the fraction to hold out.
    """
    data = TrainingData(corpus, vocabulary, settings)
    began = running_time()
    ngram = count_model(
        data.strings,
        len(vocabulary),
        settings.ngram,
        lines=corpus.lines,
        labels=vocabulary.labels,
        time_limit=settings.time_limit,
    )
    seconds = running_time() - began
    loss = evaluate_alone(ngram, data.validation).loss if data.validation else None
    data.release()
    return NgramResult(ngram.order, ngram.size, loss, seconds)


class Predicted(NamedTuple):
    """P validation positions of a batch, in the order of time and rows."""

    rows: npt.NDArray[np.int64]
    """The row of the batch."""
    half: npt.NDArray[np.int64]
    """0 or 1: the half of the held-out text that a position is in."""
    targets: npt.NDArray[np.int64]
    q: Floats
    """The probabilities of the n-gram model [P V]."""
    depths: npt.NDArray[np.int32]
    """The lengths of its longest known contexts."""
    logits: Floats
    """Those of the network [P V]; empty without a network, as is `hidden`."""
    hidden: Floats
    """The inputs of the head [P H]."""


def read_batches(
    ngram: NgramModel,
    numbers: npt.NDArray[np.int64],
    outputs: Iterable[tuple[Batch, Floats | None, Floats | None]],
    validation: ValidationSet,
    total: int,
) -> Iterator[Predicted]:
    """Yield the positions of batches that read the sequences `numbers`, each with hs and logits.

    `total`: the number of positions of the whole held-out text, which has two halves.
    """
    contexts, read = ngram.start(len(numbers)), validation.offsets[numbers]
    for batch, hidden, logits in outputs:
        live = batch.weights.T > 0
        q, depths = ngram.read(batch.inputs.T, contexts)
        steps, rows = np.nonzero(live)
        yield Predicted(
            rows,
            (read[rows] + steps) * BLOCKS // total % 2,
            batch.targets.T[live],
            q[live],
            depths[live],
            *(NOTHING if each is None else each.swapaxes(0, 1)[live] for each in (logits, hidden)),
        )
        read = read + batch.inputs.shape[1]


def read_alone(
    ngram: NgramModel, validation: ValidationSet
) -> Iterator[tuple[npt.NDArray[np.int64], Predicted]]:
    """Yield the sequence of each position of a batch [P], and the positions, without a network."""
    for numbers, batches in validation.groups():
        outputs = ((batch, None, None) for batch in batches)
        for p in read_batches(ngram, numbers, outputs, validation, validation.sequences.total):
            yield numbers[p.rows], p


def evaluate_alone(ngram: NgramModel, validation: ValidationSet) -> Evaluation:
    """Evaluate the n-gram model alone on the validation set."""
    sequences = validation.sequences
    costs, correct = np.zeros(len(sequences)), np.zeros(len(sequences), np.int64)
    for sequence, p in read_alone(ngram, validation):
        log_q = np.log(p.q[np.arange(len(p.targets)), p.targets])
        costs -= sums(sequence, log_q, len(sequences))
        correct += np.bincount(sequence[p.q.argmax(-1) == p.targets], minlength=len(sequences))
    return Evaluation(costs, correct, sequences.positions, validation.lines)


def sums(
    sequence: npt.NDArray[np.int64], values: npt.NDArray[Any], sequences: int
) -> npt.NDArray[np.float64]:
    """Sum the values [P] of each sequence [S]."""
    return np.bincount(sequence, values, sequences).astype(np.float64)
