"""The tensors of a run over text as a table that a class can read from the last row."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from charseq.inspection.equations import equation_of, parameter_count
from charseq.inspection.tracing import AXES, TracedTensor, TraceInput
from charseq.render.columns import joined
from charseq.render.shapes import shape_text
from charseq.render.tensors import PAST_THE_END, named, read_at, values_text

MOST_SYMBOLS = 40
MOST_READ = 8
INDENT = 2
WIDE = 120
"""From so many columns on there is room for values beside equations, or the names of axes beside either."""


class ShapesTable:
    """Rows under a heading a step, the columns of all of them in line."""

    def __init__(
        self, console: Console, inputs: TraceInput, about: str, *, values: bool, explain: bool, headed: bool
    ) -> None:
        self._console, self._inputs, self._about = console, inputs, about
        self._values, self._explain, self._headed = values, explain, headed
        self._symbols = symbols = inputs.vocabulary.symbols
        self._both_ways = False
        self._detailed = values or explain
        self._wide = console.width >= WIDE
        self._lettered = (values or explain) and not (self._wide and values != explain)
        self._read = [[symbols[i] for i in ids] for ids in inputs.sequences]

    def show(self, rows: Sequence[TracedTensor]) -> None:
        """Print the caption, then every row, group by group."""
        if not rows:
            return
        self._both_ways = any(row.direction for row in rows)
        self._console.print(self._caption())
        self._name_width = max(len(row.name) for row in rows) + INDENT
        self._axes_width = max(len(self._axes(row)) for row in rows)
        self._shape_width = max(len(shape_text(row.shape)) for row in rows)
        self._equations_width = max(len(equation_of(row, self._inputs)) for row in rows)
        for heading, group in groupby(rows, self._heading):
            self._console.print(self._group(heading, list(group)))
        if len(set(self._inputs.lengths)) > 1:
            note = f"{PAST_THE_END} is past a text's end; what a step computes there goes no further"
            self._console.print(Text(note, "dim"))

    def _caption(self) -> RenderableType:
        network, vocabulary = self._inputs.network, self._inputs.vocabulary
        known = [f"{i} {named(symbol)}" for i, symbol in enumerate(vocabulary.symbols[:MOST_SYMBOLS])]
        known += ["..."] * (len(vocabulary) > MOST_SYMBOLS)
        width = self._console.width
        title = Text(network.cell.name, "bold").append(
            f": {network.layers} layer{'s' * (network.layers > 1)} of {network.hidden_size} hidden, "
            f"{self._about}",
            "not bold",
        )
        lines = [title, Text(joined(f"vocabulary of {len(vocabulary)}: ", known, "  ", width), "dim")]
        if self._lettered:
            sizes = self._inputs.sizes.items()
            legend = [f"{letter} {AXES[letter]} {size}" for letter, size in sizes]
            lines.append(Text(joined("axes: ", legend, ", ", width), "dim"))
        if self._explain:
            lines.append(Text("parameters:"))
            lines += [Text(f"  {part}") for part in parameter_count(network, head=self._headed)]
            if self._both_ways:
                lines.append(Text("  and as many again for the other direction"))
        return Group(*lines)

    def _heading(self, row: TracedTensor) -> str:
        parts: list[str] = [row.direction] if row.direction else []
        if row.layer is not None and self._inputs.network.layers > 1:
            parts.append(f"layer {row.layer}")
        if row.step is None:
            return ", ".join(parts)
        read = read_at(self._read_by(row), row.step)
        shown = " ".join(read[:MOST_READ]) + (" ..." if len(read) > MOST_READ else "")
        counted = "from the end, " if row.direction == "backward" else ""
        verb = f"above {shown}" if row.layer else f"reading {shown}"
        return ", ".join([*parts, f"step {row.step}, {counted}{verb}"])

    def _group(self, heading: str, rows: Sequence[TracedTensor]) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=self._name_width, no_wrap=True)
        table.add_column(width=self._axes_width, no_wrap=True, style="dim")
        table.add_column(width=self._shape_width, no_wrap=True, style="cyan")
        if self._explain and self._wide:
            table.add_column(width=self._equations_width)
        if self._detailed:
            table.add_column()
        for row in rows:
            outermost = row.step is None
            name = Text(row.name if outermost else " " * INDENT + row.name, "bold green" if outermost else "")
            cells: list[RenderableType] = [name, self._axes(row), shape_text(row.shape)]
            said = list(self._said(row))
            table.add_row(*cells, *(said if self._wide else [Text("\n").join(said)]))
        if not heading:
            return Group(Text(), table) if self._detailed and rows[0].name != "input" else table
        return Group(Text("\n" * self._detailed + heading, "bold yellow"), table)

    def _axes(self, row: TracedTensor) -> str:
        return row.symbolic_axes if self._lettered else ", ".join(row.axes)

    def _said(self, row: TracedTensor) -> Iterator[Text]:
        """The equation and the values: side by side where there is room, else one beneath the other."""
        if self._explain:
            yield Text(equation_of(row, self._inputs), "italic")
        if self._values:
            yield values_text(row, self._read_by(row), self._symbols, self._room())

    def _room(self) -> int:
        taken = self._name_width + self._axes_width + self._shape_width + 6
        if self._explain and self._wide:
            taken += self._equations_width + 2
        return max(20, self._console.width - taken)

    def _read_by(self, row: TracedTensor) -> "list[list[str]]":
        """What stands at each place of the texts, in the order in which the row's direction reads it."""
        if row.direction == "backward" and row.step is not None:
            return [text[::-1] for text in self._read]
        return self._read
