"""A text that several processes read."""

import io
import os
from copy import copy
from dataclasses import replace
from multiprocessing import reduction
from typing import Any, BinaryIO, cast

from charseq.text.corpus import AnyCorpus, ByteSource, LargeCorpus
from charseq.text.folders import ReopenedFile
from charseq.text.transcoding import Transcoded


class SharedFile:
    """An open file that is read by position: processes that inherit a file share its current position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._position = descriptor, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, counted from the beginning or (SEEK_END) from the end, and return it."""
        size = os.fstat(self._descriptor).st_size if whence == os.SEEK_END else 0
        self._position = offset + size
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, all if `size` is negative; fewer at the end of the file."""
        if size < 0:
            size = max(0, os.fstat(self._descriptor).st_size - self._position)
        blocks = []
        while size and (block := os.pread(self._descriptor, size, self._position)):
            blocks.append(block)
            self._position += len(block)
            size -= len(block)
        return b"".join(blocks)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a process that multiprocessing starts inherit the file."""
        return _inherited, (reduction.DupFd(self._descriptor),)


def _inherited(descriptor: Any) -> SharedFile:
    return SharedFile(descriptor.detach())


def shareable(corpus: AnyCorpus) -> AnyCorpus:
    """Return a text that the arguments of a new process may contain; its files must stay open until then."""
    validation = shareable(corpus.validation) if corpus.validation else None
    if not isinstance(corpus, LargeCorpus):
        return replace(corpus, validation=validation)
    shared = copy(corpus)
    shared.sources = tuple(source._replace(file=_shareable_file(source)) for source in corpus.sources)
    shared.validation = validation
    return shared


def _shareable_file(source: ByteSource) -> BinaryIO:
    """Return the file of a source, or one with the same content that processes can share."""
    file: Any = source.file
    if isinstance(file, io.BytesIO | ReopenedFile):
        return cast(BinaryIO, file)
    if isinstance(file, Transcoded):
        inner = source._replace(file=cast(BinaryIO, file.file))
        return cast(BinaryIO, file.with_file(_shareable_file(inner)))
    file.flush()
    return cast(BinaryIO, SharedFile(file.fileno()))
