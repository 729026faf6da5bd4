"""The position in a replayed run, which time and keys move."""

from charseq.cli.keys import CTRL_D, LEFT, RIGHT

SLOWEST, FASTEST = 60.0, 1 / 64
"""The seconds for each epoch that keys can choose."""


class Player:
    """Plays a run epoch by epoch; an arrow moves by one epoch and pauses."""

    def __init__(self, delay: float) -> None:
        """Start at the first epoch; `delay` is in seconds for each epoch."""
        self.position = 1
        """The number of the epoch."""
        self.paused = self.has_quit = False
        self.delay = delay

    def press(self, key: str, *, has_next: bool) -> bool:
        """Change the state by a key; return whether the key has a meaning.

        `has_next`: whether there is an epoch after the position.
        """
        if key in ("q", "Q", CTRL_D):
            self.has_quit = True
        elif key == " ":
            self.paused = not self.paused
        elif key == RIGHT:
            self.paused = True
            self.position += has_next
        elif key == LEFT:
            self.paused = True
            self.position = max(self.position - 1, 1)
        elif key == "+":
            self.delay = max(self.delay / 2, min(FASTEST, self.delay))
        elif key == "-":
            self.delay = min(max(self.delay, FASTEST) * 2, max(SLOWEST, self.delay))
        else:
            return False
        return True
