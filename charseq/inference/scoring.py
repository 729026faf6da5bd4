"""How surprising texts are to a trained model, symbol by symbol, without torch."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax, require_finite
from charseq.model.stepper import Reader
from charseq.text.units import Unknown
from charseq.text.vocabulary import Ids
from charseq.text.windows import Window

ROWS = 64
"""Texts that are read side by side ..."""
SORTED = 4096
"""... of so many, so that those of about the same length are; fewer where they have ..."""
SYMBOLS = 1 << 22
"""... more symbols than these."""
PLACES = 1 << 14
"""Places that are looked at at once ..."""
NUMBERS = 1 << 18
"""... in parts of so many logits."""


class Surprise(NamedTuple):
    """Places of a text: which symbol stood there, and what the model had thought of it.  All [N]."""

    ids: Ids
    """V for one that the model does not know."""
    nats: npt.NDArray[np.float64]
    """How surprising it was: the negative logarithm of its probability."""
    ranks: npt.NDArray[np.int32]
    """1 where none was thought likelier."""
    best: Ids
    """The symbol that was thought the likeliest."""

    def places(self) -> Iterator[tuple[int, float, int, int]]:
        """For each place the symbol, its surprise in bits, its rank, and the likeliest symbol."""
        bits = self.nats / math.log(2)
        return zip(*(field.tolist() for field in (self.ids, bits, self.ranks, self.best)), strict=True)


class Total:
    """The measures of a text, or of what has been read of one."""

    def __init__(self) -> None:
        self.characters = 0
        """Places: the symbols that something stood before, in a model of lines also the end of each."""
        self.nats = 0.0

    def add(self, surprise: Surprise) -> None:
        """Take in what was read."""
        self.characters += len(surprise.nats)
        self.nats += math.fsum(surprise.nats)

    @property
    def nats_per_character(self) -> float | None:
        """The cross-entropy, which training calls loss; None where there was no place."""
        return self.nats / self.characters if self.characters else None

    @property
    def bits_per_character(self) -> float | None:
        """The same to the base of two."""
        return None if self.nats_per_character is None else self.nats_per_character / math.log(2)

    @property
    def perplexity(self) -> float | None:
        """Among how many equally likely symbols one would be as surprising."""
        if self.nats_per_character is None:
            return None
        return math.exp(min(self.nats_per_character, 700.0))


@dataclass
class Scored:
    """A text and how surprising it was; of one that is too long to hold, both are made when they are read."""

    source: str
    """The file it is from; nothing, where it was an argument."""
    number: int
    """Which line of the file, or which of the arguments it is."""
    pieces: Callable[[], Iterable[str]]
    """The text."""
    parts: Callable[[], Iterable[Surprise]]
    """What was thought of it."""
    unknown: int = 0
    """How many of its symbols the model does not know; they were skipped or replaced."""

    @cached_property
    def total(self) -> Total:
        """The measures of all of it."""
        total = Total()
        for part in self.parts():
            total.add(part)
        return total


def encoded(model: Model, text: str, unknown: Unknown = "error") -> Ids:
    """A text as it is scored: in a model of lines, from a line's beginning to its end.

    Unknown symbols are skipped, or with "replace" become V: such a one counts as the least likely symbol
    where it stands, and is read as the vocabulary's replacement.  Raises UnknownCharacter.
    """
    ids = read_as(model, text, unknown)
    if not model.vocabulary.boundary:
        return ids
    edge = np.zeros(1, ids.dtype)
    return np.concatenate([edge, ids, edge])


def read_as(model: Model, text: str, unknown: Unknown) -> Ids:
    """A text, or a piece of one.  Raises UnknownCharacter."""
    if unknown == "replace":
        return model.vocabulary.encode_known(text)
    return model.vocabulary.encode(model.vocabulary.readable(text, unknown))


def surprises(model: Model, texts: Iterable[Ids], rows: int = ROWS) -> Iterator[Surprise]:
    """Texts as `encoded` has them, each from the beginning, in order; those of like length side by side."""
    window = model.window
    if window is None:
        yield from _each(model, texts, rows)
        return
    for text in texts:
        yield _joined([*_in_windows(model, window, text, rows)])


def _in_windows(model: Model, window: Window, text: Ids, rows: int = ROWS) -> Iterator[Surprise]:
    """Yield the positions of a text window by window, those that belong to each."""
    for number, read in enumerate(_each(model, window.cut(text), rows)):
        yield _part(read, window.own(number))


def _each(model: Model, texts: Iterable[Ids], rows: int) -> Iterator[Surprise]:
    for part in _parts(texts):
        order = sorted(range(len(part)), key=lambda place: -len(part[place]))
        found: dict[int, Surprise] = {}
        for start in range(0, len(order), rows):
            group = order[start : start + rows]
            found.update(zip(group, _side_by_side(model, [part[place] for place in group]), strict=True))
        for place in range(len(part)):
            yield found.pop(place)


def surprise(model: Model, pieces: Iterable[Ids]) -> Iterator[Surprise]:
    """One text, which comes in pieces of any size, the state carried from each to the next."""
    if model.vocabulary.boundary:
        raise TextError("a model of lines reads lines, not a text of them", hint="add --lines")
    if model.window:
        text = [*pieces]
        yield from _in_windows(model, model.window, np.concatenate(text)) if text else ()
        return
    reader = Reader(model.network, model.weights)
    last: Ids | None = None
    for ids in _blocks(pieces):
        read = ids if last is None else np.concatenate([last, ids])
        last = ids[-1:]
        if len(read) > 1:
            yield _part(_read(reader, model, read[None]), (0, slice(len(read) - 1)))


def _blocks(pieces: Iterable[Ids]) -> Iterator[Ids]:
    """The same ids in blocks of one size, so that sums do not depend on where the pieces were cut."""
    held: list[Ids] = []
    length = 0
    for piece in pieces:
        start = 0
        while len(piece) - start >= PLACES - length:
            end = start + PLACES - length
            yield np.concatenate([*held, piece[start:end]])
            start, held, length = end, [], 0
        held.append(piece[start:])
        length += len(held[-1])
    if length:
        yield np.concatenate(held)


def _parts(texts: Iterable[Ids]) -> Iterator[list[Ids]]:
    """Some texts at a time, none of the parts with very many symbols but where one text has them."""
    part: list[Ids] = []
    symbols = 0
    for text in texts:
        part.append(text)
        symbols += len(text)
        if len(part) == SORTED or symbols > SYMBOLS:
            yield part
            part, symbols = [], 0
    if part:
        yield part


def _side_by_side(model: Model, texts: Sequence[Ids]) -> list[Surprise]:
    """Texts in falling order of length, a symbol of each at once."""
    counts = [max(len(text) - 1, 0) for text in texts]
    going = sum(count > 0 for count in counts)
    reader = Reader(model.network, model.weights, max(going, 1))
    blocks: list[list[Surprise]] = [[] for _ in texts]
    length = max(1, PLACES // max(going, 1))
    for start in range(0, counts[0], length):
        going = sum(count > start for count in counts)
        reader.keep(range(going))
        ids = np.zeros((going, min(length, counts[0] - start) + 1), texts[0].dtype)
        for row, text in enumerate(texts[:going]):
            part = text[start : start + length + 1]
            ids[row, : len(part)] = part
        read = _read(reader, model, ids)
        for row in range(going):
            blocks[row].append(_part(read, (row, slice(counts[row] - start))))
    nothing = _of(np.zeros((0, len(model.vocabulary)), np.float32), texts[0][:0])
    return [_joined(parts) if parts else nothing for parts in blocks]


def _read(reader: Reader, model: Model, ids: Ids) -> Surprise:
    """Ids [B T+1], the last of which are not read -> what was thought of all but the first [B T]."""
    rows, length = ids.shape[0], ids.shape[1] - 1
    step = max(1, NUMBERS // (rows * len(model.vocabulary)))
    known = ids
    if (ids == len(model.vocabulary)).any():
        instead = model.vocabulary.symbols.index(model.vocabulary.replacement)
        known = np.where(ids == len(model.vocabulary), instead, ids)
    parts = []
    for start in range(0, length, step):
        following = ids[:, start + 1 : start + 1 + step]
        logits = reader.read_along(known[:, start : start + following.shape[1]].T).swapaxes(0, 1)
        parts.append(_of(logits, following))
    return _joined(parts, axis=1)


def _of(logits: Floats, ids: Ids) -> Surprise:
    """Logits [... V] and the symbols that came [...] -> what was thought of them [...]."""
    require_finite(logits)
    log_p = np.asarray(log_softmax(logits.astype(np.float64)), np.float64)
    unknown = ids == logits.shape[-1]
    nats = -np.take_along_axis(log_p, np.where(unknown, 0, ids)[..., None].astype(np.intp), -1)
    if unknown.any():
        nats[unknown] = -log_p[unknown].min(-1, keepdims=True)
    best = logits.argmax(-1)
    ranks = 1 + (log_p > -nats).sum(-1, dtype=np.int32)
    ranks[unknown] = logits.shape[-1]
    return Surprise(ids, nats[..., 0], ranks, best.astype(ids.dtype))


def _part(read: Surprise, chosen: "slice | tuple[int, slice]") -> Surprise:
    """Return some positions of what was read."""
    return Surprise._make(field[chosen] for field in read)


def _joined(parts: Sequence[Surprise], axis: int = 0) -> Surprise:
    return Surprise._make(np.concatenate(field, axis) for field in zip(*parts, strict=True))
