"""The prompts of predict: arguments, files, arriving lines, JSON objects."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from charseq.cli import streams, text_input
from charseq.cli.arriving_lines import arriving_lines
from charseq.errors import TextError, quoted
from charseq.render.visible import visible
from charseq.settings.generation_settings import GenerationSettings
from charseq.settings.setting import settings_of
from charseq.text.corpus import strip_last_line_ending
from charseq.text.sources import STANDARD_INPUT
from charseq.text.units import encode_utf8

if TYPE_CHECKING:
    from charseq.text.units import Unit

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.|$)", re.DOTALL)


class Prompt(NamedTuple):
    """A text to continue, with the seed, the length and the label of its JSON object, if any."""

    text: str
    seed: int | None = None
    length: int | None = None
    label: str | None = None
    whole_file: bool = False
    """Whether it is a whole file, which --lines would read line by line."""


class PromptFormat(NamedTuple):
    """How prompts are written."""

    unit: "Unit" = "character"
    encoding: str = "utf-8"
    """The encoding of files and standard input."""
    lines: bool = False
    """Whether each line of a file is a prompt."""
    escapes: bool = False
    json_input: bool = False
    """Whether each line of a file or of standard input is a JSON object."""
    line_ends: bool = True
    """Whether the model knows line endings; if not, the last one of a file is removed."""


def read_prompts(
    prompts: Sequence[str] | None, files: Sequence[str], form: PromptFormat
) -> Iterator[list[Prompt]]:
    """Yield all prompts in order, in batches: arguments together, lines as they arrive.

    Raises TextError, after yielding the prompts before the faulty one.
    """
    arguments: list[Prompt] = []
    for prompt in prompts or []:
        if prompt == "-":
            if arguments:
                yield arguments
            arguments = []
            yield from _read_lines("-", form)
        else:
            (text,) = text_input.arguments([prompt], unit=form.unit, remedy=text_input.BYTES_REMEDY)
            arguments.append(Prompt(_unescaped(text, form.unit) if form.escapes else text))
    if arguments:
        yield arguments
    for name in files:
        if form.lines or form.json_input:
            yield from _read_lines(name, form)
        else:
            with text_input.advising_to_train():
                text = text_input.file_text(name, unit=form.unit, encoding=form.encoding)
            if not text:
                if name == STANDARD_INPUT:
                    continue
                streams.report(f"{visible(repr(name))} is empty: continuing without a prompt", "yellow")
            text = text if form.line_ends else strip_last_line_ending(text)
            text = _unescaped(text, form.unit) if form.escapes else text
            yield [Prompt(text, whole_file=True)]


def _read_lines(name: str, form: PromptFormat) -> Iterator[list[Prompt]]:
    for numbered in arriving_lines(
        name, unit=form.unit, encoding=form.encoding, remedy=text_input.BYTES_REMEDY
    ):
        prompts: list[Prompt] = []
        for number, line in numbered:
            try:
                prompts.append(_parse_line(line, number, form))
            except TextError:
                yield prompts
                raise
        yield prompts


def _parse_line(line: str, number: int, form: PromptFormat) -> Prompt:
    if form.json_input:
        return _parse_json(line, number, form.unit)
    return Prompt(_unescaped(line, form.unit) if form.escapes else line)


def _parse_json(line: str, number: int, unit: "Unit") -> Prompt:
    """Return the prompt of a JSON object.  Raises TextError, which names the line and the fault."""
    remedy = 'write one object per line, such as {"prompt": "To be", "seed": 1, "length": 80}'

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            raise TextError(f"line {number} of the prompts has a key more than once", hint=remedy)
        return values

    try:
        record: Any = json.loads(line, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        where = f": syntax error at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise TextError(f"line {number} of the prompts is not JSON{where}", hint=remedy) from None
    if not isinstance(record, dict) or not isinstance(record.get("prompt"), str):
        raise TextError(
            f"line {number} of the prompts needs an object with a string as its prompt", hint=remedy
        )
    unknown = record.keys() - {"prompt", "seed", "length", "label"}
    if unknown:
        raise TextError(
            f"line {number} of the prompts has an unknown key {quoted(min(unknown))}", hint=remedy
        )
    for key in ("seed", "length", "label"):
        setting, value = settings_of(GenerationSettings)[key], record.get(key)
        if value is not None and not setting.accepts(value):
            requirement = setting.requirement(value)
            raise TextError(
                f"line {number} of the prompts: {key} {json.dumps(value)} is not {requirement}", hint=remedy
            )
    if unit == "byte":
        encode_utf8(record["prompt"], f"line {number} of the prompts")
    return Prompt(record["prompt"], record.get("seed"), record.get("length"), record.get("label"))


def _unescaped(text: str, unit: "Unit") -> str:
    r"""Return a text with \n, \t, \r, \\, \xHH, \uHHHH and \UHHHHHHHH replaced by their characters.

    In a model of bytes, \xHH is a byte.  Raises TextError for another escape.
    """

    def character(match: re.Match[str]) -> str:
        code = match[1]
        if code in ESCAPES:
            return ESCAPES[code]
        number = int(code[1:], 16) if len(code) > 1 else sys.maxunicode + 1
        if unit == "byte" and code.startswith("x") and 0x80 <= number <= 0xFF:
            return chr(0xDC00 + number)
        if number <= sys.maxunicode:
            return chr(number)
        raise TextError(
            f"{quoted(match[0])} in the prompt {quoted(text)} is not an escape",
            hint=r"write \n, \t, \r, \\, \xHH or \uHHHH, or leave --escapes out",
        )

    unescaped = _ESCAPE.sub(character, text)
    if unit == "byte":
        return encode_utf8(unescaped, f"the prompt {quoted(text)}").decode("utf-8", "surrogateescape")
    return unescaped
