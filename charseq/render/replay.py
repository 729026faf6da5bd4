"""A logged run as a live table at one epoch after another, with the keys that move it."""

from rich.console import Console, Group, RenderableType
from rich.text import Text

from charseq.events import Start
from charseq.render.epoch_table import arranged
from charseq.render.live_screen import LiveScreen
from charseq.render.recording import Recording
from charseq.render.training_drawing import TrainingDrawing

KEYS = "space: {pause}  {left}/{right}: previous, next  +/-: pace  q: quit"
LINES_BELOW = 1
"""The shell's next prompt."""


class ReplayTable:
    """Draws the table that a run had after an epoch."""

    def __init__(self, console: Console, recording: Recording, start: Start) -> None:
        self._console, self._recording = console, recording
        self._drawing = TrainingDrawing(console, start)
        self.screen = LiveScreen(console, overflow="crop")

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the screen."""
        return self._console.size

    def draw(self, number: int, legend: str) -> None:
        """Draw the epochs up to a number, and a line below."""
        below = Text(legend, "dim", no_wrap=True, overflow="ellipsis")
        self.screen.draw(Group(self._table(number, final=False, below=1 + LINES_BELOW), below))

    def finish(self, number: int, messages: str) -> None:
        """Leave the epochs up to a number on the screen; `messages` follow."""
        below = LINES_BELOW
        if messages:
            below += len(Text(messages).wrap(self._console, self._console.width))
        try:
            table = self._table(number, final=True, below=below)
        except BaseException:  # the log was removed
            self.screen.erase()
            raise
        self.screen.finish(table)

    def _table(self, number: int, *, final: bool, below: int) -> RenderableType:
        rows, sample = self._recording.rows(number), self._recording.sample(number)
        end = self._recording.end
        saved = end.passes if final and end and end.epoch else None
        lines = self._console.height - below
        return arranged(self._drawing, rows, sample, lines, final=final, saved=saved)


def legend(*, paused: bool, delay: float, has_keys: bool, ascii_only: bool = False) -> str:
    """Return the state of a replay, and the keys if there are any."""
    state = "paused" if paused else f"{delay:.2g} s per epoch"
    if not has_keys:
        return state
    left, right = ("Left", "Right") if ascii_only else ("←", "→")
    keys = KEYS.format(pause="continue" if paused else "pause", left=left, right=right)
    return f"{state}  {keys}"
