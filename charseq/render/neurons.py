"""What units do over a text: rankings, strips, selective units and gate statistics, in each format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

from charseq.inspection.neurons import GateStatistics, Selected, Tracked, Unit, unit_of
from charseq.inspection.unit_text import UnitText
from charseq.model.numpy_ops import Floats
from charseq.render.base import JSONLines, LineRenderer, PlainLines, Renderer, TableAtEnd, View
from charseq.render.quantities import percent
from charseq.render.symbols import symbol_name, symbol_text
from charseq.render.unit_strips import Strips
from charseq.render.visible import visible
from charseq.text.units import displayable

RANKING_COLUMNS = ("feature", "rank", "unit", "layer", "tensor", "correlation", "direction")
SELECTION_COLUMNS = ("unit", "layer", "tensor", "elsewhere", "spans")
GATE_COLUMNS = ("layer", "tensor", "unit", "mean", "below-0.1", "above-0.9")
LONGEST_EXCERPT = 12
"""Characters of a span in a table."""


@dataclass(frozen=True, eq=False)
class RankingView:
    """The renderers of a ranking; a table has a caption above it and, if there is one, a strip below it."""

    caption: str
    strips: Strips | None = None

    def view(self) -> View[Tracked]:
        """Return the renderers."""
        return View(
            table=lambda output: TableAtEnd(output, self._print_table),
            plain=lambda output: PlainLines(output, RANKING_COLUMNS, lambda event: [_ranking_row(event)]),
            json=lambda output: JSONLines(output, _ranking_record),
        )

    def _print_table(self, events: Sequence[Tracked], output: TextIO) -> None:
        from rich.console import Console
        from rich.text import Text

        from charseq.render.columns import print_columns
        from charseq.render.unit_strips import print_strips

        console = Console(file=output)
        console.print(Text(self.caption, "dim"))
        rows = [_ranking_row(event) for event in events]
        print_columns(
            console, RANKING_COLUMNS, rows, droppable=("direction", "rank"), foldable={"feature"},
            styles=["bold" if event.rank == 1 else "" for event in events],
        )  # fmt: skip
        if self.strips:
            console.print()
            print_strips([self.strips], console)


def _ranking_row(event: Tracked) -> list[str]:
    unit = event.unit
    correlation = f"{event.correlation:+.4f}"
    fields = [str(event.rank), str(unit.unit), str(unit.layer), unit.tensor, correlation, event.direction]
    return [visible(event.feature), *fields]


def _ranking_record(event: Tracked) -> dict[str, Any]:
    return {
        "feature": event.feature, "rank": event.rank, "unit": event.unit.unit, "layer": event.unit.layer,
        "tensor": event.unit.tensor, "correlation": event.correlation, "direction": event.direction,
    }  # fmt: skip


def strips_view(shown: Strips, *, values: bool) -> View[Strips]:
    """Return the renderers of the values of units; a table has a colored text, or `values` in columns."""
    names = [unit.name for unit in shown.values.units]
    columns = ("position", "symbol", *names)

    def rows(event: Strips) -> Iterator[list[str]]:
        symbols = _symbols(event.text)
        numbers = event.values.values.T
        for position, (symbol, line) in enumerate(zip(event.text.ids, numbers, strict=True)):
            yield [str(position), symbol_name(symbols[symbol]), *(f"{value:.6g}" for value in line)]

    def print_table(events: Sequence[Strips], output: TextIO) -> None:
        from rich.console import Console

        from charseq.render.columns import print_columns
        from charseq.render.unit_strips import print_strips

        console = Console(file=output)
        if values:
            print_columns(console, columns, [*rows(events[0])])
        else:
            print_strips(events, console)

    return View(
        table=lambda output: TableAtEnd(output, print_table),
        plain=lambda output: PlainLines(output, columns, rows),
        json=_ValueLines,
    )


class _ValueLines(LineRenderer[Strips]):
    """An object for each symbol."""

    def show(self, event: Strips) -> None:
        names = [unit.name for unit in event.values.units]
        symbols = event.text.vocabulary.symbols
        lines = zip(event.text.ids.tolist(), event.values.values.T.tolist(), strict=True)
        for position, (symbol, line) in enumerate(lines):
            values = dict(zip(names, line, strict=True))
            self._write_json({"position": position, "symbol": symbols[symbol], "values": values})
        self._output.flush()


def _symbols(text: UnitText) -> Sequence[str]:
    return displayable(text.vocabulary.symbols, text.vocabulary.unit)


def selection_view(text: UnitText, caption: str) -> View[Selected]:
    """Return the renderers of selective units; a table has the text of the spans where else they are on."""

    def plain_row(event: Selected) -> list[str]:
        spans = " ".join(f"{start}:{end}" for start, end in event.spans)
        return _selection_row(event, f"{event.elsewhere:.4f}", spans)

    def table_row(event: Selected) -> list[str]:
        spans = "  ".join(f"{start}:{end} {_excerpt(text, start, end)}" for start, end in event.spans)
        return _selection_row(event, percent(event.elsewhere), spans)

    def print_table(events: Sequence[Selected], output: TextIO) -> None:
        from rich.console import Console
        from rich.text import Text

        from charseq.render.columns import print_columns

        console = Console(file=output)
        console.print(Text(caption, "dim"))
        print_columns(console, SELECTION_COLUMNS, [*map(table_row, events)], foldable={"spans"})

    return View(
        table=lambda output: TableAtEnd(output, print_table),
        plain=lambda output: PlainLines(output, SELECTION_COLUMNS, lambda event: [plain_row(event)]),
        json=lambda output: JSONLines(output, _selection_record),
    )


def _selection_row(event: Selected, elsewhere: str, spans: str) -> list[str]:
    unit = event.unit
    return [str(unit.unit), str(unit.layer), unit.tensor, elsewhere, spans or "-"]


def _selection_record(event: Selected) -> dict[str, Any]:
    unit = event.unit
    return {
        "unit": unit.unit, "layer": unit.layer, "tensor": unit.tensor, "elsewhere": event.elsewhere,
        "spans": event.spans,
    }  # fmt: skip


def _excerpt(text: UnitText, start: int, end: int) -> str:
    shown = "".join(
        symbol_text(symbol) for symbol, _ in text.glyphs(start, min(end, start + LONGEST_EXCERPT))
    )
    return f"'{shown}{'...' if end - start > LONGEST_EXCERPT else ''}'"


class GateRow(NamedTuple):
    """A unit of a gate, its mean, and the fractions of symbols where it is below 0.1 and above 0.9."""

    unit: Unit
    mean: float
    below: float
    above: float


def gate_rows(statistics: GateStatistics) -> Iterator[GateRow]:
    """Yield a row for each unit."""
    arrays = (statistics.means, statistics.below, statistics.above)
    hidden_size = arrays[0].shape[1]
    for index, numbers in enumerate(zip(*(array.ravel().tolist() for array in arrays), strict=True)):
        yield GateRow(unit_of(statistics.sources, hidden_size, index), *numbers)


def gates_view(statistics: GateStatistics, caption: str) -> View[GateRow]:
    """Return the renderers of gate statistics; a table has the mean over the units of each gate."""

    def plain_row(event: GateRow) -> list[str]:
        unit, *numbers = event
        return [str(unit.layer), unit.tensor, str(unit.unit), *(f"{number:.4f}" for number in numbers)]

    def record(event: GateRow) -> dict[str, Any]:
        unit, mean, below, above = event
        return {**unit._asdict(), "mean": mean, "below": below, "above": above}

    def print_table(events: Sequence[GateRow], output: TextIO) -> None:
        from rich.console import Console
        from rich.text import Text

        from charseq.render.columns import print_columns

        def row(number: int) -> list[str]:
            source = statistics.sources[number]
            below, above = statistics.below[number], statistics.above[number]
            mean, low, high = (float(each.mean()) for each in (statistics.means[number], below, above))
            fractions = [percent(low), percent(high), _most(below, above)]
            return [str(source.layer), source.tensor, f"{mean:.3f}", *fractions]

        console = Console(file=output)
        console.print(Text(caption, "dim"))
        headings = ("layer", "gate", "mean", "below 0.1", "above 0.9", "units mostly saturated")
        print_columns(console, headings, [row(number) for number in range(len(statistics.sources))])

    return View(
        table=lambda output: TableAtEnd(output, print_table),
        plain=lambda output: PlainLines(output, GATE_COLUMNS, lambda event: [plain_row(event)]),
        json=lambda output: JSONLines(output, record),
    )


def _most(below: Floats, above: Floats) -> str:
    """Return how many units are saturated, on either side, after more than half of the symbols."""
    return f"{int((below + above > 0.5).sum()):,} of {len(below):,}"


def show_all(renderer: Renderer[Any], events: Sequence[Any]) -> None:
    """Show events with a renderer, in its context."""
    with renderer:
        for event in events:
            renderer.show(event)
