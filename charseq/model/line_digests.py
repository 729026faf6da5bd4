"""Digests of training lines, which distinguish new lines from known ones."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from charseq.text.corpus import AnyCorpus, Corpus
from charseq.text.unique_lines import line_digest
from charseq.text.units import Normalization, normalized

MAX_LINES = 1_000_000
"""The most lines whose digests are saved (8 bytes each); for a text with more, none are."""

Digests = npt.NDArray[np.uint64]


def line_digests(
    corpus: AnyCorpus, normalization: Normalization, *, known: Digests | None = None
) -> Digests | None:
    """Return the digests of all lines, sorted and unique [N]; None if the text is not lines or has too many.

    They include those of the `known` lines.  Those of labeled lines are of their texts, without the labels.
    With 64 bits and a million lines, one new line in 10^13 counts as known.
    """
    if not corpus.lines or corpus.strings > MAX_LINES:
        return None
    hashes = (line_digest(normalized(line, normalization)) for line in _lines(corpus))
    digests = np.unique(np.fromiter(hashes, np.uint64))
    return digests if known is None else np.union1d(digests, known)


def contains(digests: Digests, line: str) -> bool:
    """Return whether sorted digests include that of a line."""
    digest = np.uint64(line_digest(line))
    index = int(np.searchsorted(digests, digest))
    return index < len(digests) and bool(digests[index] == digest)


def _lines(corpus: AnyCorpus) -> Iterable[str]:
    if isinstance(corpus, Corpus):
        return corpus.sequences
    return (line for lines in corpus.line_batches() for line in lines)
