"""Find the lines of a text that repeat an earlier one, by 64-bit digests: 25 bytes of memory a line."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from charseq.text.units import Normalization, normalized

Mask = npt.NDArray[np.bool_]
"""Whether each line is kept."""


def line_digest(line: str) -> int:
    """Return 64 bits that identify a line: with a million lines, one in 10^13 has the digest of another."""
    data = line.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def first_occurrences(lines: Iterable[str], normalization: Normalization) -> Mask:
    """Return a mask of the lines that repeat no earlier one, after normalization."""
    digests = np.fromiter((line_digest(normalized(line, normalization)) for line in lines), np.uint64)
    kept = np.zeros(len(digests), np.bool_)
    kept[np.unique(digests, return_index=True)[1]] = True
    return kept
