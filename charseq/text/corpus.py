"""The text of a run: strings in memory, or files too large for memory, read in chunks."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from charseq.errors import TextError
from charseq.system.file_errors import reason, remedy
from charseq.text.labels import parse_lines
from charseq.text.units import Normalization, Unit
from charseq.text.utf8 import SAMPLE_BYTES, decode_utf8, text_start

if TYPE_CHECKING:
    from charseq.text.unique_lines import Mask

CHUNK_BYTES = 1 << 22
"""Bytes of a large source read at once."""


@dataclass(frozen=True)
class Corpus:
    """Strings in memory, each a sequence; `lines` begin and end with the boundary symbol."""

    sequences: tuple[str, ...]
    lines: bool = False
    line_labels: tuple[str, ...] = ()
    """The label of each line, if lines have labels."""
    empty_lines: int = 0
    """The number of empty lines that are left out."""
    dropped_lines: int = 0
    """The number of lines that are left out because they repeat an earlier one."""
    validation: "AnyCorpus | None" = None
    """The validation text, if it is not held out of this one."""

    def with_validation(self, validation: "AnyCorpus") -> "Corpus":
        """Return this text with a validation text of its own."""
        return replace(self, validation=validation)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all lines, sorted; empty if lines have none."""
        return tuple(sorted(set(self.line_labels)))

    @property
    def characters(self) -> int:
        """The total number of code points."""
        return sum(map(len, self.sequences))

    @property
    def strings(self) -> int:
        """The number of sequences."""
        return len(self.sequences)

    def chunks(self) -> Iterator[str]:
        """Return the text, without the line endings of `lines`."""
        return iter(self.sequences)


class ByteSource(NamedTuple):
    """A source of bytes: its name in messages, a file that can be read again, and where to start in it."""

    name: str
    file: BinaryIO
    start: int = 0

    def skip_bom(self, unit: Unit) -> "ByteSource":
        """Return the source from behind a UTF-8 byte-order mark, which the unit byte keeps.

        Raises TextError, also for UTF-16 and UTF-32 without a byte-order mark.
        """
        return self._replace(start=text_start(next(self.blocks(SAMPLE_BYTES), b""), self.name, unit))

    def blocks(self, size: int = -1) -> Iterator[bytes]:
        """Yield the bytes from `start`, `size` at a time, by default all at once.  Raises TextError."""
        with explain_read_errors(self.name):
            self.file.seek(self.start)
            while block := self.file.read(size):
                yield block


class LargeCorpus:
    """Text too large for memory, read in chunks; each source is a sequence, or each of its `lines`.

    With `at_lines`, chunks end at line endings, so that no grapheme cluster or normalized sequence is split.
    """

    def __init__(
        self,
        sources: tuple[ByteSource, ...],
        lines: bool = False,
        unit: Unit = "character",
        at_lines: bool = False,
        labeled: bool = False,
        unique: Normalization | None = None,
    ) -> None:
        """Read sources; `unique` is the normalization after which repeated lines are dropped, if they are."""
        self.sources, self.lines, self.unit, self.labeled = sources, lines, unit, labeled
        self._labels: set[str] = set()
        self._at_lines = at_lines or lines
        self._size: tuple[int, int] | None = None
        self._unique = unique
        self._kept: Mask | None = None
        self.empty_lines = self.dropped_lines = 0
        """Numbers of lines that are left out, known once the text was read."""
        self.validation: AnyCorpus | None = None
        """The validation text, if it is not held out of this one."""

    def with_validation(self, validation: "AnyCorpus") -> "LargeCorpus":
        """Return this text with a validation text of its own."""
        text = copy(self)
        text.validation = validation
        return text

    @property
    def characters(self) -> int:
        """The total number of code points."""
        return self._counted()[0]

    @property
    def strings(self) -> int:
        """The number of sequences."""
        return self._counted()[1]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all lines, sorted; empty if lines have none."""
        self._counted()
        return tuple(sorted(self._labels))

    def chunks(self) -> Iterator[str]:
        """Yield the text, without line endings and labels of lines.  Raises TextError if it is ill-formed."""
        characters, strings = 0, 0 if self.lines else len(self.sources)
        pieces = (piece for source in self.sources for piece in self.read_source(source))
        for piece in self.line_batches() if self.lines else pieces:
            chunk = piece if isinstance(piece, str) else "".join(piece)
            strings += 0 if isinstance(piece, str) else len(piece)
            characters += len(chunk)
            yield chunk
        self._size = characters, strings

    def line_batches(self) -> Iterator[list[str]]:
        """Yield the lines that are kept, in batches.  Raises TextError if the text is ill-formed."""
        return (lines for lines, _ in self.labeled_batches())

    def labeled_batches(self) -> Iterator[tuple[list[str], list[str]]]:
        """Yield the lines that are kept, in batches, and their labels if they have any.  Raises TextError."""
        if self._unique is not None and self._kept is None:
            from charseq.text.unique_lines import first_occurrences

            every = (line for batch in self._all_lines() for line in with_labels(*batch))
            self._kept = first_occurrences(every, self._unique)
            self.dropped_lines = len(self._kept) - int(self._kept.sum())
        number = 0
        for lines, labels in self._all_lines():
            if self._kept is not None:
                kept = self._kept[number : number + len(lines)]
                number += len(lines)
                lines, labels = [*compress(lines, kept)], [*compress(labels, kept)]
            self._labels.update(labels)
            yield lines, labels

    def _all_lines(self) -> Iterator[tuple[list[str], list[str]]]:
        empty = 0
        for source in self.sources:
            first = 1
            for chunk in self.read_source(source):
                lines, labels = read_lines(chunk, source.name, labeled=self.labeled, first=first)
                first += chunk.count("\n")
                empty += count_empty_lines(chunk, len(lines))
                yield lines, labels
        self.empty_lines = empty

    def read_source(self, source: ByteSource) -> Iterator[str]:
        """Yield the text of a source, unchanged.  Raises TextError if it is ill-formed."""
        pending, offset = b"", source.start
        for block in source.blocks(CHUNK_BYTES):
            pending += block
            end = pending.rfind(b"\n") + 1 if self._at_lines else _complete_length(pending)
            if end:
                yield decode_utf8(pending[:end], source.name, self.unit, offset=offset)
                pending, offset = pending[end:], offset + end
        if pending:
            yield decode_utf8(pending, source.name, self.unit, offset=offset)

    def _counted(self) -> tuple[int, int]:
        """Return the numbers of characters and sequences; the first call reads all sources."""
        if self._size is None:
            deque(self.chunks(), maxlen=0)
        return self._size or (0, 0)


AnyCorpus = Corpus | LargeCorpus


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text, split at \n and \r\n, without empty ones."""
    return [line for line in text.replace("\r\n", "\n").split("\n") if line]


def read_lines(text: str, source: str, *, labeled: bool, first: int = 1) -> tuple[list[str], list[str]]:
    """Return the lines of a text without empty ones, and their labels; no labels unless they are `labeled`.

    `first` is the number of the first line.  Raises TextError, which names the source, for an invalid line.
    """
    if not labeled:
        return split_lines(text), []
    lines = parse_lines(text, source, first)
    return [line.text for line in lines], [line.label for line in lines]


def with_labels(lines: list[str], labels: list[str]) -> list[str]:
    """Return lines with their labels and a tab before them, if they have any."""
    return [f"{label}\t{line}" for label, line in zip(labels, lines, strict=True)] if labels else lines


def count_empty_lines(text: str, filled: int) -> int:
    r"""Return the number of empty lines of a text that has a number of other lines."""
    return text.count("\n") + (bool(text) and not text.endswith("\n")) - filled


def strip_last_line_ending(text: str) -> str:
    r"""Return a text without the \n or \r\n that ends it."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


@contextmanager
def explain_read_errors(name: str) -> Iterator[None]:
    """Turn an OSError into a TextError that says why a source cannot be read."""
    try:
        yield
    except OSError as error:
        raise TextError(f"cannot read {name}: {reason(error)}", hint=remedy(error)) from None


def _complete_length(data: bytes) -> int:
    """Return the length of UTF-8 data without an incomplete code point at its end."""
    for back, byte in enumerate(reversed(data[-3:]), 1):
        if byte >= 0xC0:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return len(data) - back if length > back else len(data)
        if byte < 0x80:
            break
    return len(data)
