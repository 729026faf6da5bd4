"""Reference texts: the training text of a model, or files, ready for the search of copies."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import TextError, quoted
from charseq.inference.copies import MIN_COPY, Copies, Span
from charseq.inference.suffix_index import suffix_index
from charseq.runs.training_text import training_text
from charseq.text.code_points import codes_of
from charseq.text.corpus import AnyCorpus, Corpus
from charseq.text.sources import STANDARD_INPUT, Report, TextSource, expand_folders
from charseq.text.transcoding import UTF_8
from charseq.text.units import Normalization, Unit
from charseq.text.vocabulary import Vocabulary

LINE_FEED, CARRIAGE_RETURN = 10, 13


class ReferenceText(NamedTuple):
    """One text of a reference."""

    source: str
    """The name of the file, - for standard input; empty for a string."""
    text: str


def read_texts(
    source: TextSource,
    standard_input: BinaryIO | None = None,
    report: Report = lambda name: None,
) -> list[ReferenceText]:
    """Read the strings and the files of a source.  Raises TextError, also for an empty file."""
    texts = [ReferenceText("", text) for text in source.texts]
    for name in expand_folders(source.files, source.unit, source.encoding, report):
        file = replace(source, texts=(), files=(name,), lines=False, labels=False)
        with file.opened(standard_input or io.BytesIO(), may_be_empty=True, report=report) as corpus:
            read = [ReferenceText(name, text) for text in _whole_texts(corpus)]
        if not any(text.text for text in read):
            raise TextError(f"{quoted(name)} is empty", hint="give a file with text")
        texts += read
    return texts


def _whole_texts(corpus: AnyCorpus) -> Iterator[str]:
    if isinstance(corpus, Corpus):
        return iter(corpus.sequences)
    return ("".join(corpus.read_source(source)) for source in corpus.sources)


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


def reference_of(
    path: Path,
    vocabulary: Vocabulary,
    files: Sequence[str] = (),
    *,
    min_length: int = MIN_COPY,
    encoding: str = UTF_8,
    standard_input: BinaryIO | None = None,
    report: Report = lambda name: None,
    option: str = "--against",
) -> Reference:
    """Return the training text of the model of a file, or other files, as the model reads them.

    Raises TextError if a text cannot be read, or the training text is not found or has changed; its hint is
    to give the text with an `option`.  Raises ModelFileError, and UsageError for a text that is too long.
    """
    for name in files:
        if name != STANDARD_INPUT and not Path(name).exists():
            raise TextError(f"file {quoted(name)} not found", hint=f"check the path that {option} names")
    if files:
        source = TextSource((), tuple(files), unit=vocabulary.unit, encoding=encoding)
    else:
        source = training_text(path, vocabulary, option)
    return Reference(
        read_texts(source, standard_input, report),
        lines=vocabulary.boundary,
        unit=vocabulary.unit,
        normalization=vocabulary.normalization,
        min_length=min_length,
    )


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
