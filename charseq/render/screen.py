"""A drawing on the terminal that makes room for others while the process is stopped."""

from typing import Protocol


class Screen(Protocol):
    """A drawing that is kept up to date in one place of the terminal."""

    @property
    def is_released(self) -> bool:
        """Whether others have the terminal."""

    def release(self) -> None:
        """Leave the terminal to others, the cursor visible and on a line of its own."""

    def redraw(self) -> None:
        """Draw again, below whatever others wrote."""
