"""What one symbol of a text is: a character, a grapheme cluster or a byte."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from charseq.errors import TextError, UsageError

Unit = Literal["character", "grapheme", "byte"]
Normalization = Literal["none", "nfc", "nfd", "nfkc"]
Unknown = Literal["error", "skip", "replace"]
"""The policy for a symbol that a model does not know."""
ValidationSplit = Literal["spread", "tail"]
"""Where text is held out for validation: spread over the text, or at its end."""


def normalized(text: str, form: Normalization) -> str:
    """The text in a Unicode normalization form; `none` leaves it as it is."""
    if form == "none":
        return text
    names: dict[str, Literal["NFC", "NFD", "NFKC"]] = {"nfc": "NFC", "nfd": "NFD", "nfkc": "NFKC"}
    return unicodedata.normalize(names[form], text)


def utf8(text: str, source: str = "the text") -> bytes:
    """The bytes of a text, those that Python's surrogate escapes stand for among them.

    Raises TextError, which names the `source`, for any other surrogate: no bytes stand for one.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise TextError(
            f"{source} has an unpaired surrogate, U+{ord(text[error.start]):04X}, at character "
            f"{error.start + 1}; it cannot be encoded in UTF-8",
            hint="leave it out, or write the character that the surrogate is half of",
        ) from None


def can_segment(unit: Unit) -> bool:
    """Return whether texts can be cut into such symbols: graphemes need the package regex."""
    if unit == "grapheme":
        try:
            import regex  # noqa: F401
        except ModuleNotFoundError:
            return False
    return True


def segments(text: str, unit: Unit) -> Sequence[str]:
    """Cut a text into its symbols: characters, grapheme clusters (Unicode annex 29), or bytes.

    Raises TextError where a text has no bytes, UsageError where graphemes cannot be found.
    """
    if unit == "byte":
        return utf8(text).decode("latin-1")
    if unit == "grapheme":
        try:
            import regex  # a package of its own, wanted by few
        except ModuleNotFoundError as missing:
            raise UsageError("--unit grapheme needs the package regex", hint="pip install regex") from missing
        found: list[str] = regex.findall(r"\X", text)
        return found
    return text
