"""The text to learn: strings in memory, or files too long for that, read a piece at a time."""

import codecs
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from charseq.errors import TextError
from charseq.system.file_errors import reason, remedy
from charseq.text.units import Unit

ANY_BYTES = "use --unit byte, which takes any bytes"
CHUNK_BYTES = 1 << 22
"""Bytes of a large source read at once."""
MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32LE",
    codecs.BOM_UTF32_BE: "UTF-32BE",
    codecs.BOM_UTF16_LE: "UTF-16LE",
    codecs.BOM_UTF16_BE: "UTF-16BE",
}
"""Byte-order marks, each before those that it begins with, and the encodings that they stand for."""
LONGEST_MARK = 4
"""Bytes of the longest byte-order mark."""


@dataclass(frozen=True)
class Corpus:
    """Strings to learn, each a sequence of its own; of `lines`, beginning and end are learned, too."""

    sequences: tuple[str, ...]
    lines: bool = False

    @property
    def characters(self) -> int:
        """The code points of all sequences together."""
        return sum(map(len, self.sequences))

    @property
    def strings(self) -> int:
        """How many sequences there are."""
        return len(self.sequences)

    def chunks(self) -> Iterator[str]:
        """All that is to be learned, the ends of lines left out."""
        return iter(self.sequences)


class ByteSource(NamedTuple):
    """Where bytes come from: what to call it, a file that can be read again, and its first byte to read."""

    name: str
    file: BinaryIO
    start: int = 0

    def skip_bom(self, unit: Unit) -> "ByteSource":
        """Start behind a byte-order mark of UTF-8, except where symbols are bytes.  Raises TextError."""
        return self._replace(start=utf8_bom_length(next(self.blocks(LONGEST_MARK), b""), unit))

    def blocks(self, size: int = -1) -> Iterator[bytes]:
        """Yield the bytes from `start` on, `size` at a time; by default all at once.  Raises TextError."""
        with explain_read_errors(self.name):
            self.file.seek(self.start)
            while block := self.file.read(size):
                yield block


class LargeCorpus:
    """Text too long to hold: every source a sequence, or `lines` of it; read as often as it is wanted.

    Pieces end where lines do if they are to end `at_lines`, as they must where symbols that stand side by
    side may be one.
    """

    def __init__(
        self,
        sources: tuple[ByteSource, ...],
        lines: bool = False,
        unit: Unit = "character",
        at_lines: bool = False,
    ) -> None:
        self.sources, self.lines, self.unit = sources, lines, unit
        self._at_lines = at_lines or lines
        self._size: tuple[int, int] | None = None

    @property
    def characters(self) -> int:
        """The code points of all sequences together."""
        return self._counted()[0]

    @property
    def strings(self) -> int:
        """How many sequences there are."""
        return self._counted()[1]

    def chunks(self) -> Iterator[str]:
        """All that is to be learned, the ends of lines left out.  Raises TextError where it is ill-formed."""
        characters, strings = 0, 0 if self.lines else len(self.sources)
        for source in self.sources:
            for piece in self.read_source(source):
                if self.lines:
                    lines = split_lines(piece)
                    strings += len(lines)
                    piece = "".join(lines)
                characters += len(piece)
                yield piece
        self._size = characters, strings

    def read_source(self, source: ByteSource) -> Iterator[str]:
        """One source as it is.  Raises TextError where it is ill-formed."""
        held, offset = b"", source.start
        for block in source.blocks(CHUNK_BYTES):
            held += block
            end = held.rfind(b"\n") + 1 if self._at_lines else _whole_code_points(held)
            if end:
                yield decode_utf8(held[:end], source.name, self.unit, offset=offset)
                held, offset = held[end:], offset + end
        if held:
            yield decode_utf8(held, source.name, self.unit, offset=offset)

    def _counted(self) -> tuple[int, int]:
        """Characters and strings, as they were counted when all was read for the first time."""
        if self._size is None:
            deque(self.chunks(), maxlen=0)
        return self._size or (0, 0)


AnyCorpus = Corpus | LargeCorpus


def split_lines(text: str) -> list[str]:
    r"""Cut at \n and \r\n, the ends left out; empty lines are not sequences."""
    return [line for line in text.replace("\r\n", "\n").split("\n") if line]


def strip_last_line_ending(text: str) -> str:
    r"""Return a text without the \n or \r\n that ends it."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def decode_utf8(data: bytes, source: str, unit: Unit, remedy: str = ANY_BYTES, *, offset: int = 0) -> str:
    """Bytes as text: strictly UTF-8, or, where the unit is the byte, with the rest escaped as surrogates.

    Raises TextError, which names the byte and where it stands, `offset` bytes further on.
    """
    if unit == "byte":
        return data.decode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        if not offset and (encoding := bom_encoding(data)):
            raise TextError(
                f"{source} is {encoding}, not UTF-8: it begins with that encoding's byte-order mark",
                hint=f"convert it (iconv -f {encoding[:6]} -t UTF-8), or {remedy}",
            ) from wrong
        raise TextError(
            f"{source} is not UTF-8: byte 0x{data[wrong.start]:02X} at byte offset {offset + wrong.start}",
            hint=f"convert it (iconv -f ... -t UTF-8), or {remedy}",
        ) from wrong


@contextmanager
def explain_read_errors(name: str) -> Iterator[None]:
    """Let the TextError of a file, or of standard input, say why it cannot be read."""
    try:
        yield
    except OSError as error:
        raise TextError(f"cannot read {name}: {reason(error)}", hint=remedy(error)) from None


def bom_encoding(data: bytes) -> str:
    """The encoding whose byte-order mark bytes begin with; empty where they begin with none."""
    return next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), "")


def utf8_bom_length(data: bytes, unit: Unit) -> int:
    """The bytes to skip: those of a byte-order mark of UTF-8, none where the unit is the byte."""
    return len(codecs.BOM_UTF8) if unit != "byte" and data.startswith(codecs.BOM_UTF8) else 0


def _whole_code_points(data: bytes) -> int:
    """How many of some bytes of UTF-8 can be read without what follows: all but a begun code point."""
    for back, byte in enumerate(reversed(data[-3:]), 1):
        if byte >= 0xC0:
            length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2
            return len(data) - back if length > back else len(data)
        if byte < 0x80:
            break
    return len(data)
