"""Units of text: characters, grapheme clusters or bytes."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from charseq.errors import TextError, UsageError, quoted

Unit = Literal["character", "grapheme", "byte"]
Normalization = Literal["none", "nfc", "nfd", "nfkc"]
Unknown = Literal["error", "skip", "replace"]
"""The policy for a symbol that a model does not know."""
ValidationSplit = Literal["spread", "tail"]
"""Where the held-out text is: spread over the text, or at its end."""


def normalized(text: str, form: Normalization) -> str:
    """Return a text in a Unicode normalization form; `none` leaves it unchanged."""
    if form == "none":
        return text
    names: dict[str, Literal["NFC", "NFD", "NFKC"]] = {"nfc": "NFC", "nfd": "NFD", "nfkc": "NFKC"}
    return unicodedata.normalize(names[form], text)


def encode_utf8(text: str, source: str = "the text") -> bytes:
    """Return a text in UTF-8; Python's surrogate escapes become the bytes that they represent.

    Raises TextError, which names the `source`, for any other surrogate.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise TextError(
            f"{source} has an unpaired surrogate, U+{ord(text[error.start]):04X}, at character "
            f"{error.start + 1}; it cannot be encoded in UTF-8",
            hint="remove it, or write the whole surrogate pair",
        ) from None


def displayable(symbols: Sequence[str], unit: str) -> Sequence[str]:
    """Return symbols for display: a byte that is not ASCII becomes Python's surrogate escape of it."""
    if unit != "byte":
        return symbols
    return [chr(0xDC00 + ord(symbol)) if "\x80" <= symbol <= "\xff" else symbol for symbol in symbols]


def listing(symbols: Sequence[str], unit: str, most: int = 40) -> str:
    """Return symbols, at most 40, for a message."""
    symbols = displayable(symbols, unit)
    shown = "".join(symbols[:most]) if all(len(s) <= 1 for s in symbols) else " ".join(symbols[:most])
    return quoted(shown) + (f" and {len(symbols) - most} more" if len(symbols) > most else "")


def can_segment(unit: Unit) -> bool:
    """Return whether text can be segmented into a unit: graphemes need the package regex."""
    if unit == "grapheme":
        try:
            import regex  # noqa: F401
        except ModuleNotFoundError:
            return False
    return True


def segments(text: str, unit: Unit) -> Sequence[str]:
    """Segment a text into characters, grapheme clusters (Unicode annex 29), or bytes.

    Raises TextError if a text cannot be encoded as bytes, UsageError if the package regex is missing.
    """
    if unit == "byte":
        return encode_utf8(text).decode("latin-1")
    if unit == "grapheme":
        try:
            import regex  # optional
        except ModuleNotFoundError as missing:
            raise UsageError(
                "--unit grapheme requires the package regex", hint="pip install regex"
            ) from missing
        clusters: list[str] = regex.findall(r"\X", text)
        return clusters
    return text
