"""What one symbol of a text is: a character, a grapheme cluster or a byte."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from charseq.errors import UsageError

Unit = Literal["character", "grapheme", "byte"]
Normalization = Literal["none", "nfc", "nfd", "nfkc"]
Unknown = Literal["error", "skip", "replace"]
"""What becomes of a symbol that a model does not know."""


def normalized(text: str, form: Normalization) -> str:
    """The text in a Unicode normalization form; `none` leaves it as it is."""
    if form == "none":
        return text
    names: dict[str, Literal["NFC", "NFD", "NFKC"]] = {"nfc": "NFC", "nfd": "NFD", "nfkc": "NFKC"}
    return unicodedata.normalize(names[form], text)


def segments(text: str, unit: Unit) -> Sequence[str]:
    """Cut a text into its symbols: characters, grapheme clusters (Unicode annex 29), or bytes."""
    if unit == "byte":
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    if unit == "grapheme":
        try:
            import regex  # a package of its own, wanted by few
        except ModuleNotFoundError as missing:
            raise UsageError(
                "--unit grapheme needs the package regex", hint="pip install 'charseq[grapheme]'"
            ) from missing
        found: list[str] = regex.findall(r"\X", text)
        return found
    return text
