"""Text in encodings other than UTF-8, read as UTF-8."""

import codecs
import os
from encodings.aliases import aliases
from typing import Protocol

from charseq.errors import TextError, UsageError, quoted
from charseq.suggestions import did_you_mean

UTF_8 = "utf-8"
"""The default encoding."""
NO_ENCODINGS = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined"}
"""Codecs that Python calls text encodings, but in which no text is stored."""
BLOCK_BYTES = 1 << 20
"""Bytes that are decoded at once."""


def encoding_named(name: str) -> str:
    """Return Python's name of a text encoding.  Raises UsageError if there is none of that name."""
    try:
        codec = codecs.lookup(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):  # ValueError: a name with NUL
        near = did_you_mean(name, sorted({*aliases, *aliases.values()}))
        raise UsageError(
            f"unknown encoding {quoted(name)}", hint=near or "name one, such as cp1252, utf-16 or shift_jis"
        ) from None
    is_text = getattr(codec, "_is_text_encoding", True)
    if not is_text or codec.name.replace("-", "_") in NO_ENCODINGS:
        raise UsageError(
            f"{quoted(name)} is not an encoding of text files", hint="name one, such as cp1252 or utf-16"
        )
    return UTF_8 if codec.name == "utf-8-sig" else codec.name


class Readable(Protocol):
    """What is read of a file: bytes, from the beginning or as they arrive."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move to a position."""

    def read(self, size: int = ..., /) -> bytes:
        """Return the next bytes."""


class Transcoded:
    """A file in another encoding, whose positions are those of its text in UTF-8."""

    def __init__(self, file: Readable, name: str, encoding: str) -> None:
        """Wrap a file at its beginning; `name` is that in messages."""
        self.file, self._name, self._encoding = file, name, encoding
        self._buffer = b""
        self._restart()

    def with_file(self, file: Readable) -> "Transcoded":
        """Return the same with another file of the same content."""
        return Transcoded(file, self._name, self._encoding)

    def __reduce__(self) -> tuple[type["Transcoded"], tuple[Readable, str, str]]:
        """Leave the decoder out for another process, which begins to read at the beginning."""
        return Transcoded, (self.file, self._name, self._encoding)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position from the beginning; SEEK_END returns the size before decoding."""
        size = self.file.seek(0, whence)
        self._restart()
        if whence == os.SEEK_END:
            self.file.seek(0)
            return size
        self.read(offset)
        return offset

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the text in UTF-8, all if `size` is negative.  Raises TextError."""
        pieces, length = [self._buffer], len(self._buffer)
        while not self._is_at_end and not 0 <= size <= length:
            pieces.append(self.decoded(self.file.read(BLOCK_BYTES)))
            length += len(pieces[-1])
        data = b"".join(pieces)
        end = len(data) if size < 0 else size
        self._buffer = data[end:]
        return data[:end]

    def decoded(self, block: bytes) -> bytes:
        """Return the text of the next bytes in UTF-8; no bytes are the end.  Raises TextError."""
        self._bytes_read += len(block)
        self._is_at_end = not block
        try:
            return self._decoder.decode(block, final=not block).encode()
        except UnicodeDecodeError as error:
            position = self._bytes_read - len(error.object) + error.start
            byte = f"byte 0x{error.object[error.start]:02X} at byte offset {position}"
            raise TextError(
                f"{self._name} is not {self._encoding}: {byte}",
                hint="name another --encoding, or leave it out for UTF-8",
            ) from None
        except UnicodeError as error:  # a surrogate, which UTF-7 can encode; or no byte-order mark
            raise TextError(
                f"{self._name} is not {self._encoding}: {error}",
                hint="name another --encoding, or leave it out for UTF-8",
            ) from None

    def _restart(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._bytes_read, self._is_at_end = 0, False
        self._buffer = b""
