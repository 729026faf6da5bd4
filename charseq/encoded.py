"""Text as ids of the smallest type: in memory, or mapped from a temporary file where it is large."""

import hashlib
import mmap
import os
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, BinaryIO, overload

import numpy as np
import numpy.typing as npt

from charseq.corpus import AnyCorpus, Corpus, LargeCorpus, lines_of
from charseq.errors import CharseqError, TextError
from charseq.vocabulary import Ids, Vocabulary

LONGEST_EXPANSION = 6
"""Code points that normalization makes of a byte, at most (18 of the 3 bytes of U+FDFA, in NFKC)."""
Edges = npt.NDArray[np.unsignedinteger[Any]]
"""Where sequences begin and end, in an array of ids."""


class Lines(Sequence[Ids]):
    """Lines one after the other: ids [N], the boundary (0) before, between and after them.

    A line is a slice from one boundary to the next, both included; `edges` [L+1] are their places.
    """

    def __init__(self, ids: Ids, edges: Edges) -> None:
        self.ids, self.edges = ids, edges

    @property
    def joined(self) -> Ids:
        """The ids of all lines, without a copy."""
        return self.ids[int(self.edges[0]) : int(self.edges[-1]) + 1]

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """How many places of each line [L] are predicted."""
        return np.diff(self.edges).astype(np.int64)

    def __len__(self) -> int:
        """L, the number of lines."""
        return len(self.edges) - 1

    @overload
    def __getitem__(self, index: int) -> Ids: ...
    @overload
    def __getitem__(self, index: slice) -> "Lines": ...
    def __getitem__(self, index: int | slice) -> "Ids | Lines":
        """One line, or the lines of a slice without a step."""
        if isinstance(index, slice):
            first, last, _ = index.indices(len(self))
            return Lines(self.ids, self.edges[first : max(first, last) + 1])
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.ids[int(self.edges[index]) : int(self.edges[index + 1]) + 1]


class Encoded:
    """A corpus as ids: every string of two symbols or more a sequence, a line enclosed in boundaries.

    Raises TextError where there is nothing to learn, UnknownCharacter where the vocabulary lacks a symbol.
    """

    def __init__(self, corpus: AnyCorpus, vocabulary: Vocabulary) -> None:
        self._lines = corpus.lines
        self._mapped: mmap.mmap | None = None
        self.digest = ""
        """SHA-256 of all ids, and of where strings begin."""
        if isinstance(corpus, LargeCorpus):
            self.sequences = self._of_large(corpus, vocabulary)
        else:
            self.sequences = _of_strings(corpus, vocabulary)
            self.digest = _digest(self.sequences)
        if not len(self.sequences):
            raise TextError(
                f"the text has no string of 2 {vocabulary.unit}s or more; training needs at least 2",
                hint="pass a longer --text, or a --file",
            )

    def split(self, fraction: float) -> tuple[Sequence[Ids], Sequence[Ids]]:
        """Hold out the last `fraction`: whole lines, or whole strings of ten or more; else a part of each.

        Raises TextError where either part would hold nothing to predict.
        """
        sequences = self.sequences
        if not fraction:
            return sequences, []
        learned: Sequence[Ids]
        held_out: Sequence[Ids]
        if self._lines or len(sequences) >= 10:
            cut = min(round(len(sequences) * (1 - fraction)), len(sequences) - 1)
            learned, held_out = sequences[:cut], sequences[cut:]
        else:
            cuts = [(ids, len(ids) - round(len(ids) * fraction)) for ids in sequences]
            learned = [ids[:cut] for ids, cut in cuts if cut >= 2]
            held_out = [ids[cut:] for ids, cut in cuts if len(ids) - cut >= 2]
        if not len(learned) or not len(held_out):
            raise TextError(
                f"--validation {fraction:g} of this text leaves less than 2 characters "
                f"{'to hold out' if len(learned) else 'to learn'}",
                hint="use another fraction, a longer text, or --validation 0",
            )
        return learned, held_out

    def release(self) -> None:
        """Give back the memory of what was read from the temporary file, which is still there."""
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def _of_large(self, corpus: LargeCorpus, vocabulary: Vocabulary) -> Sequence[Ids]:
        try:
            with tempfile.TemporaryFile() as file:
                edges, self.digest = _write(file, corpus, vocabulary)
                if not file.tell():
                    return []
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise CharseqError(
                f"cannot keep the encoded text in a temporary file: {error.strerror or error}",
                hint="make room in the temporary folder, or name another one by TMPDIR",
            ) from None
        ids = np.frombuffer(self._mapped, vocabulary.dtype)
        if corpus.lines:
            return Lines(ids, edges)
        return [ids[a:b] for a, b in pairwise(edges.tolist()) if b - a >= 2]


def _of_strings(corpus: Corpus, vocabulary: Vocabulary) -> Sequence[Ids]:
    if corpus.lines:
        ids = vocabulary.encode_lines(corpus.sequences)
        return Lines(ids, np.flatnonzero(ids == 0).astype(np.uint32))
    return [ids for ids in map(vocabulary.encode, corpus.sequences) if len(ids) >= 2]


def _digest(sequences: Sequence[Ids]) -> str:
    digest = hashlib.sha256()
    if isinstance(sequences, Lines):
        digest.update(np.ascontiguousarray(sequences.joined).data)
    else:
        for ids in sequences:
            digest.update(b"%d " % len(ids))
            digest.update(np.ascontiguousarray(ids).data)
    return digest.hexdigest()


def _write(file: BinaryIO, corpus: LargeCorpus, vocabulary: Vocabulary) -> tuple[Edges, str]:
    """Write all ids.  Returns the places of boundaries, or where each source begins and the last ends.

    Beside them, the SHA-256 of what was written.
    """
    size = sum(source.file.seek(0, os.SEEK_END) for source in corpus.sources)
    most = size * (1 if vocabulary.normalization == "none" else LONGEST_EXPANSION) + len(corpus.sources)
    kind = np.min_scalar_type(most)
    edges: list[Edges] = []
    digest = hashlib.sha256()
    count = 0
    for source in corpus.sources:
        if not corpus.lines:
            edges.append(np.array([count], kind))
        for piece in corpus.pieces_of(source):
            if corpus.lines:
                part = vocabulary.encode_lines(lines_of(piece))[min(count, 1) :]
                edges.append((np.flatnonzero(part == 0) + count).astype(kind))
            else:
                part = vocabulary.encode(piece)
            file.write(part.data)
            digest.update(part.data)
            count += len(part)
    if not corpus.lines:
        edges.append(np.array([count], kind))
        digest.update(str([int(start[0]) for start in edges]).encode())
    file.flush()
    return np.concatenate(edges), digest.hexdigest()
