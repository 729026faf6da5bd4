"""Sources of text: arguments, files and standard input, in memory or too large for it."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import BinaryIO, cast

from charseq.errors import TextError, UsageError, cannot_combine, quoted
from charseq.text.corpus import (
    AnyCorpus,
    ByteSource,
    Corpus,
    LargeCorpus,
    count_empty_lines,
    read_lines,
    with_labels,
)
from charseq.text.files import open_rereadable, spool
from charseq.text.folders import ReopenedFile, text_files
from charseq.text.transcoding import UTF_8, Transcoded, encoding_named
from charseq.text.units import Normalization, Unit, encode_utf8, normalized
from charseq.text.utf8 import ANY_BYTES, SAMPLE_BYTES, decode_utf8, refuse_binary
from charseq.text.vocabulary import Vocabulary

STANDARD_INPUT = "-"
"""The file name that stands for standard input."""
ARGUMENT = "--text"
"""The name, in messages, of a text that is an argument."""
INPUT_HINT = "give a text with --text STRING, --file PATH, or --file - for standard input"
"""The hint of errors about missing text."""
EMPTY_HINT = "name a file with text, or pipe text into standard input"
Report = Callable[[str], None]
"""Called with a message about a source: a byte-order mark that is skipped, files that are left out."""
DESCRIBED_CHARACTERS = 40
"""Characters of a file name or a string in a description."""
MAX_BYTES_IN_MEMORY = 1 << 24
"""Bytes of all sources together above which text is read in chunks."""


@dataclass(frozen=True)
class TextSource:
    """The sources of a text, and how it is read."""

    texts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    lines: bool = False
    unit: Unit = "character"
    normalization: Normalization = "none"
    extra: str = ""
    """Characters that the vocabulary has in addition to those of the text."""
    labels: bool = False
    """Whether every line is a label, a tab and a text."""
    encoding: str = UTF_8
    """The encoding of files and standard input, by Python's name."""
    unique: bool = False
    """Whether lines that repeat an earlier one, after normalization, are dropped."""
    validation_files: tuple[str, ...] = ()
    """Files of the validation text, read in the same way; without them it is held out of the text."""

    def __post_init__(self) -> None:
        """Raise UsageError for an encoding that cannot be read, or beside the unit byte."""
        if self.encoding != UTF_8:
            check_encoding(self.encoding, self.unit)

    @contextmanager
    def opened(
        self,
        standard_input: BinaryIO,
        *,
        may_be_empty: bool = False,
        report: Report = lambda message: None,
    ) -> Iterator[AnyCorpus]:
        """Open the sources and return the text with its validation text, read in chunks if it is large.

        A file may be a folder.  Skips and reports a byte-order mark at the beginning of a file or standard
        input, except with the unit byte.  Raises TextError, also for no text or an empty file, unless the
        text `may_be_empty`, and UsageError for unique text that is no lines.
        """
        if self.unique and not self.lines:
            raise UsageError("--unique drops repeated lines, and requires --lines", hint="add --lines")
        _require_one_standard_input([*self.files, *self.validation_files])
        with ExitStack() as opened:

            def read(texts: Sequence[str], files: Sequence[str]) -> AnyCorpus:
                sources = _sources(texts, files, self.unit, self.encoding, standard_input, opened, report)
                if not may_be_empty:
                    _require_content(sources, self.lines)
                return self._read(sources)

            corpus = read(self.texts, self.files)
            if self.validation_files:
                corpus = corpus.with_validation(read((), self.validation_files))
            yield corpus

    def _read(self, sources: Sequence[ByteSource]) -> AnyCorpus:
        """Return the text of sources, in memory or read in chunks."""
        unique = self.normalization if self.unique else None
        if sum(map(_size, sources)) <= MAX_BYTES_IN_MEMORY:
            return _read(sources, self.lines, self.unit, unique, labeled=self.labels)
        at_lines = self.unit == "grapheme" or self.normalization != "none"
        return LargeCorpus(tuple(sources), self.lines, self.unit, at_lines, self.labels, unique)

    def vocabulary(self, corpus: AnyCorpus) -> Vocabulary:
        """Return the symbols of the text, of its validation text, and the extra ones.

        Raises TextError, also for a label that only the validation text has.
        """
        extra = check_utf8(self.extra, f"--vocabulary {quoted(self.extra)}", self.unit)
        texts = chain(corpus.chunks(), corpus.validation.chunks() if corpus.validation else [], [extra])
        if corpus.validation and (unknown := {*corpus.validation.labels} - {*corpus.labels}):
            raise TextError(
                f"the training text has no line with the label {quoted(min(unknown))} of the validation text",
                hint="correct the label, or add lines of this label to the training text",
            )
        return Vocabulary.of(
            texts,
            unit=self.unit,
            normalization=self.normalization,
            boundary=self.lines,
            labels=corpus.labels if self.labels else (),
        )


def description(source: TextSource) -> str:
    """Return the names of files, or the beginning of strings, at most 40 characters: a.txt and 4 more."""
    names = [*source.texts, *("standard input" if name == STANDARD_INPUT else name for name in source.files)]
    first = names[0] if names else ""
    first = first if len(first) <= DESCRIBED_CHARACTERS else first[: DESCRIBED_CHARACTERS - 3] + "..."
    return first + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")


def read_corpus(
    texts: Sequence[str],
    files: Sequence[str],
    *,
    lines: bool,
    unit: Unit,
    standard_input: BinaryIO,
    encoding: str = UTF_8,
    may_be_empty: bool = False,
    report: Report = lambda message: None,
) -> Corpus:
    """Read texts, then files, into memory.

    Raises TextError, also for no text or an empty file, unless the text `may_be_empty`.
    """
    _require_one_standard_input(files)
    with ExitStack() as opened:
        sources = _sources(texts, files, unit, encoding, standard_input, opened, report)
        if not may_be_empty:
            _require_content(sources, lines)
        return _read(sources, lines, unit)


def check_encoding(encoding: str, unit: Unit) -> str:
    """Return Python's name of an encoding.  Raises UsageError if it is unknown, or beside the unit byte."""
    if unit == "byte" and encoding != UTF_8:
        raise cannot_combine("--encoding", ["--unit byte"], "bytes are read as they are")
    return encoding_named(encoding)


def check_utf8(text: str, source: str, unit: Unit, remedy: str = ANY_BYTES) -> str:
    """Return an argument.  Raises TextError if it has surrogates, unless they are bytes and the unit is byte.

    Python escapes the bytes of arguments that are not UTF-8 as surrogates.
    """
    data = encode_utf8(text, source)
    try:
        return data.decode("utf-8", "surrogateescape" if unit == "byte" else "strict")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02X} at byte offset {error.start}"
        raise TextError(f"{source} is not UTF-8: {byte}", hint=remedy) from error


def _require_one_standard_input(files: Sequence[str]) -> None:
    """Raise TextError if more than one file is standard input."""
    if files.count(STANDARD_INPUT) > 1:
        raise TextError("standard input can be read only once", hint="use - only once")


def _require_content(sources: Sequence[ByteSource], lines: bool) -> None:
    """Raise TextError without sources, or for an empty file; with `lines`, only if all files are empty."""
    if not sources:
        raise TextError("no text was given", hint=INPUT_HINT)
    empty = [source.name for source in sources if not _size(source) and source.name != ARGUMENT]
    if empty and (not lines or len(empty) == len(sources)):
        names = " and ".join(dict.fromkeys(empty))
        raise TextError(f"{names} {'is' if len(set(empty)) == 1 else 'are'} empty", hint=EMPTY_HINT)


def _size(source: ByteSource) -> int:
    return source.file.seek(0, os.SEEK_END)


def _read(
    sources: Sequence[ByteSource],
    lines: bool,
    unit: Unit,
    unique: Normalization | None = None,
    *,
    labeled: bool = False,
) -> Corpus:
    texts = [decode_utf8(b"".join(s.blocks()), s.name, unit, offset=s.start) for s in sources]
    if not lines:
        return Corpus(tuple(texts))
    split = [read_lines(text, s.name, labeled=labeled) for text, s in zip(texts, sources, strict=True)]
    empty = sum(count_empty_lines(text, len(some)) for text, (some, _) in zip(texts, split, strict=True))
    every = [line for some, _ in split for line in some]
    labels = [label for _, some in split for label in some]
    kept = range(len(every)) if unique is None else _first_occurrences(with_labels(every, labels), unique)
    return Corpus(
        tuple(every[i] for i in kept),
        lines,
        tuple(labels[i] for i in kept) if labels else (),
        empty,
        len(every) - len(kept),
    )


def _first_occurrences(lines: Sequence[str], normalization: Normalization) -> Sequence[int]:
    """Return the numbers of the lines that no earlier line equals after normalization."""
    first: dict[str, int] = {}
    for number, line in enumerate(lines):
        first.setdefault(normalized(line, normalization), number)
    return [*first.values()]


def _sources(
    texts: Sequence[str],
    files: Sequence[str],
    unit: Unit,
    encoding: str,
    standard_input: BinaryIO,
    opened: ExitStack,
    report: Report,
) -> list[ByteSource]:
    """Open texts and files."""
    checked = [check_utf8(text, f"--text {quoted(text)}", unit) for text in texts]
    sources = [ByteSource(ARGUMENT, io.BytesIO(encode_utf8(text))) for text in checked]
    for name in expand_folders(files, unit, encoding, report):
        if name == STANDARD_INPUT:
            source = ByteSource(
                "standard input",
                opened.enter_context(spool(standard_input, "standard input", MAX_BYTES_IN_MEMORY)),
            )
        elif name in files:
            source = ByteSource(
                quoted(name), opened.enter_context(open_rereadable(name, MAX_BYTES_IN_MEMORY))
            )
        else:  # of a folder
            source = ByteSource(quoted(name), cast(BinaryIO, ReopenedFile(name)))
        if encoding != UTF_8:
            refuse_binary(next(source.blocks(SAMPLE_BYTES), b""), source.name)
            transcoded = Transcoded(source.file, source.name, encoding)
            source = source._replace(file=cast(BinaryIO, transcoded))
        sources.append(source.skip_bom(unit))
        if sources[-1].start:
            report(f"{source.name} begins with a byte-order mark, which is skipped")
    return sources


def expand_folders(files: Sequence[str], unit: Unit, encoding: str, report: Report) -> list[str]:
    """Return the names of files, with those of the text files below each folder in its place.

    Raises TextError, and reports files that are left out, as `text_files` does.
    """
    read = partial(text_files, unit=unit, report=report, has_nuls=encoding.startswith(("utf-16", "utf-32")))
    return [*chain.from_iterable(read(name) if os.path.isdir(name) else [name] for name in files)]  # noqa: PTH112 (never raises)
