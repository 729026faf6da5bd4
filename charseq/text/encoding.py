"""Text as ids of the smallest integer type, in memory or, if large, mapped from a temporary file."""

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import CharseqError, TextError
from charseq.system.file_errors import reason, remedy
from charseq.text.corpus import AnyCorpus, Corpus, LargeCorpus
from charseq.text.sequences import Bounds, Sequences
from charseq.text.vocabulary import Ids, Vocabulary

COUNTED_AT_ONCE = 1 << 24
"""Ids that are looked at together."""
MAX_EXPANSION = 6
"""The most code points per byte after normalization: NFKC turns the 3 bytes of U+FDFA into 18."""


class Machine(NamedTuple):
    """The processes of one machine, which map the same file."""

    writes: bool
    """Whether this process writes the file."""
    exchange: Callable[[str], str]
    """Returns the string of the process that writes; waits for all processes."""


class EncodedCorpus:
    """A corpus as ids: a sequence for each string of two symbols or more; boundary symbols enclose lines.

    Raises TextError if there is nothing to learn, UnknownCharacter if the vocabulary lacks a symbol.
    """

    def __init__(self, corpus: AnyCorpus, vocabulary: Vocabulary, machine: Machine | None = None) -> None:
        """Encode a corpus; the ids of a large one are written once on a `machine` with several processes."""
        self._vocabulary, self._machine = vocabulary, machine
        self._mapped: mmap.mmap | None = None
        self.digest = ""
        """SHA-256 of all ids and of where strings begin."""
        if isinstance(corpus, LargeCorpus):
            self.sequences = self._of_large(corpus, vocabulary)
        else:
            self.sequences = _of_strings(corpus, vocabulary)
            self.digest = _digest(self.sequences, lines=corpus.lines)
        if not len(self.sequences):
            raise TextError(
                f"the text has no string of 2 {vocabulary.unit}s or more; training requires at least 2",
                hint="give a longer text with --text or --file",
            )

    def size(self, *, lines: bool) -> int:
        """Return the number of symbols, without the boundaries of `lines`."""
        return self.sequences.total + len(self.sequences) * (-1 if lines else 1)

    def ranks(self) -> npt.NDArray[np.int64] | None:
        """Return the ids [V] that the symbols would have in a vocabulary of this text alone.

        None if the vocabulary is one of a single text: then these are its ids.
        """
        symbols, is_label = self._vocabulary.symbols, self._vocabulary.is_label
        order = sorted(range(len(symbols)), key=lambda i: (is_label[i], symbols[i]))
        if order == [*range(len(symbols))]:
            return None
        occurs = np.zeros(len(symbols), np.bool_)
        for first in range(0, len(self.sequences.ids), COUNTED_AT_ONCE):
            occurs[self.sequences.ids[first : first + COUNTED_AT_ONCE]] = True
        own = [i for i in order if occurs[i]]
        ranks = np.zeros(len(symbols), np.int64)
        ranks[own] = np.arange(len(own))
        return ranks

    def release(self) -> None:
        """Release the memory of pages read from the temporary file; the file remains."""
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def _of_large(self, corpus: LargeCorpus, vocabulary: Vocabulary) -> Sequences:
        try:
            if self._machine is None:
                with tempfile.TemporaryFile() as file:
                    edges, self.digest = _write(file, corpus, vocabulary)
                    count = file.tell()
                    self._map(file)
            else:
                edges, count = self._shared(corpus, vocabulary, self._machine)
        except OSError as error:
            raise CharseqError(
                f"cannot save the encoded text to a temporary file: {reason(error)}",
                hint=remedy(error, "choose another temporary folder with TMPDIR"),
            ) from None
        if self._mapped is None or not count:
            return Sequences.of([])
        ids = np.frombuffer(self._mapped, vocabulary.dtype, count // vocabulary.dtype.itemsize)
        if corpus.lines:
            return _lines(ids, edges, vocabulary)
        return Sequences(ids, edges[:-1], edges[1:]).with_targets()

    def _shared(self, corpus: LargeCorpus, vocabulary: Vocabulary, machine: Machine) -> tuple[Bounds, int]:
        """Map a file that one process of the machine writes: ids, and the edges after them.

        Returns the edges of sequences, and the size of the ids in bytes.
        """
        name, written = "", ""
        try:
            if machine.writes:
                with tempfile.NamedTemporaryFile(delete=False) as file:
                    name = file.name
                    edges, self.digest = _write(file, corpus, vocabulary)
                    count = file.tell()
                    file.write(bytes(-count % edges.itemsize) + edges.tobytes())
                written = json.dumps([name, count, edges.dtype.str, len(edges), self.digest])
            path, count, kind, size, self.digest = json.loads(machine.exchange(written))
            with Path(path).open("rb") as shared:
                self._map(shared)
            machine.exchange("")  # all have opened it
        finally:
            if name:
                Path(name).unlink()
        buffer = self._mapped if self._mapped is not None else b""
        return np.frombuffer(buffer, kind, size, count + -count % np.dtype(kind).itemsize), count

    def _map(self, file: IO[bytes]) -> None:
        """Map a file, unless it is empty."""
        if file.seek(0, os.SEEK_END):
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def count_symbols(corpus: AnyCorpus, vocabulary: Vocabulary) -> int:
    """Return the number of symbols of a text; for a large one, the number of code points as read."""
    if isinstance(corpus, LargeCorpus) or (
        vocabulary.unit == "character" and vocabulary.normalization == "none"
    ):
        return corpus.characters
    return sum(len(vocabulary.encode(chunk)) for chunk in corpus.chunks())


def _of_strings(corpus: Corpus, vocabulary: Vocabulary) -> Sequences:
    if corpus.lines:
        ids = vocabulary.encode_lines(corpus.sequences, corpus.line_labels)
        return _lines(ids, np.flatnonzero(ids == 0).astype(np.uint32), vocabulary)
    return Sequences.of([ids for ids in map(vocabulary.encode, corpus.sequences) if len(ids) >= 2])


def _lines(ids: Ids, edges: Bounds, vocabulary: Vocabulary) -> Sequences:
    """Return the lines between the boundaries at `edges`: from the boundary on, or from the label."""
    one = edges.dtype.type(1)
    return Sequences(ids, edges[:-1] + one if vocabulary.labels else edges[:-1], edges[1:] + one)


def _digest(sequences: Sequences, *, lines: bool) -> str:
    digest = hashlib.sha256()
    if lines:
        digest.update(np.ascontiguousarray(sequences.ids).data)
    else:
        for ids in sequences:
            digest.update(b"%d " % len(ids))
            digest.update(np.ascontiguousarray(ids).data)
    return digest.hexdigest()


def _write(file: IO[bytes], corpus: LargeCorpus, vocabulary: Vocabulary) -> tuple[Bounds, str]:
    """Write all ids to a file, and return the edges of sequences and the SHA-256 of the data.

    Edges are the positions of boundary symbols, or else the start of each source and the end of the last.
    """
    size = sum(source.file.seek(0, os.SEEK_END) for source in corpus.sources)
    max_count = size * (1 if vocabulary.normalization == "none" else MAX_EXPANSION) + len(corpus.sources)
    dtype = np.min_scalar_type(max_count)
    edges: list[Bounds] = []
    digest = hashlib.sha256()
    count = 0

    def write(ids: Ids) -> int:
        file.write(ids.data)
        digest.update(ids.data)
        return len(ids)

    for lines, labels in corpus.labeled_batches() if corpus.lines else ():
        ids = vocabulary.encode_lines(lines, labels)[min(count, 1) :]
        edges.append((np.flatnonzero(ids == 0) + count).astype(dtype))
        count += write(ids)
    for source in () if corpus.lines else corpus.sources:
        edges.append(np.array([count], dtype))
        for chunk in corpus.read_source(source):
            count += write(vocabulary.encode(chunk))
    if not corpus.lines:
        edges.append(np.array([count], dtype))
        digest.update(str([int(start[0]) for start in edges]).encode())
    file.flush()
    return np.concatenate(edges), digest.hexdigest()
