"""The tensors of a network run over texts, as a table that is readable in a classroom."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from charseq.inspection.equations import equation_of, parameter_count
from charseq.inspection.tracing import AXES, TracedTensor, TraceInput
from charseq.render.columns import joined
from charseq.render.diverging import Palette
from charseq.render.quantities import count
from charseq.render.shapes import shape_text
from charseq.render.symbols import symbol_name
from charseq.render.tensor_values import PAST_THE_END, is_heat_map, symbols_at, values_text
from charseq.text.units import displayable

MAX_SYMBOLS = 40
"""The number of symbols of the vocabulary in the caption."""
MAX_TEXTS = 8
"""The number of texts whose symbols are in the heading of a step."""
INDENT, GAP = 2, 2
WIDE = 120
"""The width of a console, in columns, for values beside equations, or the names of axes beside either."""
MIN_VALUES_WIDTH = 20


class ShapesTable:
    """Rows in aligned columns, grouped by step."""

    def __init__(
        self, console: Console, inputs: TraceInput, about: str, *, values: bool, explain: bool, has_head: bool
    ) -> None:
        self._console, self._inputs, self._about = console, inputs, about
        self._values, self._explain, self._has_head = values, explain, has_head
        self._palette = Palette.of(console)
        self._has_heat_map = False
        self._symbols = symbols = displayable(inputs.vocabulary.symbols, inputs.vocabulary.unit)
        self._is_bidirectional = False
        self._has_details = values or explain
        self._is_wide = console.width >= WIDE
        self._uses_letters = (values or explain) and not (self._is_wide and values != explain)
        self._texts = [[symbols[i] for i in ids] for ids in inputs.sequences]

    def print(self, rows: Sequence[TracedTensor]) -> None:
        """Print the caption, and the rows of each step below a heading."""
        if not rows:
            return
        self._is_bidirectional = any(row.direction for row in rows)
        self._name_width = max(len(row.name) for row in rows) + INDENT
        self._shape_width = max(len(shape_text(row.shape)) for row in rows)
        self._equations_width = max(len(equation_of(row, self._inputs)) for row in rows)
        names_width = max(len(", ".join(row.axes)) for row in rows)
        if self._name_width + names_width + self._shape_width + 2 * GAP > self._console.width:
            self._uses_letters = True
        self._axes_width = max(len(self._axes(row)) for row in rows)
        self._console.print(self._caption())
        for heading, group in groupby(rows, self._heading):
            self._console.print(self._group(heading, list(group)))
        if len(set(self._inputs.lengths)) > 1:
            note = f"{PAST_THE_END} marks positions past the end of a text, which affect no result"
            self._console.print(Text(note, "dim"))
        if self._has_heat_map:
            note = f"heat maps: {self._palette.sides} 0; (1x4): a cell is the largest of 1x4 values"
            self._console.print(Text(note, "dim"))

    def _caption(self) -> RenderableType:
        network, vocabulary = self._inputs.network, self._inputs.vocabulary
        known = [f"{i} {symbol_name(symbol)}" for i, symbol in enumerate(self._symbols[:MAX_SYMBOLS])]
        known += ["..."] * (len(vocabulary) > MAX_SYMBOLS)
        width = self._console.width
        title = Text(network.cell.name, "bold").append(
            f": {count(network.layers, 'layer')} of {count(network.hidden_size, 'hidden unit')}, "
            f"{self._about}",
            "not bold",
        )
        vocabulary_line = joined(f"vocabulary of {count(len(vocabulary), 'symbol')}: ", known, "  ", width)
        lines = [title, Text(vocabulary_line, "dim")]
        if self._uses_letters:
            sizes = self._inputs.sizes.items()
            legend = [f"{letter} {AXES[letter]} {size}" for letter, size in sizes]
            lines.append(Text(joined("axes: ", legend, ", ", width), "dim"))
        if self._explain:
            lines.append(Text("parameters:"))
            lines += [Text(f"  {part}") for part in parameter_count(network, head=self._has_head)]
            if self._is_bidirectional:
                lines.append(Text("  and the same number for the other direction"))
        return Group(*lines)

    def _heading(self, row: TracedTensor) -> str:
        words: list[str] = [row.direction] if row.direction else []
        if row.layer is not None and self._inputs.network.layers > 1:
            words.append(f"layer {row.layer}")
        if row.step is None:
            return ", ".join(words)
        symbols = symbols_at(self._texts_of(row), row.step)
        shown = " ".join(symbols[:MAX_TEXTS]) + (" ..." if len(symbols) > MAX_TEXTS else "")
        order = "from the end, " if row.direction == "backward" else ""
        verb = "above" if row.layer else "reading"
        return ", ".join([*words, f"step {row.step}, {order}{verb} {shown}"])

    def _group(self, heading: str, rows: Sequence[TracedTensor]) -> RenderableType:
        table = Table.grid(padding=(0, GAP, 0, 0))
        table.add_column(width=self._name_width, no_wrap=True)
        table.add_column(width=self._axes_width, no_wrap=True, style="dim")
        table.add_column(width=self._shape_width, no_wrap=True, style="cyan")
        if self._explain and self._is_wide:
            table.add_column(width=self._equations_width)
        if self._has_details:
            table.add_column()
        for row in rows:
            is_outside = row.step is None
            name = Text(row.name if is_outside else " " * INDENT + row.name, "bold green" * is_outside)
            cells: list[RenderableType] = [name, self._axes(row), shape_text(row.shape)]
            details = list(self._details(row))
            table.add_row(*cells, *(details if self._is_wide else [Text("\n").join(details)]))
        if not heading:
            return Group(Text(), table) if self._has_details and rows[0].name != "input" else table
        return Group(Text("\n" * self._has_details + heading, "bold yellow"), table)

    def _axes(self, row: TracedTensor) -> str:
        return row.symbolic_axes if self._uses_letters else ", ".join(row.axes)

    def _details(self, row: TracedTensor) -> Iterator[Text]:
        """Yield the equation and the values, for columns on a wide screen, or for lines below each other."""
        if self._explain:
            yield Text(equation_of(row, self._inputs), "italic")
        if self._values:
            width = self._values_width()
            text = values_text(row, self._texts_of(row), self._symbols, width, self._palette)
            self._has_heat_map |= is_heat_map(text)
            yield text

    def _values_width(self) -> int:
        used = self._name_width + self._axes_width + self._shape_width + 3 * GAP
        if self._explain and self._is_wide:
            used += self._equations_width + GAP
        return max(MIN_VALUES_WIDTH, self._console.width - used)

    def _texts_of(self, row: TracedTensor) -> list[list[str]]:
        """Return the symbols of each text, in the order in which the row's direction reads them."""
        if row.direction == "backward" and row.step is not None:
            return [text[::-1] for text in self._texts]
        return self._texts
