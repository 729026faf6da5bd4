"""The table of epochs that fits into a number of lines, with a generated sample below it."""

from rich.console import Group, RenderableType
from rich.text import Text

from charseq.events import Epoch
from charseq.render.quantities import count
from charseq.render.thinned_rows import ThinnedRows
from charseq.render.training_drawing import Detail, TrainingDrawing

MAX_STRINGS = 3
"""The number of strings whose predictions are shown."""
LIVE_DETAILS = [Detail(4, MAX_STRINGS), Detail(2, 2), Detail(1, 1)]
"""How much of the last prediction is shown while the run trains: the most that fits."""
FINAL_DETAILS = [Detail(lines, MAX_STRINGS) for lines in (24, 16, 12, 8, 6)] + LIVE_DETAILS
"""The same, at the end."""


def arranged(
    drawing: TrainingDrawing,
    rows: ThinnedRows,
    sample: str | None,
    lines: int,
    *,
    final: bool,
    saved: float | None = None,
) -> RenderableType:
    """Return the landmarks of a run, as many other rows as fit into `lines`, and the sample.

    `final`: whether the run has ended.  `saved`: the passes before the saved epoch, which has a row, too.
    """
    sample_lines = drawing.sample(sample) if sample is not None else []
    landmarks = rows.landmarks()
    for detail in FINAL_DETAILS if final else LIVE_DETAILS:
        heights = [drawing.height(row, row is landmarks[0], detail) for row in landmarks]
        free = lines - len(sample_lines) - drawing.header_lines(landmarks[0], detail)
        if sum(heights) < free and heights[0] <= max(free // 2, 2):
            break
    else:
        room = lines - drawing.header_lines(landmarks[0], detail) - sum(heights) - 1  # for the note
        sample_lines = sample_lines[: room if room > 1 else 0]
        free = room + 1 + sum(heights) - len(sample_lines)

    def height(row: Epoch, is_last: bool) -> int:
        return drawing.height(row, is_last, detail)

    shown = rows.fitting(free, height, spread=final, saved=saved)
    note: list[Text] = []
    if rows.count > len(shown):  # one more line, for the note
        shown = rows.fitting(free - 1, height, spread=final, saved=saved)
        note.append(Text(f"({count(rows.count - len(shown), 'row')} not shown)", "dim"))
    return Group(drawing.table(shown, detail), *note, *sample_lines)
