"""A live drawing that can leave the terminal and come back."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

SECONDS_TO_WAIT = 1.0
"""For a drawing under way: where a terminal takes no output, the process is to stop nevertheless."""


class LiveScreen:
    """Draws in place on a terminal, from the main thread and from the one that answers signals."""

    def __init__(self, console: Console, overflow: Literal["crop", "ellipsis"] = "ellipsis") -> None:
        self._console, self._overflow = console, overflow
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._released = False
        self._drawing: RenderableType = Text()

    def start(self) -> None:
        """Take the terminal: hide the cursor."""
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            vertical_overflow=self._overflow,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def draw(self, drawing: RenderableType) -> None:
        """Replace the drawing; after `release`, draw as soon as the process has the terminal again."""
        with self._lock:
            self._drawing = drawing
            if self._released and self._is_in_foreground():
                self._released = False
                self.start()
            if self._live:
                self._live.update(drawing, refresh=True)

    @property
    def is_released(self) -> bool:
        """Whether others have the terminal."""
        return self._released

    def release(self) -> None:
        """Leave the last drawing, the cursor visible on the line below."""
        with self._locked() as locked:
            if self._live and locked:
                self._live.stop()
                self._live, self._released = None, True

    def redraw(self) -> None:
        """Draw again below the cursor, wherever it now is."""
        with self._locked() as locked:
            if self._live and locked:  # stopped without a release: others have moved the cursor
                self._console.clear_live()
                self._console.pop_render_hook()
                self._live, self._released = None, True
            if self._released and locked:
                self.draw(self._drawing)

    def finish(self, drawing: RenderableType) -> None:
        """Leave a last drawing, in full."""
        with self._lock:
            if self._live:
                self._live.vertical_overflow = "visible"
                self._live.update(drawing)
                self._live.stop()
            else:
                self._console.print(drawing)
            self._live, self._released = None, False

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        locked = self._lock.acquire(timeout=SECONDS_TO_WAIT)
        try:
            yield locked
        finally:
            if locked:
                self._lock.release()

    def _is_in_foreground(self) -> bool:
        """Whether a shell has given this process the terminal: not so after `bg`."""
        try:
            return os.tcgetpgrp(self._console.file.fileno()) == os.getpgrp()
        except (OSError, ValueError, AttributeError):  # not the terminal that controls the process
            return True
