"""Copies: the spans of a text that stand verbatim in a reference text, such as the training text."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError, quoted
from charseq.inference.suffix_index import suffix_index
from charseq.text.code_points import codes_of
from charseq.text.corpus import AnyCorpus, Corpus
from charseq.text.sources import ReportBom, TextSource
from charseq.text.units import Normalization, Unit
from charseq.text.vocabulary import Vocabulary

MIN_COPY = 20
"""The length of the shortest copy, in characters (code points), or bytes if the unit is byte."""
LINE_FEED, CARRIAGE_RETURN = 10, 13


class ReferenceText(NamedTuple):
    """One text of a reference."""

    source: str
    """The name of the file, - for standard input; empty for a string."""
    text: str


def read_texts(
    source: TextSource,
    standard_input: BinaryIO | None = None,
    report_bom: ReportBom = lambda name: None,
) -> list[ReferenceText]:
    """Read the strings and the files of a source.  Raises TextError, also for an empty file."""
    texts = [ReferenceText("", text) for text in source.texts]
    for name in source.files:
        file = replace(source, texts=(), files=(name,), lines=False)
        with file.opened(standard_input or io.BytesIO(), may_be_empty=True, report_bom=report_bom) as corpus:
            read = [ReferenceText(name, text) for text in _whole_texts(corpus)]
        if not any(text.text for text in read):
            raise TextError(f"{quoted(name)} is empty", hint="give a file with text")
        texts += read
    return texts


def _whole_texts(corpus: AnyCorpus) -> Iterator[str]:
    if isinstance(corpus, Corpus):
        return iter(corpus.sequences)
    return ("".join(corpus.read_source(source)) for source in corpus.sources)


class Span(NamedTuple):
    """A copy: a span of a text that occurs in the reference and is no part of a longer one.

    Spans may overlap, where two passages of the reference do.  Positions count code points of the normalized
    text from 0, or bytes if the unit is byte.
    """

    start: int
    """The position of its first character in the text."""
    end: int
    """The position after its last character."""
    source: str
    """The file of the reference in which it occurs first, - for standard input; empty for a string."""
    number: int
    """The number of that file or string in the reference, from 1."""
    offset: int
    """The position of its first character in that file or string."""
    line: int
    """The number of its first line there, from 1."""

    @property
    def length(self) -> int:
        """The number of characters."""
        return self.end - self.start


@dataclass(frozen=True)
class Copies:
    """The copies in a text.

    A character is copied if it is part of a substring of at least `min_length` characters that occurs in the
    reference text.
    """

    characters: int
    """The length of the text: code points once it is normalized, or bytes."""
    copied: int
    """The number of copied characters."""
    spans: tuple[Span, ...] = field(repr=False)
    """In rising order of their starts, and of their ends."""
    min_length: int = MIN_COPY

    @property
    def share(self) -> float:
        """The share of copied characters, 0 to 1; 0 for a text without characters."""
        return self.copied / self.characters if self.characters else 0.0

    @property
    def longest_span(self) -> Span | None:
        """The first of the longest spans; None without a span."""
        return max(self.spans, key=lambda span: span.length, default=None)

    @property
    def longest(self) -> int:
        """The length of the longest span; 0 without a span."""
        return self.longest_span.length if self.longest_span else 0

    @property
    def too_short(self) -> bool:
        """Whether the text is too short to have a copy."""
        return self.characters < self.min_length

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return whether each character is copied [characters]."""
        edges = np.zeros(self.characters + 1, np.int64)
        np.add.at(edges, [span.start for span in self.spans], 1)
        np.subtract.at(edges, [span.end for span in self.spans], 1)
        return np.cumsum(edges)[:-1] > 0


class TotalCopies:
    """The copies in several texts together."""

    def __init__(self) -> None:
        self.texts = self.characters = self.copied = self.spans = 0
        self.longest: Span | None = None
        self.too_short = True
        """Whether no text was long enough to have a copy."""

    @classmethod
    def of(cls, copies: Copies) -> "TotalCopies":
        """Return the copies in one text."""
        total = cls()
        total.add(copies)
        return total

    def add(self, copies: Copies) -> None:
        """Add those of one text."""
        self.texts += 1
        self.characters += copies.characters
        self.copied += copies.copied
        self.spans += len(copies.spans)
        self.too_short &= copies.too_short
        longest = copies.longest_span
        if longest and (self.longest is None or longest.length > self.longest.length):
            self.longest = longest

    @property
    def share(self) -> float:
        """The share of copied characters, 0 to 1."""
        return self.copied / self.characters if self.characters else 0.0


class Reference:
    """Texts to compare with, ready for the search of copies.

    No copy extends over the end of a text or, with `lines`, of a line (LF or CR LF).  Takes 15 to 18
    bytes per character.  Raises UsageError for 2^31 characters or more, and TextError for a text that has no
    bytes if the unit is byte.
    """

    def __init__(
        self,
        texts: Sequence[ReferenceText],
        *,
        lines: bool = False,
        unit: Unit = "character",
        normalization: Normalization = "none",
        min_length: int = MIN_COPY,
    ) -> None:
        self.unit, self.min_length, self._normalization = unit, min_length, normalization
        self._sources = [text.source for text in texts]
        codes = [codes_of(text.text, unit, normalization) for text in texts]
        self._starts = np.cumsum([0, *(len(part) + 1 for part in codes)])
        """Where each text starts in the concatenation, in which one separator follows each."""
        self._line_starts = np.concatenate(
            [
                np.concatenate([[start], start + 1 + np.flatnonzero(part == LINE_FEED)])
                for start, part in zip(self._starts[:-1].tolist(), codes, strict=True)
            ]
        )
        self._table = _table_of_ids(codes)
        self._index = suffix_index(self._joined(codes, lines=lines), min_length)

    @classmethod
    def for_model(
        cls, texts: Sequence[ReferenceText], vocabulary: Vocabulary, min_length: int = MIN_COPY
    ) -> "Reference":
        """Return texts to compare with as a model reads them: its unit, its normalization, lines or not."""
        return cls(
            texts,
            lines=vocabulary.boundary,
            unit=vocabulary.unit,
            normalization=vocabulary.normalization,
            min_length=min_length,
        )

    def copies(self, text: str, *, is_normalized: bool = False) -> Copies:
        """Return the copies in a text, which is normalized first unless it `is_normalized`."""
        codes = codes_of(text, self.unit, "none" if is_normalized else self._normalization)
        starts, lengths, positions = self._index.find(self._ids(codes))
        ends = starts.astype(np.int64) + lengths
        fresh = np.maximum(starts, np.concatenate([[0], ends[:-1]])[: len(ends)])  # not in the span before
        return Copies(
            len(codes), int((ends - fresh).sum()), (*self._spans(starts, ends, positions),), self.min_length
        )

    def _ids(self, codes: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.take(self._table, codes, mode="clip")

    def _joined(self, codes: list[npt.NDArray[Any]], *, lines: bool) -> npt.NDArray[Any]:
        """Return all texts as ids, with the separator 0 after each text and, with `lines`, at line ends."""
        joined = np.zeros(int(self._starts[-1]), self._table.dtype)
        for start, part in zip(self._starts[:-1].tolist(), codes, strict=True):
            ids = joined[start : start + len(part)]
            ids[:] = self._ids(part)
            if lines:
                is_end = part == LINE_FEED
                ids[is_end] = 0
                ids[:-1][is_end[1:] & (part[:-1] == CARRIAGE_RETURN)] = 0
        return joined

    def _spans(
        self, starts: npt.NDArray[Any], ends: npt.NDArray[Any], positions: npt.NDArray[Any]
    ) -> Iterator[Span]:
        texts = np.searchsorted(self._starts, positions, "right") - 1
        lines = np.searchsorted(self._line_starts, positions, "right")
        lines -= np.searchsorted(self._line_starts, self._starts[texts])
        offsets = positions - self._starts[texts]
        columns = (array.tolist() for array in (starts, ends, texts, offsets, lines))
        for start, end, text, offset, line in zip(*columns, strict=True):
            yield Span(start, end, self._sources[text], text + 1, offset, line)


def _table_of_ids(codes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return the id of every number up to one above the largest; the highest id is of all that do not occur.

    0 remains for the separator.
    """
    occurs = np.zeros(max((int(part.max(initial=0)) for part in codes), default=0) + 2, np.bool_)
    for part in codes:
        occurs[part] = True
    symbols = np.flatnonzero(occurs)
    unknown = len(symbols) + 1
    table = np.full(len(occurs), unknown, np.min_scalar_type(unknown))
    table[symbols] = np.arange(1, unknown)
    return table
