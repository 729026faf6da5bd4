"""Where text comes from: arguments, files and standard input, in memory or too large for it."""

import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO, cast

from charseq.errors import CharseqError, TextError
from charseq.system.file_errors import reason, remedy
from charseq.text.corpus import (
    ANY_BYTES,
    AnyCorpus,
    ByteSource,
    Corpus,
    LargeCorpus,
    decode_utf8,
    explain_read_errors,
    split_lines,
)
from charseq.text.units import Normalization, Unit, utf8
from charseq.text.vocabulary import Vocabulary

STANDARD_INPUT = "-"
ARGUMENT = "--text"
"""The name of a text that is an argument, not a file."""
INPUT_HINT = "give a text by --text STRING, --file PATH, or --file - for standard input"
BLOCK_BYTES = 1 << 20
ReportBom = Callable[[str], None]
"""Called with the name of a source whose byte-order mark is skipped."""
MAX_BYTES_IN_MEMORY = 1 << 24
"""Bytes of all text together from which on it is read a piece at a time."""


@dataclass(frozen=True)
class TextSource:
    """Where a text comes from, as it was given, and how it is read."""

    texts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    lines: bool = False
    unit: Unit = "character"
    normalization: Normalization = "none"
    extra: str = ""
    """Characters that the vocabulary has beside those of the text."""

    @contextmanager
    def opened(
        self,
        standard_input: BinaryIO,
        *,
        may_be_empty: bool = False,
        report_bom: ReportBom = lambda name: None,
    ) -> Iterator[AnyCorpus]:
        """The text, read a piece at a time where there is much of it.

        A byte-order mark at the beginning of a file or of standard input is skipped, and its name reported;
        where the unit is the byte, every byte is read.  Raises TextError, also if there is no text or an
        empty file, unless it `may_be_empty`.
        """
        with ExitStack() as opened:
            sources = _sources(self.texts, self.files, self.unit, standard_input, opened, report_bom)
            if not may_be_empty:
                _require_content(sources, self.lines)
            if sum(map(_size, sources)) <= MAX_BYTES_IN_MEMORY:
                yield _read(sources, self.lines, self.unit)
            else:
                at_lines = self.unit == "grapheme" or self.normalization != "none"
                yield LargeCorpus(tuple(sources), self.lines, self.unit, at_lines)

    def vocabulary(self, corpus: AnyCorpus) -> Vocabulary:
        """The symbols of the text, and the extra ones.  Raises TextError."""
        extra = check_utf8(self.extra, f"--vocabulary {self.extra!r}", self.unit)
        every = chain(corpus.chunks(), [extra])
        return Vocabulary.of(every, unit=self.unit, normalization=self.normalization, boundary=self.lines)


def read_corpus(
    texts: Sequence[str],
    files: Sequence[str],
    *,
    lines: bool,
    unit: Unit,
    standard_input: BinaryIO,
    may_be_empty: bool = False,
    report_bom: ReportBom = lambda name: None,
) -> Corpus:
    """Read every text and file into memory, in the order given.

    Raises TextError, also if there is no text or an empty file, unless it `may_be_empty`.
    """
    with ExitStack() as opened:
        sources = _sources(texts, files, unit, standard_input, opened, report_bom)
        if not may_be_empty:
            _require_content(sources, lines)
        return _read(sources, lines, unit)


def check_utf8(text: str, source: str, unit: Unit, remedy: str = ANY_BYTES) -> str:
    """Refuse an argument that the shell passed as ill-formed bytes (Python escapes them as surrogates).

    Raises TextError, for other surrogates, too.
    """
    return decode_utf8(utf8(text, source), source, unit, remedy)


def _require_content(sources: Sequence[ByteSource], lines: bool) -> None:
    """Raise TextError if there are no sources, or if one is an empty file; of `lines`, if all are."""
    if not sources:
        raise TextError("no text was given", hint=INPUT_HINT)
    empty = [source.name for source in sources if not _size(source) and source.name != ARGUMENT]
    if empty and (not lines or len(empty) == len(sources)):
        names = " and ".join(dict.fromkeys(empty))
        raise TextError(f"{names} {'is' if len(set(empty)) == 1 else 'are'} empty", hint=INPUT_HINT)


def _size(source: ByteSource) -> int:
    return source.file.seek(0, os.SEEK_END)


def _read(sources: Sequence[ByteSource], lines: bool, unit: Unit) -> Corpus:
    found = [decode_utf8(b"".join(s.blocks()), s.name, unit, offset=s.start) for s in sources]
    if lines:
        found = [line for text in found for line in split_lines(text)]
    return Corpus(tuple(found), lines)


def _sources(
    texts: Sequence[str],
    files: Sequence[str],
    unit: Unit,
    standard_input: BinaryIO,
    opened: ExitStack,
    report_bom: ReportBom,
) -> list[ByteSource]:
    """Every text and file, opened."""
    if files.count(STANDARD_INPUT) > 1:
        raise TextError("standard input can be read only once", hint="give - a single time")
    given = [check_utf8(text, f"--text {text!r}", unit) for text in texts]
    sources = [ByteSource(ARGUMENT, io.BytesIO(utf8(text))) for text in given]
    for name in files:
        if name == STANDARD_INPUT:
            source = ByteSource(
                "standard input", opened.enter_context(_kept(standard_input, "standard input"))
            )
        else:
            source = ByteSource(repr(name), opened.enter_context(_opened(name)))
        sources.append(source.skip_bom(unit))
        if sources[-1].start:
            report_bom(source.name)
    return sources


def open_file(name: str) -> io.BufferedReader:
    """A file, to be read.  Raises TextError."""
    try:
        return Path(name).open("rb")
    except FileNotFoundError:
        raise TextError(f"there is no file {name!r}", hint="check the path, or give a --text") from None
    except IsADirectoryError:
        raise TextError(f"{name!r} is a folder", hint="give a file of text") from None
    except (OSError, ValueError) as error:
        raise TextError(f"cannot read {name!r}: {reason(error)}", hint=remedy(error)) from None


def _opened(name: str) -> BinaryIO:
    """A file that can be read again."""
    file = open_file(name)
    if file.seekable():
        return file
    with file:
        return _kept(file, repr(name))


def _kept(stream: IO[bytes], name: str) -> BinaryIO:
    """What can be read only once, kept to be read again: in memory, or in a temporary file if it is large.

    Raises TextError where it cannot be read, CharseqError where it cannot be kept.
    """
    with ExitStack() as opened:
        kept = opened.enter_context(tempfile.SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY))
        size = BLOCK_BYTES
        while size == BLOCK_BYTES:  # a shorter block is the last: on a terminal, another would be waited for
            with explain_read_errors(name):
                block = stream.read(BLOCK_BYTES)
            size = len(block)
            try:
                kept.write(block)
            except OSError as error:
                raise CharseqError(
                    f"cannot keep {name} in a temporary file: {reason(error)}",
                    hint=remedy(error, "name another temporary folder by TMPDIR"),
                ) from None
        opened.pop_all()  # whoever asked closes it
    return cast(BinaryIO, kept)
