"""The screen of `predict --interactive`: the most likely next characters, and the hidden units."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from charseq.inference.explorer import Explorer
from charseq.model.numpy_ops import Floats
from charseq.render.symbols import symbol_text
from charseq.render.visible import visible
from charseq.text.units import displayable

KEYS = "Esc: quit  Tab: accept most likely character  Backspace: delete  Ctrl-U: clear"
BARS = 10
"""The number of most likely characters."""
TEXT_LINES = 3
MAX_NAME_WIDTH = 16
MIN_BAR_WIDTH = 4
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-~=+*#"
BAR, ASCII_BAR = "█", "#"
CURSOR, ASCII_CURSOR = "▏", "_"
ELLIPSIS, ASCII_ELLIPSIS = "…", "~"


def screen(
    explorer: Explorer, name: str, message: str, *, width: int, height: int, ascii_only: bool = False
) -> list[Text]:
    """Return the lines of a screen of a width and height; with `ascii_only`, draw with ASCII characters."""
    lines = [Text(visible(name), "dim"), Text(KEYS, "dim"), Text()]
    lines += _text(explorer.text, width, ascii_only)
    lines.append(Text(visible(message), "yellow"))
    lines += _bars(explorer, width, ascii_only)
    lines.append(Text())
    if explorer.output is not None:
        lines += _units(explorer.output.h, width, height - len(lines) - 1, ascii_only)
    lines = lines[:height] + [Text()] * (height - len(lines))
    for line in lines:
        if line.cell_len > width:
            line.truncate(width - 1)
            line.append(ASCII_ELLIPSIS if ascii_only else ELLIPSIS)
    return lines


def _text(text: str, width: int, ascii_only: bool) -> list[Text]:
    """Return the last lines of the text, and the cursor."""
    rows = [row for line in text.split("\n") for row in (chop_cells(visible(line), width - 2) or [""])]
    shown = [Text(row, "bold") for row in rows[-TEXT_LINES:]]
    shown[-1].append(ASCII_CURSOR if ascii_only else CURSOR, "blink")
    return [Text()] * (TEXT_LINES - len(shown)) + shown


def _bars(explorer: Explorer, width: int, ascii_only: bool) -> Iterator[Text]:
    """Yield a line for each of the most likely characters."""
    if explorer.output is None:
        yield Text("type a character to begin")
        for _ in range(BARS - 1):
            yield Text()
        return
    likeliest = explorer.output.probabilities[:BARS]
    symbols = displayable([symbol for symbol, _ in likeliest], explorer.model.vocabulary.unit)
    names = [
        "end of line" if not symbol else "space" if symbol == " " else symbol_text(symbol)
        for symbol in symbols
    ]
    name_width = min(max(map(cell_len, names)), MAX_NAME_WIDTH)
    bar_width = max(width - name_width - 12, MIN_BAR_WIDTH)
    for name, (_, probability) in zip(names, likeliest, strict=True):
        line = Text(" ").append(set_cell_size(name, name_width), "bold")
        line.append(f"  {probability:6.4f}  ")
        yield line.append((ASCII_BAR if ascii_only else BAR) * round(probability * bar_width), "green")
    for _ in range(BARS - len(likeliest)):
        yield Text()


def _units(h: Floats, width: int, height: int, ascii_only: bool) -> Iterator[Text]:
    """Yield the output of the last layer, a block for each hidden unit: the higher, the larger its value."""
    values = h.tolist()
    shown = values[: max((width - 1) * height, 0)]
    high = max(1.0, max(map(abs, values)))
    low = -high if min(values) < 0 else 0.0
    number = f"{len(values):,}" if len(shown) == len(values) else f"{len(shown):,} of {len(values):,}"
    yield Text(f"h of the last layer: {number} units, {low:.3g} to {high:.3g}", "dim")
    blocks: Sequence[str] = ASCII_BLOCKS if ascii_only else BLOCKS
    for start in range(0, len(shown), width - 1):
        line = Text(" ")
        for value in shown[start : start + width - 1]:
            level = min(int((value - low) / (high - low) * len(blocks)), len(blocks) - 1)
            line.append(blocks[level], "red" if value < 0 else "cyan")
        yield line
