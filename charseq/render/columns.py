"""Tables that fit the width of the screen without breaking a name or a number.

If a table is too wide, its least important columns are left out, and then texts are folded between words.
A cell that is still too wide gets a line of its own.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

GAP = 2
"""The columns between two cells, if the screen is wide enough; otherwise 1."""
INDENT = 2
EMPTY = "-"
"""The text of a cell without a value."""
LEFT_OUT = " …"
"""The sign after the headings that columns are left out."""


def fitting(
    headings: Sequence[str], widths: Sequence[int], width: int, droppable: Sequence[str], *, gap: int = 1
) -> list[int]:
    """Return the indices of the columns that fit, after dropping as many of `droppable` as necessary."""
    chosen = list(range(len(headings)))
    for name in droppable:
        if sum(widths[i] for i in chosen) + gap * (len(chosen) - 1) <= width:
            break
        chosen = [i for i in chosen if headings[i] != name]
    return chosen


def print_columns(
    console: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    droppable: Sequence[str] = (),
    foldable: Collection[str] = (),
    styles: Sequence[str] = (),
    notes: Sequence[str] = (),
    name_style: str = "",
) -> None:
    """Print rows below headings, each row in its style, with its note below it; the first column is the name.

    The `droppable` columns are left out in this order as far as necessary, columns without any value first.
    Text in `foldable` columns is folded between words.
    """
    cells = [list(headings), *map(list, rows)]
    empty = [name for i, name in enumerate(headings) if all(row[i] == EMPTY for row in rows)]
    order = [*(name for name in droppable if name in empty), *droppable]
    min_widths = [_max_width(row[i] for row in cells) for i in range(len(headings))]
    for i, name in enumerate(headings):
        if name in foldable:
            min_widths[i] = _max_width(word for row in cells for word in row[i].split())
    chosen = fitting(headings, min_widths, console.width, order)
    is_complete = {headings[i] for i in chosen} | set(empty) >= set(headings)
    if not is_complete:
        chosen = fitting(headings, min_widths, console.width - len(LEFT_OUT), order)
    mark = 0 if is_complete else cell_len(LEFT_OUT)
    columns = _Columns([[row[i] for i in chosen] for row in cells], console, mark)
    columns.fit([i for i, column in enumerate(chosen) if headings[column] in foldable])
    for number in range(len(cells)):
        style = ("dim", *styles)[number] if styles else "" if number else "dim"
        lines = [Text(line, style) for line in columns.lines(number)]
        if number and lines:
            lines[0].stylize(name_style, 0, len(cells[number][0]))
        if number and notes:
            lines += (Text(line) for line in columns.indented(notes[number - 1]))
        if not number and not is_complete:
            lines[0].append(LEFT_OUT)
        for line in lines:
            console.print(line, no_wrap=True, crop=False, overflow="ignore")


def joined(start: str, items: Iterable[str], separator: str, width: int) -> str:
    """Join items after a start, in lines of at most `width` that break only between items."""
    lines = [start]
    for item in items:
        longer = lines[-1] + item + separator
        if cell_len(longer.rstrip()) > width and lines[-1].strip():
            lines.append(item + separator)
        else:
            lines[-1] = longer
    return "\n".join(line.rstrip() for line in lines).removesuffix(separator.rstrip())


class _Columns:
    """The layout of cells side by side; `mark` is the width of what follows the last heading."""

    def __init__(self, cells: list[list[str]], console: Console, mark: int) -> None:
        self._cells, self._console, self._mark = cells, console, mark
        self._gap = GAP
        self._widths = [_max_width(row[i] for row in cells) for i in range(len(cells[0]))]
        self._alone: set[tuple[int, int]] = set()
        """The cells, by row and column, on a line of their own."""

    def fit(self, foldable: Sequence[int]) -> None:
        """Narrow the columns until they fit: reduce gaps, fold texts, then take out wide cells."""
        if self._excess() > 0:
            self._gap = 1
        self._fold(foldable)
        while self._excess() > 0 and (cell := self._widest(foldable)):
            self._alone.add(cell)
            self._widths = [self._column_width(i, by_words=False) for i in range(len(self._widths))]
            self._fold(foldable)

    def lines(self, number: int) -> Iterator[str]:
        """Yield the lines of a row."""
        row = self._cells[number]
        alone = [i for i in range(len(row)) if (number, i) in self._alone]
        if 0 in alone:  # the name of the row, above its values
            yield row[0]
        folded = [
            [""] if i in alone else self._folded(cell, width)
            for i, (cell, width) in enumerate(zip(row, self._widths, strict=True))
        ]
        for pieces in zip_longest(*folded, fillvalue=""):
            sized = (set_cell_size(piece, w) for piece, w in zip(pieces, self._widths, strict=True))
            if line := (" " * self._gap).join(sized).rstrip():
                yield line
        for i in alone:
            if i:
                yield from self.indented(row[i])

    def indented(self, text: str) -> Iterator[str]:
        """Yield the lines of an indented text, folded to the width of the screen."""
        return (" " * INDENT + line for line in self._folded(text, self._console.width - INDENT))

    def _excess(self) -> int:
        last = max(self._widths[-1], cell_len(self._cells[0][-1]) + self._mark)
        return sum(self._widths[:-1]) + self._gap * (len(self._widths) - 1) + last - self._console.width

    def _column_width(self, column: int, *, by_words: bool) -> int:
        cells = [row[column] for n, row in enumerate(self._cells) if (n, column) not in self._alone]
        return _max_width(word for cell in cells for word in (cell.split() if by_words else [cell]))

    def _fold(self, foldable: Sequence[int]) -> None:
        """Give foldable columns the width that the others leave, at least for their longest words."""
        for i in foldable:
            self._widths[i] = self._column_width(i, by_words=False)
        for i in sorted(foldable, key=self._widths.__getitem__, reverse=True):
            min_width = self._column_width(i, by_words=True)
            self._widths[i] = max(min_width, self._widths[i] - max(0, self._excess()))

    def _widest(self, foldable: Sequence[int]) -> tuple[int, int] | None:
        """Return the widest cell, below the headings and still in its column, that cannot be narrowed."""
        cells = [
            (_max_width(cell.split() if i in foldable else [cell]), number, i)
            for number, row in enumerate(self._cells[1:], 1)
            for i, cell in enumerate(row)
            if (number, i) not in self._alone and cell
        ]
        _, number, i = max(cells, default=(0, 0, 0))
        return (number, i) if number else None

    def _folded(self, cell: str, width: int) -> list[str]:
        if cell_len(cell) <= width or _max_width(cell.split()) > width:
            return [cell]
        return [line.plain.rstrip() for line in Text(cell.strip()).wrap(self._console, width)]


def _max_width(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)
