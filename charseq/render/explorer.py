"""A screen that shows what a network expects next, as bars, and what its neurons do."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from charseq.inference.explorer import Explorer
from charseq.model.numpy_ops import Floats
from charseq.render.marked import piece
from charseq.render.visible import visible

KEYS = "Esc quits, Tab takes the likeliest, Backspace, Ctrl-U begins anew"
TOP = 10
TEXT_LINES = 3
BLOCKS, PLAIN_BLOCKS = "▁▂▃▄▅▆▇█", "_.-~=+*#"
BAR, PLAIN_BAR, CURSOR = "█", "#", "▏"


def screen(
    explorer: Explorer, name: str, told: str, *, width: int, height: int, plain: bool = False
) -> list[Text]:
    """The lines of a screen, as many as it is high; `plain` ones of ASCII beside the text's characters."""
    lines = [Text(visible(name), "dim"), Text(KEYS, "dim"), Text()]
    lines += _text(explorer.text, width, plain)
    lines.append(Text(visible(told), "yellow"))
    lines += _bars(explorer, width, plain)
    lines.append(Text())
    if explorer.output is not None:
        lines += _neurons(explorer.output.h, width, height - len(lines) - 1, plain)
    lines = lines[:height] + [Text()] * (height - len(lines))
    for line in lines:
        line.truncate(width)
    return lines


def _text(text: str, width: int, plain: bool) -> list[Text]:
    """The end of the text, and where one types."""
    rows = [row for line in text.split("\n") for row in (chop_cells(visible(line), width - 2) or [""])]
    shown = [Text(row, "bold") for row in rows[-TEXT_LINES:]]
    shown[-1].append("_" if plain else CURSOR, "blink")
    return [Text()] * (TEXT_LINES - len(shown)) + shown


def _bars(explorer: Explorer, width: int, plain: bool) -> Iterator[Text]:
    """The ten likeliest symbols."""
    if explorer.output is None:
        yield Text("type a character to begin")
        for _ in range(TOP - 1):
            yield Text()
        return
    found = explorer.output.probabilities[:TOP]
    shown = [
        "end of line" if not symbol else "space" if symbol == " " else piece(symbol) for symbol, _ in found
    ]
    name_width = min(max(map(cell_len, shown)), 16)
    room = max(width - name_width - 12, 4)
    for name, (_, probability) in zip(shown, found, strict=True):
        line = Text(" ").append(set_cell_size(name, name_width), "bold")
        line.append(f"  {probability:6.4f}  ")
        yield line.append((PLAIN_BAR if plain else BAR) * round(probability * room), "green")
    for _ in range(TOP - len(found)):
        yield Text()


def _neurons(h: Floats, width: int, height: int, plain: bool) -> Iterator[Text]:
    """The output of the last layer, a character a neuron, the higher the more."""
    values = h.tolist()
    shown = values[: max((width - 1) * height, 0)]
    most = max(1.0, max(map(abs, values)))
    low = -most if min(values) < 0 else 0.0
    count = f"all {len(values)}" if len(shown) == len(values) else f"the first {len(shown)} of {len(values)}"
    yield Text(f"h of the last layer, {count} neurons, from {low:g} to {most:.3g}", "dim")
    blocks: Sequence[str] = PLAIN_BLOCKS if plain else BLOCKS
    for start in range(0, len(shown), width - 1):
        line = Text(" ")
        for value in shown[start : start + width - 1]:
            level = min(int((value - low) / (most - low) * len(blocks)), len(blocks) - 1)
            line.append(blocks[level], "red" if value < 0 else "cyan")
        yield line
