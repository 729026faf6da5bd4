"""Norms of gradients over the steps of a text: a chart a cell, plain lines, or JSON lines."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from charseq.inspection.gradient_flow import GradientFlow
from charseq.render.marked import piece
from charseq.render.visible import visible

ROWS = 5
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "  ..::###"
DECADES = 8
"""Orders of magnitude below the largest norm that a chart shows at most."""
LABEL_WIDTH = 7
WIDEST_BAR = 3
FAINT, VANISHED = 0.1, 0.001
"""Parts of the last step's gradient below which a bar is yellow, and red."""


def show(flows: Iterable[GradientFlow], form: Literal["table", "plain", "json"], output: TextIO) -> None:
    """Show the gradient norms of every network as they are computed."""
    if form == "table":
        _show_charts(list(flows))
        return
    if form == "plain":
        output.write("cell\tstep\tcharacter\tnorm\n")
    for flow in flows:
        if form == "json":
            record = {"cell": flow.cell, "loss": flow.loss, "norms": flow.norms, "about": flow.description}
            record |= {"text": "".join(flow.symbols), "seed": flow.seed}
            output.write(json.dumps(record, allow_nan=False) + "\n")
        else:
            for step, (symbol, norm) in enumerate(zip(flow.symbols, flow.norms, strict=False)):
                output.write(f"{flow.cell}\t{step}\t{visible(symbol)}\t{norm:.6g}\n")
        output.flush()


def _show_charts(flows: Sequence[GradientFlow]) -> None:
    console = Console()
    charts = _Charts(flows, console.width, ascii_only=not _can_show(BLOCKS, console.encoding))
    console.print(Text(f"{flows[0].description}; gradient norms, logarithmic", "dim"))
    for flow in flows:
        title = Text(flow.cell, "bold").append(f"  loss {flow.loss:.3f}, {_arriving(flow)}", "not bold dim")
        console.print(title)
        for line in charts.lines(flow):
            console.print(line, no_wrap=True)
    for line in charts.legend():
        console.print(line)


class _Charts:
    """Bars over steps, on a logarithmic scale that all charts share."""

    def __init__(self, flows: Sequence[GradientFlow], width: int, *, ascii_only: bool) -> None:
        self._symbols = flows[0].symbols
        self._steps = len(flows[0].norms)
        self._blocks = ASCII_BLOCKS if ascii_only else BLOCKS
        room = max(8, width - LABEL_WIDTH - 1)
        self._a_column = math.ceil(self._steps / room)
        self._bar = max(1, min(WIDEST_BAR, room // self._steps))
        norms = [norm for flow in flows for norm in flow.norms if norm > 0] or [1.0]
        self._top = math.ceil(math.log10(max(norms)))
        self._bottom = max(min(math.floor(math.log10(min(norms))), self._top - 1), self._top - DECADES)

    def lines(self, flow: GradientFlow) -> Iterator[Text]:
        """The chart of one network, from the top row to the lowest."""
        norms = [max(flow.norms[i : i + self._a_column]) for i in range(0, self._steps, self._a_column)]
        for row in range(ROWS - 1, -1, -1):
            label = {ROWS - 1: f"1e{self._top:+03d}", 0: f"1e{self._bottom:+03d}"}.get(row, "")
            below = "<" if row == 0 and min(flow.norms) < 10.0**self._bottom else ""
            line = Text((below + label).rjust(LABEL_WIDTH - 1) + " ", "dim")
            for norm in norms:
                part = self._height(norm) * ROWS - row
                block = self._blocks[round(min(max(part, 0.0), 1.0) * (len(self._blocks) - 1))]
                line.append((block * max(1, self._bar - 1)).ljust(self._bar), _style(norm, flow.norms[-1]))
            yield line

    def legend(self) -> Iterator[Text]:
        """What stands beneath the charts: the text that was read, and what the colours say."""
        indent = " " * LABEL_WIDTH
        if self._a_column == 1:
            yield Text(indent + "".join(_cell(symbol, self._bar) for symbol in self._symbols[:-1]), "bold")
            yield Text(f"the loss is that of the character which follows: {piece(self._symbols[-1])}", "dim")
        else:
            yield Text(f"{self._steps} steps, {self._a_column} to a column, which shows the largest", "dim")
            first, last = ("".join(map(piece, part)) for part in (self._symbols[:12], self._symbols[-13:-1]))
            yield Text(f"from {first} ... to ... {last}", "dim")
        yield Text("yellow: below a tenth of the last step's gradient; red: below a thousandth", "dim")

    def _height(self, norm: float) -> float:
        """How high a bar stands, 0 to 1; none is shown as nothing only where the norm is 0."""
        if norm <= 0:
            return 0.0
        part = (math.log10(norm) - self._bottom) / (self._top - self._bottom)
        return min(max(part, 1 / (ROWS * (len(self._blocks) - 1))), 1.0)


def _arriving(flow: GradientFlow) -> str:
    part = flow.share_at_first_step
    if part == 0:
        return "nothing of the last step's gradient arrives at the first"
    shown = f"{part:.0%}" if part >= 0.01 else f"{part:.0e}"
    return f"{shown} of the last step's gradient arrives at the first"


def _style(norm: float, last: float) -> str:
    if norm < VANISHED * last:
        return "red"
    return "yellow" if norm < FAINT * last else "green"


def _cell(symbol: str, width: int) -> str:
    """A symbol in the cells of its bar; one that is wider is left out."""
    shown = piece(symbol)
    return shown.ljust(width) if cell_len(shown) == 1 else "·".ljust(width)


def _can_show(characters: str, encoding: str) -> bool:
    try:
        characters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
