"""One line with a progress bar."""

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

MAX_BAR_WIDTH, MIN_BAR_WIDTH = 20, 4
INTERRUPT_WIDTH = 3
"""The columns left free after the bar for the terminal's ^C, which must not start a new line."""


def progress_line(done: float, text: str, width: int) -> RenderableType:
    """Return a bar with a text after it, in one line of a screen; a narrow screen shows the text alone."""
    width -= INTERRUPT_WIDTH
    shown = Text(text[: max(width, 0)], "dim", no_wrap=True)
    bar_width = min(MAX_BAR_WIDTH, width - len(text) - 1)
    if bar_width < MIN_BAR_WIDTH:
        return shown
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=1.0, completed=done, width=bar_width), shown)
    return grid
