"""Where a command's text comes from, by option, argument or environment."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from charseq.cli import streams
from charseq.render.visible import visible

BLOCK = 1 << 20
"""Maximum number of bytes per read."""
BYTES_REMEDY = "train on it with --unit byte, which takes any bytes"
"""The hint of commands that use a model, for text that is not UTF-8."""

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from charseq.errors import TextError
    from charseq.text.corpus import AnyCorpus
    from charseq.text.sources import Given
    from charseq.text.units import Normalization, Unit
    from charseq.text.vocabulary import Vocabulary


def from_environment(given: Sequence[str] | None, name: str) -> list[str]:
    """A repeatable option, or its one value from the environment, which is not cut at spaces."""
    return list(given or [value for value in [os.environ.get(f"CHARSEQ_{name}")] if value])


def file_text(name: str, *, unit: "Unit") -> str:
    """A file, or standard input, as one text, which may be empty.  Raises TextError."""
    tell_who_types([name])
    (text,) = _gathered([], [name], unit, may_be_empty=True)
    return text


def _gathered(
    texts: Sequence[str], files: Sequence[str], unit: "Unit", *, may_be_empty: bool = False
) -> "tuple[str, ...]":
    """Read texts and files, each a sequence.  Raises TextError."""
    from charseq.text.sources import gather

    found = gather(
        texts,
        files,
        lines=False,
        unit=unit,
        standard_input=sys.stdin.buffer,
        may_be_empty=may_be_empty,
        report_mark=report_mark,
    )
    return found.sequences


def inspected(
    given: Sequence[str] | None,
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    unit: "Unit",
    vocabulary: "Vocabulary | None",
    example: str,
) -> list[str]:
    """All texts that a command inspects: positional, --text and --file.

    With the vocabulary of a model there may be none, and a file loses its last line end if the model knows no
    line ends.  Raises TextError, which shows the example if a text is missing.
    """
    from charseq.text.corpus import without_last_line_end

    found = arguments(given, unit=unit)
    if not found and not any_given(texts, files):
        if vocabulary is not None:
            return []
        raise none_given(example)
    if texts or files or not found:
        strings, files = _named(texts, files)
        more = _gathered(strings, files, unit)
        found += more[: len(strings)]
        keeps = vocabulary is None or vocabulary.knows_line_ends
        found += (text if keeps else without_last_line_end(text) for text in more[len(strings) :])
    return found


def any_given(*given: Sequence[str] | None) -> bool:
    """Whether a command, or the environment, names any text or file."""
    return any(given) or bool(from_environment(None, "TEXT") or from_environment(None, "FILE"))


def none_given(example: str, purpose: str = "") -> "TextError":
    """Return the error of a command with positional texts that was given none."""
    from charseq.errors import TextError

    hint = f"give one: {example}; or by --text or --file PATH (- is standard input)"
    return TextError(f"no text{purpose} was given", hint=hint)


def given(
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    lines: bool,
    unit: "Unit",
    normalization: "Normalization",
    extra: str = "",
) -> "Given":
    """What they name, and how it is to be read, from standard input if it is that."""
    from charseq.text.sources import Given

    texts, files = _named(texts, files)
    return Given(tuple(texts), tuple(files), lines, unit, normalization, extra)


def report_mark(name: str) -> None:
    """Report on standard error that the byte-order mark of a file or of standard input is skipped."""
    streams.report(f"{visible(name)} begins with a byte-order mark, which is skipped", "dim")


def without_mark(data: bytes, name: str, unit: "Unit") -> bytes:
    """The bytes of a file, or of standard input, without their byte-order mark, which is reported."""
    from charseq.text.corpus import mark_length

    length = mark_length(data, unit)
    if length:
        report_mark(name)
    return data[length:]


def _named(texts: Sequence[str] | None, files: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The texts and files of a command, the environment's where it has none."""
    files = from_environment(files, "FILE")
    texts = from_environment(texts, "TEXT") if texts or not files else []
    tell_who_types(files)
    return texts, files


def arguments(given: Sequence[str] | None, *, unit: "Unit" = "character", remedy: str = "") -> list[str]:
    """Positional texts; - stands for the lines of standard input.

    Raises TextError, with a `remedy` of the command's own for bytes that are not UTF-8.
    """
    from charseq.errors import TextError
    from charseq.text.corpus import ANY_BYTES, decoded, reading
    from charseq.text.sources import STANDARD_INPUT, checked

    remedy = remedy or ANY_BYTES
    found: list[str] = []
    for text in given or []:
        if text == STANDARD_INPUT:
            tell_who_types([STANDARD_INPUT])
            with reading("standard input"):
                data = sys.stdin.buffer.read()
            read = without_mark(data, "standard input", unit)
            offset = len(data) - len(read)
            lines = decoded(read, "standard input", unit, remedy, offset=offset).splitlines()
            if not lines:
                raise TextError("standard input is empty", hint="pipe a text into it")
            found += lines
        else:
            found.append(checked(text, f"the argument {text!r}", unit, remedy))
    return found


def checked(text: str, option: str, unit: "Unit") -> str:
    """The string of an option.  Raises TextError for bytes that are not UTF-8, where the unit is no byte."""
    from charseq.text.sources import checked

    return checked(text, f"{option} {text!r}", unit, "write it in UTF-8")


def lines_as_they_come(
    name: str, *, unit: "Unit" = "character", remedy: str = ""
) -> Iterator[list[tuple[int, str]]]:
    r"""The lines of a file, or of standard input (-), with their numbers: those that are there already.

    They end in \n or \r\n.  Raises TextError.
    """
    from charseq.text.corpus import ANY_BYTES, decoded, reading
    from charseq.text.sources import STANDARD_INPUT, open_file

    if name == STANDARD_INPUT:
        tell_who_types([STANDARD_INPUT])
        context: AbstractContextManager[Any]
        source, context = "standard input", contextlib.nullcontext(sys.stdin.buffer)
    else:
        source, context = repr(name), open_file(name)
    number, offset, held = 0, 0, b""
    with context as file:
        while True:
            with reading(source):
                block = file.read1(BLOCK)
            held += block
            end = held.rfind(b"\n") + 1 if block else len(held)
            if end and not offset:
                whole, held = held, without_mark(held, source, unit)
                offset = len(whole) - len(held)
                end -= offset
            if end:
                text = decoded(held[:end], source, unit, remedy or ANY_BYTES, offset=offset)
                lines = text.removesuffix("\n").split("\n")
                yield [(number + i, line.removesuffix("\r")) for i, line in enumerate(lines, 1)]
                number, offset, held = number + len(lines), offset + end, held[end:]
            if not block:
                return


def tell_who_types(files: Sequence[str]) -> None:
    """Where standard input is one of them, and a terminal, say that it is waited for."""
    if "-" in files and sys.stdin.isatty():
        streams.report("reading standard input until Ctrl-D", "dim")


def suggest_lines(corpus: "AnyCorpus") -> None:
    """Suggest --lines on standard error if the text is a list whose lines would be read as running text."""
    from charseq.text.line_detection import resembles_list

    if resembles_list(corpus):
        hint = "the text looks like a list: add --lines to learn every line as a sequence of its own"
        streams.report(hint, "yellow")


def report_empty(files: Sequence[str], purpose: str, *, only_empty_lines: bool = False) -> None:
    """Say on standard error that there is nothing to do.  An empty file or pipe is no mistake."""
    names = " and ".join("standard input" if name == "-" else visible(repr(name)) for name in files)
    if only_empty_lines:
        reason = f"{names} {'has' if len(files) == 1 else 'have'} only empty lines"
    else:
        reason = f"{names} {'is' if len(files) == 1 else 'are'} empty"
    streams.report(f"{reason}: nothing to {purpose}", "yellow")
