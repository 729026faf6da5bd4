"""The lines of a training text, remembered by their digests."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from charseq.text.corpus import AnyCorpus, Corpus, split_lines
from charseq.text.units import Normalization, normalized

MOST_LINES = 1_000_000
"""Lines that are remembered, in 8 bytes each; of a text with more, none are."""

Digests = npt.NDArray[np.uint64]


def line_digests(corpus: AnyCorpus, normalization: Normalization) -> Digests | None:
    """The digests of all lines, sorted, each once [N]; None of a text that is not lines, or has too many.

    They have 64 bits: of a million lines, a new one is taken for an old one once in 10^13 times.
    """
    if not corpus.lines or corpus.strings > MOST_LINES:
        return None
    found = (_digest(normalized(line, normalization)) for line in _lines(corpus))
    return np.unique(np.fromiter(found, np.uint64))


def contains(digests: Digests, line: str) -> bool:
    """Whether a line is one of them."""
    wanted = np.uint64(_digest(line))
    place = int(np.searchsorted(digests, wanted))
    return place < len(digests) and bool(digests[place] == wanted)


def _lines(corpus: AnyCorpus) -> Iterable[str]:
    if isinstance(corpus, Corpus):
        return corpus.sequences
    return (
        line
        for source in corpus.sources
        for piece in corpus.read_source(source)
        for line in split_lines(piece)
    )


def _digest(line: str) -> int:
    data = line.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
