"""A live drawing that can leave the terminal and come back."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live_render import LiveRender, VerticalOverflowMethod
from rich.text import Text

from charseq.system import suspension

SECONDS_TO_WAIT = 1.0
"""Longest wait for a frame in progress: a process must stop even if its terminal accepts no output."""


class LiveScreen:
    """Draws in place on a terminal, from the main thread and from the one that answers signals.

    A frame erases the one before it, which may have moved: after SIGSTOP, the lines above the cursor belong
    to the shell.  Each frame is therefore rendered first, then written in one system call, unless the process
    has been stopped since the last frame.  A stop in the microseconds before the call, or within it, cannot
    be prevented; the rest of a frame that it cuts short is dropped.
    """

    def __init__(self, console: Console, overflow: VerticalOverflowMethod = "ellipsis") -> None:
        self._console, self._overflow = console, overflow
        self._lock = threading.RLock()
        self._is_live = self._released = False
        self._frame: LiveRender | None = None
        self._stops, self._had_terminal = 0, True
        self._drawing: RenderableType = Text()
        self._above: list[RenderableType] = []

    def start(self) -> None:
        """Start drawing, and hide the cursor."""
        self._is_live, self._released, self._frame = True, False, None
        self._stops, self._had_terminal = suspension.stops(), self._is_in_foreground()
        self._console.show_cursor(False)

    def draw(self, drawing: RenderableType) -> None:
        """Replace the drawing; after `release`, draw as soon as the process has the terminal again."""
        with self._lock:
            self._drawing = drawing
            if self._released and self._is_in_foreground():
                self.start()
            if self._is_live and not self._write(drawing, self._overflow):
                self._is_live, self._released = False, True
                self.draw(drawing)

    def print_above(self, text: RenderableType) -> None:
        """Print a text above the next drawing, where it stays."""
        with self._lock:
            self._above.append(text)

    @property
    def is_live(self) -> bool:
        """Whether it draws on the terminal now."""
        return self._is_live

    @property
    def is_released(self) -> bool:
        """Whether others have the terminal."""
        return self._released

    def release(self) -> None:
        """Leave the last drawing, with the cursor visible on the line below."""
        with self._locked() as locked:
            if self._is_live and locked:
                self._leave(self._drawing)
                self._is_live, self._released = False, True

    def redraw(self) -> None:
        """Draw again below the cursor if others have used the terminal."""
        with self._locked() as locked:
            if locked and (self._released or self._is_displaced()):
                self.draw(self._drawing)

    def finish(self, drawing: RenderableType) -> None:
        """Leave a last drawing, in full."""
        with self._lock:
            if self._is_live:
                self._leave(drawing)
            else:
                for text in (*self._above, drawing):
                    self._console.print(text)
                self._above.clear()
            self._is_live = self._released = False

    def erase(self) -> None:
        """Erase the drawing, unless others have used the terminal, and show the cursor."""
        with self._lock:
            if self._is_live:
                with self._console.capture() as rendered:
                    if self._frame:
                        self._console.print(self._frame.position_cursor(), end="")
                    self._console.show_cursor(True)
                self._send(rendered.get())
            self._is_live = self._released = False

    def _leave(self, drawing: RenderableType) -> None:
        """Write a drawing in full, and show the cursor below it."""
        below = "\n" if self._console.is_dumb_terminal else f"\n{Control.show_cursor(True)}"
        while not self._write(drawing, "visible", below):
            self.start()

    def _write(self, drawing: RenderableType, overflow: VerticalOverflowMethod, below: str = "") -> bool:
        """Write a frame over the last one.  Returns False if that has moved: start again below."""
        # Nothing can be erased on a dumb terminal, so only the last frame is written.
        if self._console.is_dumb_terminal and not below:
            return True
        frame = LiveRender(drawing, vertical_overflow=overflow)
        with self._console.capture() as rendered:
            if self._frame:
                self._console.print(self._frame.position_cursor(), end="")
            for text in self._above:
                self._console.print(text)
            self._console.print(frame, end="")
        self._frame = frame
        is_complete = self._send(rendered.get() + below)
        if is_complete:
            self._above.clear()
        return is_complete

    def _send(self, text: str) -> bool:
        """Write a text.  Returns False, and drops the rest, if others have used the terminal."""
        file = self._console.file
        file.flush()
        try:
            number = file.fileno() if os.name == "posix" else None
        except (OSError, ValueError, AttributeError):  # not a file of the operating system
            number = None
        if number is None:
            if not (displaced := self._is_displaced()):
                file.write(text)
                file.flush()
            return not displaced
        encoding, errors = getattr(file, "encoding", None), getattr(file, "errors", None)
        rest = text.encode(encoding or "utf-8", errors or "strict")
        while rest:
            if self._is_displaced():
                return False
            rest = rest[os.write(number, rest) :]
        return True

    def _is_displaced(self) -> bool:
        """Whether others have used the terminal since the last frame, without a release."""
        lost = self._had_terminal and not self._is_in_foreground()
        return self._is_live and (lost or self._stops != suspension.stops())

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
