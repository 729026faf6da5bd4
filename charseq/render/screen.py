"""The interface of a live drawing on the terminal."""

from typing import Protocol


class Screen(Protocol):
    """A drawing that is redrawn in place, and that releases the terminal while the process is suspended."""

    @property
    def is_live(self) -> bool:
        """Whether it draws on the terminal now."""

    @property
    def is_released(self) -> bool:
        """Whether another process uses the terminal."""

    def release(self) -> None:
        """Release the terminal, with a visible cursor on a new line."""

    def redraw(self) -> None:
        """Draw again below the cursor."""
