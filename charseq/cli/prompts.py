"""Where prompts come from: arguments, files, lines that come one after the other, JSON objects."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from charseq.cli import streams, text_input
from charseq.cli.options.shared import LARGEST_COUNT, LARGEST_SEED
from charseq.errors import TextError
from charseq.render.visible import visible
from charseq.text.corpus import without_last_line_end
from charseq.text.sources import STANDARD_INPUT
from charseq.text.units import utf8

if TYPE_CHECKING:
    from charseq.text.units import Unit

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.|$)", re.DOTALL)


class Prompt(NamedTuple):
    """What is to be continued, with what a JSON object may say of it."""

    text: str
    seed: int | None = None
    length: int | None = None
    whole_file: bool = False
    """Whether it is all of a file, of which --lines would make a prompt a line."""


class Reading(NamedTuple):
    """How prompts are written."""

    unit: "Unit" = "character"
    lines: bool = False
    """Whether each line of a file is a prompt, not the whole file."""
    escapes: bool = False
    json_input: bool = False
    """Whether each line of a file, or of standard input, is a JSON object."""
    line_ends: bool = True
    """Whether the model knows line ends; if not, the one that ends a file is left out."""


def gathered(prompts: Sequence[str] | None, files: Sequence[str], reading: Reading) -> Iterator[list[Prompt]]:
    """All prompts, in order, those of standard input as they come; those of arguments are there at once.

    Raises TextError.
    """
    here: list[Prompt] = []
    for prompt in prompts or []:
        if prompt == "-":
            if here:
                yield here
            here = []
            yield from _lines("-", reading)
        else:
            (text,) = text_input.arguments([prompt], unit=reading.unit, remedy=text_input.BYTES_REMEDY)
            here.append(Prompt(_unescaped(text, reading.unit) if reading.escapes else text))
    if here:
        yield here
    for name in files:
        if reading.lines or reading.json_input:
            yield from _lines(name, reading)
        else:
            text = text_input.file_text(name, unit=reading.unit)
            if not text:
                if name == STANDARD_INPUT:
                    continue
                streams.report(
                    f"{visible(repr(name))} is empty: its text begins as without a prompt", "yellow"
                )
            text = text if reading.line_ends else without_last_line_end(text)
            text = _unescaped(text, reading.unit) if reading.escapes else text
            yield [Prompt(text, whole_file=True)]


def _lines(name: str, reading: Reading) -> Iterator[list[Prompt]]:
    for numbered in text_input.lines_as_they_come(name, unit=reading.unit, remedy=text_input.BYTES_REMEDY):
        good: list[Prompt] = []
        for number, line in numbered:
            try:
                good.append(_of_line(line, number, reading))
            except TextError:
                yield good
                raise
        yield good


def _of_line(line: str, number: int, reading: Reading) -> Prompt:
    if reading.json_input:
        return _of_json(line, number, reading.unit)
    return Prompt(_unescaped(line, reading.unit) if reading.escapes else line)


def _of_json(line: str, number: int, unit: "Unit") -> Prompt:
    """A prompt with a seed and a length of its own."""
    remedy = 'write objects such as {"prompt": "To be", "seed": 1, "length": 80}, each a line'
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TextError(f"line {number} of the prompts is not JSON: {error}", hint=remedy) from None
    if not isinstance(record, dict) or not isinstance(record.get("prompt"), str):
        raise TextError(
            f"line {number} of the prompts needs an object with a string as its prompt", hint=remedy
        )
    unknown = record.keys() - {"prompt", "seed", "length"}
    if unknown:
        raise TextError(f"line {number} of the prompts has an unknown key {min(unknown)!r}", hint=remedy)
    for key, largest in (("seed", LARGEST_SEED), ("length", LARGEST_COUNT)):
        value = record.get(key)
        if value is not None and (type(value) is not int or not 0 <= value <= largest):
            raise TextError(
                f"line {number} of the prompts: {key} {value!r} is no whole number from 0 to {largest}",
                hint=remedy,
            )
    if unit == "byte":
        utf8(record["prompt"], f"line {number} of the prompts")
    return Prompt(record["prompt"], record.get("seed"), record.get("length"))


def _unescaped(text: str, unit: "Unit") -> str:
    r"""Text with what \n, \t, \r, \\, \xHH, \uHHHH and \UHHHHHHHH stand for; of bytes, \xHH is one."""

    def character(found: re.Match[str]) -> str:
        code = found[1]
        if code in ESCAPES:
            return ESCAPES[code]
        number = int(code[1:], 16) if len(code) > 1 else sys.maxunicode + 1
        if unit == "byte" and code.startswith("x") and 0x80 <= number <= 0xFF:
            return chr(0xDC00 + number)
        if number <= sys.maxunicode:
            return chr(number)
        raise TextError(
            f"{found[0]!r} in the prompt {text!r} is no escape",
            hint=r"write \n, \t, \r, \\, \xHH or \uHHHH, or leave --escapes out",
        )

    found = _ESCAPE.sub(character, text)
    if unit == "byte":
        return utf8(found, f"the prompt {text!r}").decode("utf-8", "surrogateescape")
    return found
