"""The code points of texts as arrays, in pieces that fit the processor's cache."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

PIECE = 1 << 16
"""Characters or ids converted at once."""


def code_points(text: str) -> Iterator[npt.NDArray[np.unsignedinteger[Any]]]:
    """Yield the code points of a text, PIECE at a time."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        if piece.isascii():
            yield np.frombuffer(piece.encode("ascii"), np.uint8)
        else:
            yield np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), "<u4")


def merge_short_texts(texts: Iterable[str]) -> Iterator[str]:
    """Join short texts to texts of at least PIECE characters: fewer calls for a million short ones."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= PIECE:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)
