"""Decode UTF-8, skip its byte-order mark, and recognize text in other encodings."""

import codecs

from charseq.errors import TextError
from charseq.text.encodings import fitting_encoding
from charseq.text.file_types import conversion, file_type
from charseq.text.units import Unit

ANY_BYTES = "use --unit byte, which accepts any bytes"
"""The hint for data that is not UTF-8."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF32_LE: "UTF-32LE",  # before UTF-16LE, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32BE",
    codecs.BOM_UTF16_LE: "UTF-16LE",
    codecs.BOM_UTF16_BE: "UTF-16BE",
}
"""The encoding that each byte-order mark stands for."""
SAMPLE_BYTES = 1 << 12
"""Bytes at the beginning of a file that are examined for its encoding."""


def decode_utf8(data: bytes, source: str, unit: Unit, remedy: str = ANY_BYTES, *, offset: int = 0) -> str:
    """Return bytes as text: strict UTF-8, or, with the unit byte, other bytes escaped as surrogates.

    Raises TextError, which names the first invalid byte and its offset; `data` begins `offset` bytes into
    the source.
    """
    if unit == "byte":
        return data.decode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not offset and (encoding := bom_encoding(data)):
            raise TextError(
                f"{source} is {encoding}, not UTF-8: it begins with that encoding's byte-order mark",
                hint=f"add --encoding {encoding[:6].lower()}, or {remedy}",
            ) from error
        encoding = fitting_encoding(data, error.start)
        advice = f"{encoding} would fit: add --encoding {encoding}" if encoding else "name its --encoding"
        raise TextError(
            f"{source} is not UTF-8: byte 0x{data[error.start]:02X} at byte offset {offset + error.start}",
            hint=f"{advice}, or {remedy}",
        ) from error


def text_start(data: bytes, source: str, unit: Unit, remedy: str = ANY_BYTES) -> int:
    """Return the length of a UTF-8 byte-order mark at the beginning of a file, 0 with the unit byte.

    Raises TextError for a file that is not text, and for UTF-16 or UTF-32 without a byte-order mark, which
    may also be valid UTF-8.
    """
    if unit == "byte":
        return 0
    refuse_binary(data, source, remedy)
    if encoding := unmarked_encoding(data):
        raise TextError(
            f"{source} appears to be {encoding} without a byte-order mark, not UTF-8: it has NUL bytes",
            hint=f"add --encoding {encoding[:6].lower()}-{encoding[6:].lower()}, or {remedy}",
        )
    return len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0


def refuse_binary(data: bytes, source: str, remedy: str = ANY_BYTES) -> None:
    """Raise TextError if a file begins as a compressed file, a document or another type that is not text."""
    if kind := file_type(data):
        raise TextError(f"{source} is {kind.name}, not text", hint=f"{conversion(kind, source)}, or {remedy}")


def bom_encoding(data: bytes) -> str:
    """Return the encoding whose byte-order mark the data begins with, empty if there is none."""
    return next((encoding for mark, encoding in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "")


def unmarked_encoding(data: bytes) -> str:
    """Return the UTF-16 or UTF-32 encoding of text without a byte-order mark, empty if none fits.

    The signs are the high bytes of code units: NUL for Latin text, and below 0x20 for most other alphabets.
    """
    if bom_encoding(data):
        return ""
    sample = data[:SAMPLE_BYTES]
    for size, name in ((4, "UTF-32"), (2, "UTF-16")):
        units = len(sample) // size
        columns = [sample[i : size * units : size] for i in range(size)]
        for order, (low, *high) in (("LE", columns), ("BE", columns[::-1])):
            small = sum(byte < 0x20 for byte in high[0])
            has_nuls = all(0 in column for column in high) and all(c.count(0) > 0.9 * units for c in high[1:])
            if units >= 2 and has_nuls and small > 0.9 * units and low.count(0) < 0.1 * units:
                return name + order
    return ""
