"""A text colored by the value of each of some units, in lines below each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charseq.inspection.neurons import UnitValues
from charseq.inspection.unit_text import UnitText
from charseq.render.diverging import MARKS, STEPS, Palette, Scale
from charseq.render.symbols import symbol_text
from charseq.render.visible import END_OF_LINE

MIN_WIDTH = 8
GAP = "  "


@dataclass(frozen=True, eq=False)
class Strips:
    """Units and their values over a text."""

    text: UnitText
    values: UnitValues
    gates: tuple[str, ...] = ()
    """The tensors whose values are from 0 to 1."""

    def scale(self, number: int) -> Scale:
        """Return the scale of a unit."""
        unit = self.values.units[number]
        return Scale.of(self.values.values[number], is_gate=unit.tensor in self.gates)


def strips(shown: Strips, console: Console) -> Iterator[Text]:
    """Yield a legend for each unit, then the lines of the text, colored by each unit in turn.

    Without color, a line of marks is below the text for each unit.
    """
    palette = Palette.of(console)
    names = [unit.name for unit in shown.values.units]
    label_width = max(map(len, names)) if len(names) > 1 or not palette.has_color else 0
    for number, name in enumerate(names):
        legend = Text(f"{name:{label_width}}{GAP}", "bold")
        yield legend.append_text(palette.legend(shown.scale(number)))
    margin = label_width + len(GAP) if label_width else 0
    levels = [
        shown.scale(number).levels(values).tolist() for number, values in enumerate(shown.values.values)
    ]
    for row in _rows(shown.text, max(console.width - margin - 1, MIN_WIDTH)):
        if len(names) > 1:
            yield Text()
        if not palette.has_color:
            yield Text(" " * margin + "".join(text for text, _ in row))
        for name, levels_of_unit in zip(names, levels, strict=True):
            line = Text(f"{name:{label_width}}{GAP}" if label_width else "", "dim")
            for text, position in row:
                level = levels_of_unit[position]
                if palette.has_color:
                    line.append(text, f"not dim {palette.style(level)}")
                else:
                    line.append(set_cell_size(MARKS[level + STEPS], cell_len(text)), "not dim")
            yield line


def _rows(text: UnitText, width: int) -> Iterator[list[tuple[str, int]]]:
    """Yield the characters of each line with their positions; lines end at line ends and sequences."""
    row: list[tuple[str, int]] = []
    used = 0
    for symbol, position in text.glyphs(0, len(text)):
        shown = END_OF_LINE if symbol in ("\n", "\r\n") else symbol_text(symbol)
        if row and (used + cell_len(shown) > width or text.is_start[position]):
            yield row
            row, used = [], 0
        row.append((shown, position))
        used += cell_len(shown)
        if symbol in ("\n", "\r\n"):
            yield row
            row, used = [], 0
    if row:
        yield row


def print_strips(events: Sequence[Strips], console: Console) -> None:
    """Print strips."""
    for shown in events:
        for line in strips(shown, console):
            console.print(line, no_wrap=True, crop=False, overflow="ignore")
