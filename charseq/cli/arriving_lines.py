"""The lines of a file or of standard input, as soon as they can be read."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from charseq.cli import text_input

BLOCK = 1 << 20
"""Maximum number of bytes per read."""

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from charseq.text.units import Unit


def arriving_lines(
    name: str, *, unit: "Unit" = "character", encoding: str = "utf-8", remedy: str = ""
) -> Iterator[list[tuple[int, str]]]:
    r"""Yield the lines of a file, or of standard input (-), and their numbers, as soon as they can be read.

    Lines end with \n or \r\n.  Raises TextError.
    """
    from charseq.text.files import open_file
    from charseq.text.sources import STANDARD_INPUT
    from charseq.text.utf8 import ANY_BYTES, decode_utf8

    if name == STANDARD_INPUT:
        text_input.report_typing([STANDARD_INPUT])
        context: AbstractContextManager[Any]
        source, context = "standard input", contextlib.nullcontext(sys.stdin.buffer)
    else:
        source, context = repr(name), open_file(name)
    number, offset, unread = 0, 0, b""
    with context as file:
        for block in _arriving_blocks(file, source, encoding):
            unread += block
            end = unread.rfind(b"\n") + 1 if block else len(unread)
            if end and not offset:
                data, unread = unread, text_input.skip_bom(unread, source, unit, remedy or ANY_BYTES)
                offset = len(data) - len(unread)
                end -= offset
            if end:
                text = decode_utf8(unread[:end], source, unit, remedy or ANY_BYTES, offset=offset)
                lines = text.removesuffix("\n").split("\n")
                yield [(number + i, line.removesuffix("\r")) for i, line in enumerate(lines, 1)]
                number, offset, unread = number + len(lines), offset + end, unread[end:]


def _arriving_blocks(file: Any, source: str, encoding: str) -> Iterator[bytes]:
    """Yield the bytes of a text in UTF-8 as soon as they can be read, and at the end no bytes."""
    from charseq.text.corpus import explain_read_errors
    from charseq.text.transcoding import UTF_8, Transcoded
    from charseq.text.utf8 import refuse_binary

    decoder = None if encoding == UTF_8 else Transcoded(file, source, encoding)
    is_first = decoder is not None
    while True:
        with explain_read_errors(source):
            block = file.read1(BLOCK)
        if is_first:
            refuse_binary(block, source)
            is_first = False
        text = decoder.decoded(block) if decoder else block
        if text:
            yield text
        if not block:
            yield b""
            return
