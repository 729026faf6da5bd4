"""Score texts with a trained model, without torch: the surprisal and the rank of every symbol."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError
from charseq.inference.copies import Copies
from charseq.model.mixed_reader import MixedReader
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.sliding_stepper import batch_reader
from charseq.model.stepper import Reader
from charseq.text.vocabulary import Ids
from charseq.text.windows import Window

BATCH_SIZE = 64
"""Texts per batch."""
SORTED_TEXTS = 4096
"""Maximum number of texts that are sorted by length, so that a batch has texts of similar length."""
SORTED_SYMBOLS = 1 << 22
"""Symbols after which no further text joins the texts to sort."""
BLOCK_POSITIONS = 1 << 14
"""Positions per call of the network, over all texts of a batch."""
BLOCK_LOGITS = 1 << 18
"""Maximum number of logits in memory at once."""
LARGEST_EXPONENT = 700.0
"""Nats above which a perplexity would overflow."""


class Surprisals(NamedTuple):
    """The symbols at N consecutive positions of a text, and how the model predicted them.  All [N]."""

    ids: Ids
    """The symbols; V for an unknown one."""
    nats: npt.NDArray[np.float64]
    """The negative natural logarithm of each symbol's probability."""
    ranks: npt.NDArray[np.int32]
    """1 plus the number of more probable symbols."""
    best: Ids
    """The most probable symbols."""

    def positions(self) -> Iterator[tuple[int, float, int, int]]:
        """Yield the symbol's id, its surprisal in bits, its rank and the most probable symbol's id."""
        bits = self.nats / math.log(2)
        return zip(*(field.tolist() for field in (self.ids, bits, self.ranks, self.best)), strict=True)


class TotalScore:
    """The measures of a text, summed over the parts that are added."""

    def __init__(self, characters: int = 0, nats: float = 0.0) -> None:
        self.characters = characters
        """Positions scored: symbols after the first, or, in a model of lines, all symbols and the end."""
        self.nats = nats

    def add(self, surprisals: Surprisals) -> None:
        """Add a part of the text."""
        self.characters += len(surprisals.nats)
        self.nats += math.fsum(surprisals.nats)

    def include(self, other: "TotalScore") -> None:
        """Add another text."""
        self.characters += other.characters
        self.nats += other.nats

    @property
    def nats_per_character(self) -> float | None:
        """The cross-entropy in nats, which training reports as the loss; None without a position."""
        return self.nats / self.characters if self.characters else None

    @property
    def bits_per_character(self) -> float | None:
        """The cross-entropy in bits; None without a position."""
        return None if self.nats_per_character is None else self.nats_per_character / math.log(2)

    @property
    def perplexity(self) -> float | None:
        """The exponential of the cross-entropy in nats; None without a position."""
        if self.nats_per_character is None:
            return None
        return math.exp(min(self.nats_per_character, LARGEST_EXPONENT))


@dataclass
class ScoredText:
    """A text and its surprisals.  Both are computed again at every call if the text is a large file."""

    source: str
    """The file's name; empty for an argument."""
    number: int
    """The line number in the file, or the argument's number, from 1."""
    pieces: Callable[[], Iterable[str]]
    """Returns the text."""
    surprisals: Callable[[], Iterable[Surprisals]]
    """Returns the surprisals, part by part."""
    unknown: int = 0
    """Number of unknown symbols that were skipped or replaced."""
    copies: Copies | None = None
    """The copies in the text; None if they were not searched for."""
    label: str | None = None
    """The label of the text, for a model with labels."""

    @cached_property
    def total(self) -> TotalScore:
        """The measures of the whole text."""
        total = TotalScore()
        for part in self.surprisals():
            total.add(part)
        return total


class Scorer(Protocol):
    """Scores the targets of encoded texts."""

    def texts(self, texts: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score texts that do not depend on each other, in order."""

    def lines(self, texts: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score lines, in order."""

    def stream(self, pieces: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score one text that comes in pieces of any size."""


@dataclass
class BatchScorer:
    """Scores texts in batches, with a model that stays as it is."""

    model: Model
    batch_size: int = BATCH_SIZE

    def texts(self, texts: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score texts, as `score_texts` does."""
        return score_texts(self.model, texts, self.batch_size)

    lines = texts

    def stream(self, pieces: Iterable[Ids]) -> Iterator[Surprisals]:
        """Score one text, as `score_stream` does."""
        return score_stream(self.model, pieces)


def score_texts(model: Model, texts: Iterable[Ids], batch_size: int = BATCH_SIZE) -> Iterator[Surprisals]:
    """Score texts, each from the initial state, in order.

    `texts` are the targets of encoded texts, with boundary symbols.  V is the least probable symbol, and is
    read as the vocabulary's replacement.  Raises CharseqError for NaN or infinite logits.
    """
    window = model.window
    if window is None:
        yield from _score_batches(model, texts, batch_size)
        return
    for text in texts:
        yield concatenated([*_score_windows(model, window, text, batch_size)])


def score_stream(model: Model, pieces: Iterable[Ids]) -> Iterator[Surprisals]:
    """Score one text that comes in pieces of any size, carrying the state.

    Raises TextError for a model of lines, CharseqError for NaN or infinite logits.
    """
    if model.vocabulary.boundary:
        raise TextError("a model of lines reads lines, not a text of them", hint="add --lines")
    if model.window:
        text = [*pieces]
        yield from _score_windows(model, model.window, np.concatenate(text)) if text else ()
        return
    reader = batch_reader(model)
    last: Ids | None = None
    for block in _blocks(pieces):
        ids = block if last is None else np.concatenate([last, block])
        last = ids[-1:]
        if len(ids) > 1:
            yield _select(_score_block(reader, model, ids[None]), (0, slice(len(ids) - 1)))


def _score_windows(
    model: Model, window: Window, text: Ids, batch_size: int = BATCH_SIZE
) -> Iterator[Surprisals]:
    """Yield the surprisals of a text window by window, each position once."""
    for number, surprisals in enumerate(_score_batches(model, window.cut(text), batch_size)):
        yield _select(surprisals, window.own(number))


def _score_batches(model: Model, texts: Iterable[Ids], batch_size: int) -> Iterator[Surprisals]:
    """Yield the surprisals of texts in order; texts of similar length share a batch."""
    for group in _groups(texts):
        by_length = sorted(range(len(group)), key=lambda index: -len(group[index]))
        scored: dict[int, Surprisals] = {}
        for start in range(0, len(by_length), batch_size):
            batch = by_length[start : start + batch_size]
            scored.update(zip(batch, _score_batch(model, [group[index] for index in batch]), strict=True))
        for index in range(len(group)):
            yield scored.pop(index)


def _groups(texts: Iterable[Ids]) -> Iterator[list[Ids]]:
    """Yield the texts in groups of limited size."""
    group: list[Ids] = []
    symbols = 0
    for text in texts:
        group.append(text)
        symbols += len(text)
        if len(group) == SORTED_TEXTS or symbols > SORTED_SYMBOLS:
            yield group
            group, symbols = [], 0
    if group:
        yield group


def _blocks(pieces: Iterable[Ids]) -> Iterator[Ids]:
    """Yield the ids in blocks of one size, so that rounding does not depend on the pieces."""
    waiting: list[Ids] = []
    length = 0
    for piece in pieces:
        start = 0
        while len(piece) - start >= BLOCK_POSITIONS - length:
            end = start + BLOCK_POSITIONS - length
            yield np.concatenate([*waiting, piece[start:end]])
            start, waiting, length = end, [], 0
        waiting.append(piece[start:])
        length += len(waiting[-1])
    if length:
        yield np.concatenate(waiting)


def _score_batch(model: Model, texts: Sequence[Ids]) -> list[Surprisals]:
    """Score texts in falling order of length."""
    counts = [max(len(text) - 1, 0) for text in texts]
    active = sum(count > 0 for count in counts)
    reader = batch_reader(model, max(active, 1))
    blocks: list[list[Surprisals]] = [[] for _ in texts]
    length = max(1, BLOCK_POSITIONS // max(active, 1))
    for start in range(0, counts[0], length):
        active = sum(count > start for count in counts)
        reader.keep(range(active))
        ids = np.zeros((active, min(length, counts[0] - start) + 1), texts[0].dtype)
        for row, text in enumerate(texts[:active]):
            part = text[start : start + length + 1]
            ids[row, : len(part)] = part
        surprisals = _score_block(reader, model, ids)
        for row in range(active):
            blocks[row].append(_select(surprisals, (row, slice(counts[row] - start))))
    empty = surprisals_of(np.zeros((0, len(model.vocabulary)), np.float32), texts[0][:0])
    return [concatenated(parts) if parts else empty for parts in blocks]


def _score_block(reader: Reader | MixedReader, model: Model, ids: Ids) -> Surprisals:
    """Read ids [B T+1] but the last of each row, and score all but the first [B T]."""
    rows, length = ids.shape[0], ids.shape[1] - 1
    steps = max(1, BLOCK_LOGITS // (rows * len(model.vocabulary)))
    read = model.vocabulary.replace_unknown(ids)
    parts = []
    for start in range(0, length, steps):
        targets = ids[:, start + 1 : start + 1 + steps]
        logits = reader.read_sequence(read[:, start : start + targets.shape[1]].T).swapaxes(0, 1)
        parts.append(surprisals_of(logits, targets))
    return concatenated(parts, axis=1)


def surprisals_of(logits: Floats, targets: Ids) -> Surprisals:
    """Return the surprisals [...] of targets [...] under logits [... V]."""
    require_finite(logits)
    log_p = np.asarray(log_softmax(logits.astype(np.float64)), np.float64)
    unknown = targets == logits.shape[-1]
    nats = -np.take_along_axis(log_p, np.where(unknown, 0, targets)[..., None].astype(np.intp), -1)
    if unknown.any():
        nats[unknown] = -log_p[unknown].min(-1, keepdims=True)
    nats += 0.0  # a certain symbol has 0 nats, not -0
    ranks = 1 + (log_p > -nats).sum(-1, dtype=np.int32)
    ranks[unknown] = logits.shape[-1]
    return Surprisals(targets, nats[..., 0], ranks, logits.argmax(-1).astype(targets.dtype))


def _select(surprisals: Surprisals, positions: "slice | tuple[int, slice]") -> Surprisals:
    """Return the surprisals at some positions."""
    return Surprisals._make(field[positions] for field in surprisals)


def concatenated(parts: Sequence[Surprisals], axis: int = 0) -> Surprisals:
    """Join parts of a text, or of a batch."""
    return Surprisals._make(np.concatenate(field, axis) for field in zip(*parts, strict=True))
