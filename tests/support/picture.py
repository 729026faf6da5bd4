"""Draw the README's picture: `python -m tests.support.picture`.

Run the README's first training, replay its events through the real table, and write the screen as an SVG.
Draw it again after a change to what `charseq train` prints.
"""

import io
import os
import re
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

import charseq
from charseq.events import End, Epoch, Event, Start
from charseq.render.epoch_table import arranged
from charseq.render.thinned_rows import ThinnedRows
from charseq.render.training_drawing import TrainingDrawing
from charseq.render.training_outcome import outcome
from charseq.render.training_summary import summary

PICTURE = Path(__file__).parent.parent / "readme" / "training.svg"
COMMAND = "charseq train --text hihello --cell lstm"
COLUMNS, TABLE_LINES = 80, 20
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SVG_FORMAT = re.sub(r"@font-face \{\{.*?\n    \}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.S).replace(
    "Fira Code, monospace", FONTS
)
"""Rich's template with the reader's own fonts; rich's loads one from the network."""


def training_events() -> list[Event]:
    """Train as COMMAND does, in the current folder, and return the events."""
    return list(charseq.train("hihello", cell="lstm"))


def recorded(events: list[Event]) -> Console:
    """Print events as `charseq train` does on a screen, on a console that records them."""
    console = Console(record=True, width=COLUMNS, height=40, file=io.StringIO(), _environ={})
    console.print(Text.assemble(("$ ", "dim"), COMMAND))
    start, end = events[0], events[-1]
    assert isinstance(start, Start)
    assert isinstance(end, End)
    rows = ThinnedRows(start)
    for event in events:
        if isinstance(event, Epoch):
            rows.add(event)
    console.print(Text(summary(start)))
    drawing = TrainingDrawing(console, start)
    console.print(arranged(drawing, rows, None, TABLE_LINES, final=True, saved=end.passes))
    console.print(Text(outcome(end), "green"))
    return console


def main() -> None:
    """Train in a temporary folder, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        console = recorded(training_events())
    svg = console.export_svg(title="", code_format=SVG_FORMAT, unique_id="training")
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
