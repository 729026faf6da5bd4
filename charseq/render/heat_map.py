"""A text with each character colored by its surprisal, and below it a more likely character.

Without color, a digit below each character shows its surprisal.
"""

import codecs
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charseq.render.symbols import symbol_text
from charseq.render.visible import END_OF_LINE
from charseq.text.units import Unit


class Level(NamedTuple):
    """A range of surprisal and its styles, each legible by itself on any screen."""

    limit: float
    """The highest surprisal in bits."""
    style: str
    """The style on a screen of 256 colors or more."""
    basic_style: str
    """The style on a screen of 16 colors."""


LEVELS = (
    Level(1.0, "", ""),
    Level(2.0, "#000000 on #8a8178", "bold"),
    Level(4.0, "#000000 on #b0844f", "bright_white on red"),
    Level(8.0, "#000000 on #d9741a", "black on bright_red"),
    Level(math.inf, "bold #000000 on #ff9d2e", "black on bright_yellow"),
)
"""From the colors of the screen over gray to orange.  The backgrounds are of medium lightness, so that none
stands out by it on a dark or a light screen; saturation and lightness rise with the surprisal, so that the
color-blind tell them apart.
"""
LIKELIER, BASIC_LIKELIER = "bold #3a80c4", "bold cyan"
"""The styles of more likely characters."""
SPACE = "·"
"""The sign for a more likely space."""
MIN_WIDTH = 8


class Character(NamedTuple):
    """One character of a text."""

    symbol: str
    bits: float | None
    """The surprisal; None if it is unknown."""
    likelier: str | None = None
    """The most likely character, if it is to be shown."""
    is_copied: bool = False
    """Whether it is part of a copy, and underlined."""


def has_color(console: Console) -> bool:
    """Return whether a console shows colors."""
    return console.color_system is not None and not console.no_color


def has_many_colors(console: Console) -> bool:
    """Return whether a console shows 256 colors or more."""
    return console.color_system in ("256", "truecolor")


def legend(console: Console, *, of_probability: bool = False) -> Text:
    """Return the meaning of the colors, or of the digits."""
    if not has_color(console):
        return Text("Each digit is a surprisal in bits: 0 = certain, 1 = 1 in 2, ..., 9 = 1 in 512")
    text = Text().append("probability:" if of_probability else "surprisal in bits:", "dim")
    low = 0.0
    for high, style, basic_style in LEVELS:
        if of_probability:
            level = f" 1/{2**high:.0f} or more " if high < math.inf else " less "
        else:
            level = f" {low:g}-{high:g} " if high < math.inf else f" over {low:g} "
        text.append(" ").append(level, (style if has_many_colors(console) else basic_style) or "default")
        low = high
    return text


def heat_map(
    characters: Iterable[Character], console: Console, *, indent: int = 0, unit: Unit = "character"
) -> Iterator[Text]:
    """Yield each line of a text once it is complete, followed by the lines that belong below it."""
    row = _Row(console)
    width = max(console.width - indent - 1, MIN_WIDTH)
    for character in _decoded(characters) if unit == "byte" else characters:
        text = _character_text(character.symbol)
        if row.width + cell_len(text) > width:
            yield from row.lines(indent)
            row = _Row(console)
        row.add(text, character)
        if character.symbol == "\n":
            yield from row.lines(indent)
            row = _Row(console)
    if row.width:
        yield from row.lines(indent)


def _decoded(characters: Iterable[Character]) -> Iterator[Character]:
    """Join bytes to characters, each with the sum of the surprisals of its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    bits: list[float] = []
    is_copied = True
    for byte in characters:
        bits += [] if byte.bits is None else [byte.bits]
        is_copied &= byte.is_copied
        text = decoder.decode(byte.symbol.encode("latin-1", "replace"))
        if text:
            yield Character(text, sum(bits) if bits else None, is_copied=is_copied)
            bits, is_copied = [], True


class _Row:
    """A line of text, and the one or two lines below it."""

    def __init__(self, console: Console) -> None:
        self._colored, self._basic = has_color(console), not has_many_colors(console)
        self.width = 0
        self._text, self._digits, self._likelier = Text(), "", Text()
        self._likelier_width = 0

    def add(self, text: str, character: Character) -> None:
        width = cell_len(text)
        style = style_of(character.bits, basic=self._basic) if self._colored else ""
        self._text.append(text, f"{style} underline" if character.is_copied else style)
        self._digits += set_cell_size(digit_of(character.bits), width)
        if character.likelier is not None and self._likelier_width <= self.width:
            self._likelier.append(" " * (self.width - self._likelier_width))
            likelier = SPACE if character.likelier == " " else _character_text(character.likelier)
            self._likelier.append(likelier, BASIC_LIKELIER if self._basic else LIKELIER)
            self._likelier_width = self.width + cell_len(likelier)
        self.width += width

    def lines(self, indent: int) -> Iterator[Text]:
        """Yield the text, the digits if there are no colors, and the more likely characters if any."""
        margin = " " * indent
        yield Text(margin) + self._text
        if not self._colored:
            yield Text(margin + self._digits)
        if self._likelier_width:
            yield Text(margin) + self._likelier


def _character_text(symbol: str) -> str:
    return END_OF_LINE if symbol == "\n" else symbol_text(symbol)


def style_of(bits: float | None, *, basic: bool = False) -> str:
    """Return the style of a surprisal; a `basic` one has 16 colors."""
    if bits is None:
        return ""
    level = next(level for level in LEVELS if bits <= level.limit)
    return level.basic_style if basic else level.style


def digit_of(bits: float | None) -> str:
    """Return a surprisal as one digit."""
    return " " if bits is None else str(min(int(bits + 0.5), 9))
