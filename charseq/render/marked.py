"""A prediction with its right and wrong places told apart, by colour and by a mark beneath."""

import unicodedata
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
    pieces = _pieces(predicted, target)
    for place, (shown, wrong) in enumerate(pieces):
        row, marks = rows[-1]
        left = width - row.cell_len
        last = place + 1 == len(pieces)
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


def _pieces(predicted: Sequence[str], target: Sequence[str]) -> list[tuple[str, bool]]:
    """What is shown for the symbols, and whether it is wrong.

    A combining mark joins the character before it where the two are right or wrong together, and are one
    character in Unicode's composed form.
    """
    pieces: list[tuple[str, bool]] = []
    base = ""
    for symbol, truth in zip(predicted, target, strict=True):
        wrong = symbol != truth
        joined = _joined(base, symbol) if pieces and pieces[-1][1] == wrong else ""
        shown = joined or (WRONG_BLANK if wrong and symbol == " " else piece(symbol))
        if joined:
            pieces.pop()
        pieces.append((shown, wrong))
        base = shown if shown in (symbol, joined) else ""
    return pieces


def _joined(base: str, mark: str) -> str:
    """A character and the mark that follows it as one character, or nothing where they are not one."""
    if not base or not mark or cell_len(mark):
        return ""
    composed = unicodedata.normalize("NFC", base + mark)
    return composed if len(composed) == 1 else ""


def piece(symbol: str) -> str:
    """A symbol as something that takes up room: a boundary as a sign, a lone combining mark escaped."""
    if not symbol:
        return "⏎"
    shown = visible(symbol)
    return shown if cell_len(shown) else "".join(escape(c) for c in symbol)
