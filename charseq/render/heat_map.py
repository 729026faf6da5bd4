"""A text with each character coloured by how surprising it was, and what was thought likelier beneath it.

Without colour a digit beneath each character says the same.
"""

import codecs
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charseq.render.marked import piece
from charseq.text.units import Unit

LEVELS = (
    (0.5, ""),
    (1.0, "black on color(230)"),
    (2.0, "black on color(222)"),
    (4.0, "black on color(215)"),
    (8.0, "black on color(208)"),
    (math.inf, "bold white on color(160)"),
)
"""Up to so many bits of surprise, a style: no colour from a probability of 0.7 on, red below 0.004."""
END, SPACE = "⏎", "·"


class Place(NamedTuple):
    """One character of a text."""

    symbol: str
    bits: float | None
    """How surprising it was; None where that is not known."""
    instead: str | None = None
    """What was thought likelier, where that is to be seen."""


def shows_colour(console: Console) -> bool:
    """Whether colours can be seen on it."""
    return console.color_system is not None and not console.no_color


def legend(console: Console, *, of_probability: bool = False) -> Text:
    """What the colours, or the digits, mean."""
    if not shows_colour(console):
        return Text("beneath, bits of surprise: 0 certain, 1 one in 2, 2 one in 4, to 9 one in 512")
    found = Text("probability:" if of_probability else "bits of surprise:", "dim")
    low = 0.0
    for high, style in LEVELS:
        if of_probability:
            shown = f" {100 * 2**-high:.2g}%+ " if high < math.inf else " less "
        else:
            shown = f" {low:g}-{high:g} " if high < math.inf else f" over {low:g} "
        found.append(" ").append(shown, style or "default")
        low = high
    return found


def heat(
    places: Iterable[Place], console: Console, *, indent: int = 0, unit: Unit = "character"
) -> Iterator[Text]:
    """Lines of a text as wide as the console, each with what belongs beneath it; told once they are full."""
    row = _Row(shows_colour(console))
    width = max(console.width - indent - 1, 8)
    for place in _of_bytes(places) if unit == "byte" else places:
        shown = _sign(place.symbol)
        if row.width + cell_len(shown) > width:
            yield from row.lines(indent)
            row = _Row(row.coloured)
        row.add(shown, place)
        if place.symbol == "\n":
            yield from row.lines(indent)
            row = _Row(row.coloured)
    if row.width:
        yield from row.lines(indent)


def _of_bytes(places: Iterable[Place]) -> Iterator[Place]:
    """Bytes as the characters that they make, each with the surprise of all its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    bits: list[float] = []
    for place in places:
        bits += [] if place.bits is None else [place.bits]
        text = decoder.decode(place.symbol.encode("latin-1", "replace"))
        if text:
            yield Place(text, sum(bits) if bits else None)
            bits = []


class _Row:
    """A line, and the one or two beneath it."""

    def __init__(self, coloured: bool) -> None:
        self.coloured, self.width = coloured, 0
        self._text, self._digits, self._instead = Text(), "", Text()
        self._instead_width = 0

    def add(self, shown: str, place: Place) -> None:
        cells = cell_len(shown)
        self._text.append(shown, style_of(place.bits) if self.coloured else "")
        self._digits += set_cell_size(digit_of(place.bits), cells)
        if place.instead is not None and self._instead_width <= self.width:
            self._instead.append(" " * (self.width - self._instead_width))
            alternative = _sign(place.instead) if place.instead != " " else SPACE
            self._instead.append(alternative, "bold cyan")
            self._instead_width = self.width + cell_len(alternative)
        self.width += cells

    def lines(self, indent: int) -> Iterator[Text]:
        """The text, the digits where there are no colours, the alternatives where there are any."""
        before = " " * indent
        yield Text(before) + self._text
        if not self.coloured:
            yield Text(before + self._digits)
        if self._instead_width:
            yield Text(before) + self._instead


def _sign(symbol: str) -> str:
    """What is shown for a symbol."""
    return END if symbol == "\n" else piece(symbol)


def style_of(bits: float | None) -> str:
    """The colour of a surprise."""
    return "" if bits is None else next(style for most, style in LEVELS if bits <= most)


def digit_of(bits: float | None) -> str:
    """A surprise as one character."""
    return " " if bits is None else str(min(int(bits + 0.5), 9))
