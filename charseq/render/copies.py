"""The copies in a text: a sentence, a JSON record, and which of the symbols are copied."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.inference.copies import Copies, Span, TotalCopies
from charseq.render.quantities import count, percent
from charseq.render.visible import visible
from charseq.text.sources import STANDARD_INPUT
from charseq.text.units import Unit, encode_utf8


def copies_record(copies: Copies) -> dict[str, Any]:
    """Return the copies in a text as a JSON object; the source of a string is null."""
    return {
        "share": copies.share,
        "longest": copies.longest,
        "characters": copies.characters,
        "spans": [
            {
                "start": span.start,
                "end": span.end,
                "source": span.source or None,
                "number": span.number,
                "offset": span.offset,
                "line": span.line,
            }
            for span in copies.spans
        ],
    }


def copies_sentence(total: TotalCopies, min_length: int, unit: Unit) -> str:
    """Return a line about the copies in one text or several."""
    noun = _noun(unit)
    share = f"copied: {percent(total.share)}" + (f" of {total.texts:,} texts" if total.texts > 1 else "")
    if total.longest is None:
        return f"{share}: no span of {min_length} {noun}s or more"
    return (
        f"{share} in {count(total.spans, 'span')} of {min_length} {noun}s or more; the longest has "
        f"{count(total.longest.length, noun)} and occurs in {_place(total.longest)}"
    )


def too_short_sentence(total: TotalCopies, min_length: int, unit: Unit) -> str:
    """Return the hint that no text was long enough to have a copy."""
    texts = "the text has" if total.texts == 1 else "all texts have"
    return f"copied: too short to tell: {texts} fewer than {min_length} {_noun(unit)}s"


def copy_fields(copies: Copies) -> list[str]:
    """Return the fields of plain output: the share, the length of the longest span, and its file and line."""
    span = copies.longest_span
    source = "-" if span is None else f"{visible(span.source) or f'text {span.number}'}:{span.line}"
    return [f"{copies.share:.4f}", str(copies.longest), source]


def _place(span: Span) -> str:
    if not span.source:
        return f"string {span.number} of the training text, line {span.line:,}"
    source = "standard input" if span.source == STANDARD_INPUT else visible(span.source)
    return f"{source}, line {span.line:,}"


def _noun(unit: Unit) -> str:
    return "byte" if unit == "byte" else "character"


class CopiedSymbols:
    """Tells for each symbol of a text, in order, whether all its characters or bytes are copied."""

    def __init__(self, mask: npt.NDArray[np.bool_] | None) -> None:
        self._mask, self._position = mask, 0

    def next(self, length: int = 1) -> bool:
        """Return whether the next symbol is copied; without a mask and for an empty symbol, False."""
        if self._mask is None or not length:
            return False
        start, self._position = self._position, self._position + length
        return bool(self._mask[start : self._position].all())


def copied_pieces(text: str, copies: Copies, unit: Unit) -> Iterator[tuple[bool, str]]:
    """Yield the pieces of a text that are copied and those that are not, in turn."""
    symbols = CopiedSymbols(copies.mask())
    lengths: Iterable[int] = (len(encode_utf8(c)) if unit == "byte" else 1 for c in text)
    marked = zip(map(symbols.next, lengths), text, strict=True)
    for is_copied, piece in groupby(marked, key=lambda pair: pair[0]):
        yield is_copied, "".join(character for _, character in piece)
