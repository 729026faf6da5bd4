"""Files and streams, opened so that they can be read more than once."""

import io
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, BinaryIO, cast

from charseq.errors import CharseqError, TextError, quoted
from charseq.system.file_errors import reason, remedy
from charseq.text.corpus import explain_read_errors

BLOCK_BYTES = 1 << 20
"""Bytes of a stream read at once."""


def open_file(name: str) -> io.BufferedReader:
    """Open a file for reading.  Raises TextError."""
    try:
        return Path(name).open("rb")
    except FileNotFoundError:
        raise TextError(f"file {quoted(name)} not found", hint="check the path") from None
    except IsADirectoryError:
        raise TextError(f"{quoted(name)} is a folder", hint="give a text file") from None
    except (OSError, ValueError) as error:
        raise TextError(f"cannot read {quoted(name)}: {reason(error)}", hint=remedy(error)) from None


def open_rereadable(name: str, max_bytes: int) -> BinaryIO:
    """Open a file so that it can be read more than once; up to `max_bytes` of a pipe are held in memory."""
    file = open_file(name)
    if file.seekable():
        return file
    with file:
        return spool(file, quoted(name), max_bytes)


def spool(stream: IO[bytes], name: str, max_bytes: int) -> BinaryIO:
    """Copy a stream that can be read only once to memory, or to a temporary file if it exceeds `max_bytes`.

    Raises TextError if it cannot be read, CharseqError if it cannot be saved.
    """
    with ExitStack() as opened:
        copy = opened.enter_context(tempfile.SpooledTemporaryFile(max_size=max_bytes))
        size = BLOCK_BYTES
        while size == BLOCK_BYTES:  # a shorter block is the last; a terminal would wait for another
            with explain_read_errors(name):
                block = stream.read(BLOCK_BYTES)
            size = len(block)
            try:
                copy.write(block)
            except OSError as error:
                raise CharseqError(
                    f"cannot save {name} to a temporary file: {reason(error)}",
                    hint=remedy(error, "choose another temporary folder with TMPDIR"),
                ) from None
        opened.pop_all()  # the caller closes it
    return cast(BinaryIO, copy)
