"""The code points of texts as arrays, in chunks that fit the processor's cache."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.text.units import Normalization, Unit, encode_utf8, normalized

CHUNK = 1 << 16
"""Characters or ids converted at once."""


def code_points(text: str) -> Iterator[npt.NDArray[np.unsignedinteger[Any]]]:
    """Yield the code points of a text, CHUNK at a time."""
    for start in range(0, len(text), CHUNK):
        chunk = text[start : start + CHUNK]
        if chunk.isascii():
            yield np.frombuffer(chunk.encode("ascii"), np.uint8)
        else:
            yield np.frombuffer(chunk.encode("utf-32-le", "surrogatepass"), "<u4")


def merge_short_texts(texts: Iterable[str]) -> Iterator[str]:
    """Merge short texts into texts of at least CHUNK characters, to save calls."""
    pending: list[str] = []
    length = 0
    for text in texts:
        pending.append(text)
        length += len(text)
        if length >= CHUNK:
            yield "".join(pending)
            pending, length = [], 0
    yield "".join(pending)


def codes_of(text: str, unit: Unit, normalization: Normalization = "none") -> npt.NDArray[Any]:
    """Return a text as numbers: its code points after normalization, or its bytes if the unit is byte.

    Raises TextError for a text that has no bytes.
    """
    if unit == "byte":
        return np.frombuffer(encode_utf8(text), np.uint8)
    text = normalized(text, normalization)
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
