"""A predicted text with its errors marked, by color and by carets below."""

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from charseq.render.symbols import symbol_text

CORRECT = "green"
WRONG = "bold red"
MARK = "^"
ELLIPSIS = "…"
WRONG_SPACE = "·"
"""The sign for a wrongly predicted space, which would be invisible above its caret."""


def mark_errors(predicted: Sequence[str], target: Sequence[str], *, width: int, lines: int) -> Text:
    """Return the predicted symbols in at most `lines` lines of `width` columns, with carets below errors.

    A line without errors has no line of carets.  An ellipsis ends a text that is cut.
    """
    rows: list[tuple[Text, str]] = [(Text(), "")]
    pieces = _pieces(predicted, target)
    for number, (piece, wrong) in enumerate(pieces, 1):
        row, marks = rows[-1]
        free = width - row.cell_len
        if len(rows) == lines and number < len(pieces):
            free -= 1  # for the ellipsis
        if cell_len(piece) > free and row.plain:
            if len(rows) == lines:
                row.append(ELLIPSIS, "dim")
                break
            rows.append((Text(), ""))
            row, marks = rows[-1]
        row.append(piece, WRONG if wrong else CORRECT)
        rows[-1] = (row, marks + (MARK if wrong else " ") * cell_len(piece))
    shown = []
    for row, marks in rows:
        shown.append(row)
        if MARK in marks:
            shown.append(Text(marks.rstrip(), WRONG))
    return Text("\n").join(shown)


def _pieces(predicted: Sequence[str], target: Sequence[str]) -> list[tuple[str, bool]]:
    """Return the text of each symbol, and whether it is wrong.

    A combining mark joins the character before it if both are correct or both are wrong, and Unicode composes
    them to one character.
    """
    pieces: list[tuple[str, bool]] = []
    base = ""
    for symbol, truth in zip(predicted, target, strict=True):
        wrong = symbol != truth
        composed = _composed(base, symbol) if pieces and pieces[-1][1] == wrong else ""
        piece = composed or (WRONG_SPACE if wrong and symbol == " " else symbol_text(symbol))
        if composed:
            pieces.pop()
        pieces.append((piece, wrong))
        base = piece if piece in (symbol, composed) else ""
    return pieces


def _composed(base: str, mark: str) -> str:
    """Return a character and a combining mark as one character, or an empty string if there is none."""
    if not base or not mark or cell_len(mark):
        return ""
    composed = unicodedata.normalize("NFC", base + mark)
    return composed if len(composed) == 1 else ""
