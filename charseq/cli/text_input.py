"""The text of a command: options, arguments, environment variables, files and standard input."""

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from charseq.cli import input_notes, streams
from charseq.errors import quoted

BYTES_REMEDY = "train on it with --unit byte, which accepts any bytes"
"""The hint of commands that use a model, for text that is not UTF-8."""

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charseq.errors import TextError
    from charseq.model.model_file import Model
    from charseq.text.sources import TextSource
    from charseq.text.units import Unit


@contextmanager
def advising_to_train() -> "Iterator[None]":
    """Let errors about bytes that are not UTF-8 advise to train with --unit byte: a model has its unit."""
    from charseq.errors import TextError
    from charseq.text.utf8 import ANY_BYTES

    try:
        yield
    except TextError as error:
        error.hint = error.hint.replace(ANY_BYTES, BYTES_REMEDY)
        raise


def from_environment(values: Sequence[str] | None, name: str) -> list[str]:
    """Return the values of a repeatable option, or the single value of its environment variable."""
    return list(values or [value for value in [os.environ.get(f"CHARSEQ_{name}")] if value])


def file_text(name: str, *, unit: "Unit", encoding: str) -> str:
    """Return a file, or standard input, as one text, which may be empty.  Raises TextError."""
    report_typing([name])
    (text,) = _read([], [name], unit, encoding, may_be_empty=True)
    return text


def _read(
    texts: Sequence[str], files: Sequence[str], unit: "Unit", encoding: str, *, may_be_empty: bool = False
) -> "tuple[str, ...]":
    """Return texts and the contents of files.  Raises TextError."""
    from charseq.text.sources import read_corpus

    corpus = read_corpus(
        texts,
        files,
        lines=False,
        unit=unit,
        standard_input=sys.stdin.buffer,
        encoding=encoding,
        may_be_empty=may_be_empty,
        report=input_notes.report_note,
    )
    return corpus.sequences


def texts_to_inspect(
    positional: Sequence[str] | None,
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    *,
    unit: "Unit",
    encoding: str,
    model: "Model | None" = None,
    example: str,
) -> list[str]:
    """Return the texts of an inspecting command: positional, --text and --file.

    With a model, its unit is used, the memorized texts are the default, and a file loses its last line ending
    if the model knows none.  Raises TextError, which shows the `example` if a text is missing.
    """
    from charseq.text.corpus import strip_last_line_ending
    from charseq.text.sources import check_encoding

    unit = unit if model is None else model.vocabulary.unit
    inspected = arguments(positional, unit=unit, encoding=check_encoding(encoding, unit))
    if not inspected and not names_text(texts, files):
        if model is not None and model.memorized:
            return list(model.memorized)
        raise missing_text(example)
    if texts or files or not inspected:
        strings, files = _named(texts, files)
        more = _read(strings, files, unit, encoding)
        inspected += more[: len(strings)]
        knows_line_ends = model is None or model.vocabulary.knows_line_ends
        inspected += (
            text if knows_line_ends else strip_last_line_ending(text) for text in more[len(strings) :]
        )
    return inspected


def named_texts(
    positional: Sequence[str] | None, texts: Sequence[str] | None, files: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the texts and the files of a command, or of its environment if it names none."""
    strings, names = [*(positional or []), *(texts or [])], list(files or [])
    if not strings and not names:
        return from_environment(None, "TEXT"), from_environment(None, "FILE")
    return strings, names


def texts_and_files(
    positional: Sequence[str] | None,
    texts: Sequence[str] | None,
    files: Sequence[str] | None,
    unit: "Unit",
    encoding: str = "utf-8",
) -> tuple[list[str], list[str]]:
    """Return the texts of a command or of its environment, and the files; a positional - is one of these.

    In the place of a folder are the text files below it.  Raises TextError.
    """
    from charseq.errors import UsageError

    names = [*(files or []), *(name for name in positional or [] if name == "-")]
    strings, names = named_texts(positional, texts, names)
    if names.count("-") > 1:
        raise UsageError("standard input can be read only once", hint="use - only once")
    given = arguments([string for string in strings if string != "-"], unit=unit)
    return given, expanded(names, unit, encoding)


def names_text(*values: Sequence[str] | None) -> bool:
    """Return whether a command, or the environment, names any text or file."""
    return any(values) or bool(from_environment(None, "TEXT") or from_environment(None, "FILE"))


def missing_text(example: str, purpose: str = "") -> "TextError":
    """Return the error for a command with positional texts that has none."""
    from charseq.errors import TextError

    hint = f"give one: {example}; or use --text or --file PATH (- is standard input)"
    return TextError(f"no text{purpose} was given", hint=hint)


def text_source(values: Mapping[str, Any]) -> "TextSource":
    """Return the texts and files of a command, or of its environment, and how to read them.

    `values` are the parameters of the command, by name.
    """
    from charseq.text.sources import TextSource

    texts, files = _named(values["text"], values["file"])
    validation_files = from_environment(values["validation_file"], "VALIDATION_FILE")
    report_typing(validation_files)
    return TextSource(
        tuple(texts),
        tuple(files),
        lines=values["lines"] or values["labels"],
        unit=values["unit"],
        normalization=values["normalize"],
        extra=values["vocabulary"],
        labels=values["labels"],
        encoding=values["encoding"],
        unique=values["unique"],
        validation_files=tuple(validation_files),
    )


def expanded(files: Sequence[str], unit: "Unit", encoding: str) -> list[str]:
    """Return the names of files, with those of the text files below each folder in its place.

    Reports files that are left out.  Raises TextError, and UsageError for an encoding beside the unit byte.
    """
    from charseq.text.sources import check_encoding, expand_folders

    check_encoding(encoding, unit)

    return expand_folders(files, unit, encoding, input_notes.report_note)


def skip_bom(data: bytes, name: str, unit: "Unit", remedy: str) -> bytes:
    """Return the bytes of a file or of standard input without a byte-order mark, and report the mark."""
    from charseq.text.utf8 import text_start

    length = text_start(data, name, unit, remedy)
    if length:
        input_notes.report_note(f"{name} begins with a byte-order mark, which is skipped")
    return data[length:]


def _named(texts: Sequence[str] | None, files: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the texts and files of a command, or of its environment if it names none."""
    files = from_environment(files, "FILE")
    texts = from_environment(texts, "TEXT") if texts or not files else []
    report_typing(files)
    return texts, files


def arguments(
    texts: Sequence[str] | None, *, unit: "Unit" = "character", encoding: str = "utf-8", remedy: str = ""
) -> list[str]:
    """Return positional texts, with the lines of standard input in place of -.

    Raises TextError; `remedy` is its hint for bytes that are not UTF-8.
    """
    from charseq.errors import TextError
    from charseq.text.corpus import explain_read_errors
    from charseq.text.sources import STANDARD_INPUT, check_utf8
    from charseq.text.utf8 import ANY_BYTES, decode_utf8

    remedy = remedy or ANY_BYTES
    result: list[str] = []
    for text in texts or []:
        if text == STANDARD_INPUT:
            report_typing([STANDARD_INPUT])
            with explain_read_errors("standard input"):
                data = transcoded(sys.stdin.buffer.read(), encoding)
            content = skip_bom(data, "standard input", unit, remedy)
            offset = len(data) - len(content)
            lines = decode_utf8(content, "standard input", unit, remedy, offset=offset).splitlines()
            if not lines:
                raise TextError("standard input is empty", hint="pipe a text into it")
            result += lines
        else:
            result.append(check_utf8(text, f"the argument {quoted(text)}", unit, remedy))
    return result


def transcoded(data: bytes, encoding: str) -> bytes:
    """Return the bytes of standard input in UTF-8.  Raises TextError."""
    from charseq.text.transcoding import UTF_8, Transcoded

    if encoding == UTF_8:
        return data
    return Transcoded(io.BytesIO(data), "standard input", encoding).read()


def checked_option(text: str, option: str, unit: "Unit") -> str:
    """Return the string of an option.  Raises TextError if it is not UTF-8, and the unit is not the byte."""
    from charseq.text.sources import check_utf8

    return check_utf8(text, f"{option} {quoted(text)}", unit, "write it in UTF-8")


def report_typing(files: Sequence[str]) -> None:
    """Report on standard error that a terminal is read, if standard input is one of the files."""
    if "-" in files and sys.stdin.isatty():
        streams.report("reading standard input until Ctrl-D", "dim")
