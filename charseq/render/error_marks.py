"""A predicted text with its errors marked, by color and by carets below."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from charseq.render.symbols import symbol_text

CORRECT = "green"
WRONG = "bold red"
TARGET = "dim"
MARK = "^"
ELLIPSIS = "…"
WRONG_SPACE = "·"
"""The sign for a wrongly predicted space, which would be invisible above its caret."""


class Line(NamedTuple):
    """A line of a predicted text."""

    prediction: Text
    marks: str
    """Carets below the errors; empty without an error."""
    target: Text


class _Piece(NamedTuple):
    """A symbol, or a character that several symbols compose."""

    predicted: str
    target: str
    wrong: bool


def mark_errors(
    predicted: Sequence[str], target: Sequence[str], *, width: int, lines: int, with_target: bool = False
) -> Text:
    """Return the predicted symbols in at most `lines` lines of `width` columns, with carets below errors.

    A line without errors has no line of carets.  An ellipsis ends a text that is cut.  `with_target`: in a
    text of several lines, the target has a line below carets, too, in columns with the prediction.
    """
    rows = marked_lines(predicted, target, width=width, lines=lines)
    if len(rows) == 1:
        with_target = False
    if with_target:
        rows = marked_lines(predicted, target, width=width, lines=lines, in_columns=True)
    shown = []
    for line in rows:
        shown.append(line.prediction)
        if line.marks:
            shown += [Text(line.marks, WRONG), *([line.target] if with_target else [])]
    return Text("\n").join(shown)


def marked_lines(
    predicted: Sequence[str], target: Sequence[str], *, width: int, lines: int, in_columns: bool = False
) -> list[Line]:
    """Return at most `lines` lines of at most `width` columns; an ellipsis ends a text that is cut.

    `in_columns`: each symbol of the target is as wide as the predicted one.
    """
    rows = [Line(Text(), "", Text())]
    pieces = _pieces(predicted, target)
    piece = next(pieces, None)
    while piece is not None:
        following = next(pieces, None)
        row = rows[-1]
        cells = cell_len(piece.predicted)
        if in_columns:
            cells = max(cells, cell_len(piece.target))
        free = width - row.prediction.cell_len
        if len(rows) == lines and following is not None:
            free -= 1  # for the ellipsis
        if cells > free and row.prediction.plain:
            if len(rows) == lines:
                row.prediction.append(ELLIPSIS, "dim")
                row.target.append(ELLIPSIS, "dim")
                break
            row = Line(Text(), "", Text())
            rows.append(row)
        row.prediction.append(_sized(piece.predicted, cells), WRONG if piece.wrong else CORRECT)
        row.target.append(_sized(piece.target, cells) if in_columns else piece.target, TARGET)
        rows[-1] = row._replace(marks=row.marks + (MARK if piece.wrong else " ") * cells)
        piece = following
    return [row._replace(marks=row.marks.rstrip()) for row in rows]


def target_text(symbols: Sequence[str], *, width: int) -> Text:
    """Return the beginning of a target in one line."""
    return marked_lines(symbols, symbols, width=width, lines=1)[0].target


def _sized(text: str, cells: int) -> str:
    return text if cell_len(text) >= cells else set_cell_size(text, cells)


def _pieces(predicted: Sequence[str], target: Sequence[str]) -> Iterator[_Piece]:
    """Yield the text of each symbol and of its target, and whether it is wrong.

    A combining mark joins the character before it if both are correct or both are wrong, and Unicode composes
    them to one character.
    """
    last: _Piece | None = None
    base = ""
    for symbol, truth in zip(predicted, target, strict=True):
        wrong = symbol != truth
        composed = _composed(base, symbol) if last and last.wrong == wrong else ""
        piece = composed or (WRONG_SPACE if wrong and symbol == " " else symbol_text(symbol))
        true_piece = symbol_text(truth)
        if last and composed:
            true_piece = _composed(last.target, truth) or last.target + true_piece
        elif last:
            yield last
        last = _Piece(piece, true_piece, wrong)
        base = piece if piece in (symbol, composed) else ""
    if last:
        yield last


def _composed(base: str, mark: str) -> str:
    """Return a character and a combining mark as one character, or an empty string if there is none."""
    if not base or not mark or cell_len(mark):
        return ""
    composed = unicodedata.normalize("NFC", base + mark)
    return composed if len(composed) == 1 else ""
