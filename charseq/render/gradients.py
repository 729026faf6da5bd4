"""Gradient norms over the steps of a text: a chart for each cell, plain lines, or JSON lines."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from charseq.inspection.gradient_flow import GradientFlow
from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.symbols import symbol_text
from charseq.render.visible import can_encode, visible

COLUMNS = ("cell", "step", "character", "norm")
CHART_ROWS = 5
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "  ..::###"
MAX_DECADES = 8
"""The largest range of a chart, in powers of ten below the largest norm."""
LABEL_WIDTH = 7
MAX_BAR_WIDTH = 3
FAINT, VANISHED = 0.1, 0.001
"""Fractions of the last step's gradient below which a bar is yellow, and red."""
ENDS_SHOWN = 12
"""The number of characters shown from each end of a long text."""


def _record(flow: GradientFlow) -> dict[str, Any]:
    return {
        "cell": flow.cell,
        "loss": flow.loss,
        "norms": flow.norms,
        "about": flow.description,
        "text": "".join(flow.symbols),
        "seed": flow.seed,
    }


def _rows(flow: GradientFlow) -> Iterator[list[str]]:
    for step, (symbol, norm) in enumerate(zip(flow.symbols, flow.norms, strict=False)):
        yield [flow.cell, str(step), visible(symbol), f"{norm:.6g}"]


def _print_charts(flows: Sequence[GradientFlow], output: TextIO) -> None:
    console = Console(file=output)
    charts = _Charts(flows, console.width, ascii_only=not can_encode(BLOCKS, console.encoding))
    console.print(Text(f"{flows[0].description}; gradient norms, log scale", "dim"))
    for flow in flows:
        title = Text(flow.cell, "bold")
        console.print(title.append(f"  loss {flow.loss:.3f}, {_reaching_first(flow)}", "not bold dim"))
        for line in charts.lines(flow):
            console.print(line, no_wrap=True)
    for line in charts.legend():
        console.print(line)


GRADIENTS = View(
    table=lambda output: TableAtEnd(output, _print_charts),
    plain=lambda output: PlainLines(output, COLUMNS, _rows),
    json=lambda output: JSONLines(output, _record),
)


class _Charts:
    """Bars over steps, on a logarithmic scale that all charts share."""

    def __init__(self, flows: Sequence[GradientFlow], width: int, *, ascii_only: bool) -> None:
        self._symbols = flows[0].symbols
        self._steps = len(flows[0].norms)
        self._blocks = ASCII_BLOCKS if ascii_only else BLOCKS
        chart_width = max(8, width - LABEL_WIDTH - 1)
        self._steps_per_bar = math.ceil(self._steps / chart_width)
        self._bar_width = max(1, min(MAX_BAR_WIDTH, chart_width // self._steps))
        norms = [norm for flow in flows for norm in flow.norms if norm > 0] or [1.0]
        self._top = math.ceil(math.log10(max(norms)))
        self._bottom = max(min(math.floor(math.log10(min(norms))), self._top - 1), self._top - MAX_DECADES)

    def lines(self, flow: GradientFlow) -> Iterator[Text]:
        """Yield the rows of a chart, from the top to the bottom."""
        n = self._steps_per_bar
        norms = [max(flow.norms[i : i + n]) for i in range(0, self._steps, n)]
        labels = {CHART_ROWS - 1: f"1e{self._top:+03d}", 0: f"1e{self._bottom:+03d}"}
        for row in range(CHART_ROWS - 1, -1, -1):
            below = "<" if row == 0 and min(flow.norms) < 10.0**self._bottom else ""
            line = Text((below + labels.get(row, "")).rjust(LABEL_WIDTH - 1) + " ", "dim")
            for norm in norms:
                fraction = min(max(self._height(norm) * CHART_ROWS - row, 0.0), 1.0)
                block = self._blocks[round(fraction * (len(self._blocks) - 1))]
                bar = (block * max(1, self._bar_width - 1)).ljust(self._bar_width)
                line.append(bar, _style(norm, flow.norms[-1]))
            yield line

    def legend(self) -> Iterator[Text]:
        """Yield the text below the charts, and the meaning of the colors."""
        if self._steps_per_bar == 1:
            symbols = "".join(_column(symbol, self._bar_width) for symbol in self._symbols[:-1])
            yield Text(" " * LABEL_WIDTH + symbols, "bold")
            yield Text(f"loss of the next character: {symbol_text(self._symbols[-1])}", "dim")
        else:
            yield Text(
                f"{self._steps:,} steps; each bar is the maximum of {self._steps_per_bar} steps", "dim"
            )
            first = "".join(map(symbol_text, self._symbols[:ENDS_SHOWN]))
            last = "".join(map(symbol_text, self._symbols[-ENDS_SHOWN - 1 : -1]))
            yield Text(f"from {first} ... to ... {last}", "dim")
        yield Text("yellow: below 10% of the last step's gradient; red: below 0.1%", "dim")

    def _height(self, norm: float) -> float:
        """Return the height of a bar, from 0 to 1; only a norm of 0 has no height."""
        if norm <= 0:
            return 0.0
        fraction = (math.log10(norm) - self._bottom) / (self._top - self._bottom)
        return min(max(fraction, 1 / (CHART_ROWS * (len(self._blocks) - 1))), 1.0)


def _reaching_first(flow: GradientFlow) -> str:
    fraction = flow.share_at_first_step
    if fraction == 0:
        return "none of the last step's gradient reaches the first step"
    shown = f"{fraction:.0%}" if fraction >= 0.01 else f"{fraction:.0e}"
    return f"{shown} of the last step's gradient reaches the first step"


def _style(norm: float, last: float) -> str:
    if norm < VANISHED * last:
        return "red"
    return "yellow" if norm < FAINT * last else "green"


def _column(symbol: str, width: int) -> str:
    """Return a symbol as wide as its bar; a dot for one that is wider than a column."""
    text = symbol_text(symbol)
    return text.ljust(width) if cell_len(text) == 1 else "·".ljust(width)
