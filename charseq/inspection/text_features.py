"""Features of a text that units may track: position in the line, quotes, brackets, classes of characters."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError, quoted
from charseq.inspection.unit_text import LINE_END, UnitText
from charseq.system.time_limit import time_limit

OPENING, CLOSING = "([{", ")]}"
QUOTES = {'"': None, "\u201c": True, "\u201d": False, "\u00ab": True, "\u00bb": False}
"""Quotation marks, and whether the text after them is quoted; None changes from one to the other."""
VOWELS = "aeiou"
MOST_SECONDS = 10.0
"""The longest time that a regular expression is searched."""

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Feature(NamedTuple):
    """A feature of a text, and its value after each symbol."""

    name: str
    values: Values
    """[N], bool or integer."""


DESCRIPTIONS = {
    "position in line": "the number of symbols since the last line end",
    "inside quotes": "from an opening quotation mark up to the closing one",
    "bracket depth": "the number of ( [ { that are open",
    "after a space": "the symbol before is white space",
    "upper case": "an upper-case letter",
    "vowel": "a, e, i, o or u, with or without an accent",
    "digit": "a decimal digit",
    "letter": "a letter of any script",
    "line end": "a line end, or the boundary between lines",
}
"""What each feature is after a symbol has been read."""


def features_of(text: UnitText, pattern: str | None = None) -> tuple[list[Feature], list[str]]:
    """Return the features that vary over a text, and the names of those that are constant.

    A feature describes the text up to and including a symbol, as does the state after that symbol.
    `pattern` adds whether a symbol is inside a match of a regular expression (Python's `re`, searched in each
    sequence by itself).  Raises UsageError for an invalid pattern.
    """
    characters = text.characters
    values: list[Values] = [
        _position_in_line(text), _inside_quotes(text), _bracket_depth(text), _after_space(text),
        *(_class_of(characters, test) for test in (str.isupper, _is_vowel, str.isdecimal, str.isalpha)),
        characters == ord(LINE_END),
    ]  # fmt: skip
    found = [Feature(name, value) for name, value in zip(DESCRIPTIONS, values, strict=True)]
    if pattern is not None:
        found.append(Feature(f"match of {pattern}", _matches(text, pattern)))
    varies = [bool((feature.values != feature.values[:1]).any()) for feature in found]
    constant = [feature.name for feature, varying in zip(found, varies, strict=True) if not varying]
    return [feature for feature, varying in zip(found, varies, strict=True) if varying], constant


def _class_of(characters: npt.NDArray[np.uint32], test: Callable[[str], bool]) -> Mask:
    distinct, where = np.unique(characters, return_inverse=True)
    return np.array([test(chr(code)) for code in distinct.tolist()], np.bool_)[where]


def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character)[0].lower() in VOWELS


def _position_in_line(text: UnitText) -> Values:
    positions = np.arange(len(text))
    zero = np.full(len(text), -1)  # the position after which counting began
    zero[text.starts] = text.starts - 1
    line_ends = text.characters == ord(LINE_END)
    zero[line_ends] = positions[line_ends]
    counts: Values = positions - np.maximum.accumulate(zero)
    return counts.astype(np.int32)


def _after_space(text: UnitText) -> Mask:
    spaces = _class_of(text.characters, str.isspace)
    after = np.append(False, spaces[:-1])
    after[text.starts] = False
    return after


def _events(text: UnitText, characters: str) -> Iterator[tuple[int, str]]:
    """Yield the positions of these characters, and of the starts of sequences, where it is empty."""
    is_event = np.isin(text.characters, [*map(ord, characters)]) & text.is_first
    for position in np.flatnonzero(is_event | text.is_start).tolist():
        if text.is_start[position]:
            yield position, ""
        if is_event[position]:
            yield position, chr(text.characters[position])


def _filled(length: int, changes: list[tuple[int, int]]) -> Values:
    """Return the values [N] that begin at positions; of several at one position, the last counts."""
    latest = dict(changes)
    edges = np.array([*latest, length])
    return np.repeat(np.array([*latest.values()], np.int32), np.diff(edges))


def _bracket_depth(text: UnitText) -> Values:
    depth, changes = 0, []
    for position, character in _events(text, OPENING + CLOSING):
        depth = 0 if not character else depth + 1 if character in OPENING else max(depth - 1, 0)
        changes.append((position, depth))
    return _filled(len(text), changes)


def _inside_quotes(text: UnitText) -> Mask:
    is_quoted, last_line_end, changes = False, -2, []
    for position, character in _events(text, "".join(QUOTES) + LINE_END):
        if not character or (character == LINE_END and position == last_line_end + 1):
            is_quoted = False  # a blank line ends a quotation that was never closed
        elif character in QUOTES:
            opens = QUOTES[character]
            is_quoted = not is_quoted if opens is None else opens
        last_line_end = position if character == LINE_END else last_line_end
        changes.append((position, int(is_quoted)))
    return _filled(len(text), changes).astype(np.bool_)


def _matches(text: UnitText, pattern: str) -> Mask:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--track {quoted(pattern)} is not a regular expression: {error}",
            hint="write one as Python's re reads it; \\( is a parenthesis",
        ) from None
    mask = np.zeros(len(text), np.bool_)
    try:
        with time_limit(MOST_SECONDS):
            for string, positions in text.searched():
                for match in compiled.finditer(string):
                    if match.end() > match.start():  # it may end inside a grapheme cluster, which then counts
                        end = max(positions[match.end() - 1] + 1, positions[match.end()])
                        mask[positions[match.start()] : end] = True
    except TimeoutError:
        raise UsageError(
            f"searching for --track {quoted(pattern)} takes more than {MOST_SECONDS:g} s",
            hint="write it without nested repetition, such as (a+)+, or give a shorter text",
        ) from None
    return mask
