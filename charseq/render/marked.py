"""A prediction with its right and wrong places told apart, by colour and by a mark beneath."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from charseq.render.visible import escape, visible

RIGHT = "green"
WRONG = "bold red"
MARK = "^"
MORE = "…"
WRONG_BLANK = "·"


def marked(predicted: Sequence[str], target: Sequence[str], *, width: int, lines: int) -> Text:
    """The predicted symbols in at most `lines` lines of `width` cells; wrong places stand above a caret.

    A line without a wrong place has no line of carets.  What does not fit ends in an ellipsis.
    """
    rows: list[tuple[Text, str]] = [(Text(), "")]
    for place, (symbol, truth) in enumerate(zip(predicted, target, strict=True)):
        wrong = symbol != truth
        shown = WRONG_BLANK if wrong and symbol == " " else piece(symbol)
        row, marks = rows[-1]
        left = width - row.cell_len
        last = place + 1 == len(predicted)
        if cell_len(shown) > (left if last or len(rows) < lines else left - 1) and row.plain:
            if len(rows) == lines:
                row.append(MORE, "dim")
                break
            rows.append((Text(), ""))
            row, marks = rows[-1]
        row.append(shown, WRONG if wrong else RIGHT)
        rows[-1] = (row, marks + (MARK if wrong else " ") * cell_len(shown))
    parts = []
    for row, marks in rows:
        parts.append(row)
        if MARK in marks:
            parts.append(Text(marks.rstrip(), WRONG))
    return Text("\n").join(parts)


def piece(symbol: str) -> str:
    """A symbol as something that takes up room: a boundary as a sign, a lone combining mark escaped."""
    if not symbol:
        return "⏎"
    shown = visible(symbol)
    return shown if cell_len(shown) else "".join(escape(c) for c in symbol)
