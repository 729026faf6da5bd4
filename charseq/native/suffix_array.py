"""Sort the suffixes of a text, and find copies of it, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native.linear import address
from charseq.native.loader import SuffixIndex

Positions = npt.NDArray[np.uint32]
Symbols = npt.NDArray[np.unsignedinteger[Any]]

SYMBOLS_PER_WORD = 4
"""Windows per 64-bit word of the filter: of four bits each, one window in 250 passes that does not occur."""


def suffix_array(lib: ctypes.CDLL, text: Symbols) -> Positions:
    """Return where the suffixes of a text [T] start, in their order [T].  Raises MemoryError."""
    text = np.ascontiguousarray(text)
    suffixes = np.empty(len(text) + 1, np.uint32)
    size = int(text.max(initial=0)) + 1
    if lib.charseq_suffix_array(len(text), text.itemsize, address(text), size, address(suffixes)):
        raise MemoryError
    return suffixes[1:]


class NativeSuffixIndex:
    """A text of at least one symbol, ready to find its copies of `min_length` symbols or more."""

    def __init__(self, lib: ctypes.CDLL, text: Symbols, min_length: int) -> None:
        self._lib, self._dtype = lib, text.dtype
        text = np.ascontiguousarray(text)
        suffixes = suffix_array(lib, text)
        ranks, prefixes = np.empty((2, len(text)), np.uint32)
        words = np.empty(len(text) // SYMBOLS_PER_WORD + 1, np.uint64)
        minima = np.empty((2, lib.charseq_minima_size(len(text))), np.uint32)
        self._arrays = (text, suffixes, ranks, prefixes, words, *minima)
        sizes = (len(text), text.itemsize, min_length, len(words))
        self._index = SuffixIndex(*sizes, *map(address, self._arrays))
        lib.charseq_index_suffixes(ctypes.byref(self._index))

    def find(self, query: Symbols) -> tuple[Positions, Positions, Positions]:
        """Return the starts, lengths and first positions of the copies in a query; see charseq_copies."""
        query = np.ascontiguousarray(query, self._dtype)
        found = tuple(np.empty(len(query), np.uint32) for _ in range(3))  # pages unused take no memory
        count = self._lib.charseq_copies(
            ctypes.byref(self._index), len(query), address(query), *map(address, found)
        )
        starts, lengths, positions = (array[:count].copy() for array in found)
        return starts, lengths, positions
