"""Commands on a pseudo-terminal."""

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Callable

import pyte

from tests.support.forks import exit_code, fork_on_a_terminal, run_charseq


def on_a_terminal(
    *arguments: str, width: int = 80, height: int = 24, typed: bytes = b""
) -> tuple[int, bytes, pyte.Screen]:
    """Run on a pseudo-terminal.  Returns the status, everything it was sent, and the screen at the end."""
    there = {"TERM": "xterm-256color", "COLUMNS": str(width), "LINES": str(height), "NO_COLOR": None}
    process, terminal = fork_on_a_terminal(run_charseq, arguments, there)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    os.write(terminal, typed)
    sent = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            sent += piece
    status = exit_code(process)
    os.close(terminal)
    screen = pyte.Screen(width, height)
    pyte.ByteStream(screen).feed(sent)
    return status, sent, screen


class Terminal:
    """A command on a pseudo-terminal of 80x24, key by key."""

    def __init__(self, *arguments: str, run: Callable[[tuple[str, ...]], None] = run_charseq) -> None:
        """Start it; `run` runs charseq in the fork."""
        there = {"TERM": "xterm-256color", "NO_COLOR": None, "COLUMNS": None, "LINES": None}
        self.process, self._terminal = fork_on_a_terminal(run, arguments, there)
        self.resize(80, 24)
        self.sent = b""

    def resize(self, width: int, height: int) -> None:
        """Change the size of the terminal."""
        self._size = width, height
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self._terminal, keys)

    def wait_for(self, text: str) -> list[str]:
        """Read until the screen has a text on it.  Returns its lines."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for _ in range(100):  # of a screen, all of it
                if not select.select([self._terminal], [], [], 0.1)[0]:
                    break
                try:
                    self.sent += os.read(self._terminal, 65536)
                except OSError:
                    break
            lines = self.lines()
            if any(text in line for line in lines):
                return lines
        raise AssertionError(f"{text!r} never stood on the screen: {self.sent[-2000:]!r}")

    def lines(self) -> list[str]:
        """Return the lines on the screen."""
        screen = pyte.Screen(*self._size)
        pyte.ByteStream(screen).feed(self.sent.rpartition(b"\x1b[H")[2])
        return [line.rstrip() for line in screen.display]

    def wait_for_output(self, text: bytes) -> None:
        """Read until a text has been written, whether or not it has scrolled off the screen since."""
        deadline = time.monotonic() + 20
        while text not in self.sent and time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self.sent += os.read(self._terminal, 65536)
                except OSError:  # the command has ended
                    break
        assert text in self.sent, self.sent[-2000:]

    def modes(self) -> int:
        """The local modes of the terminal: whether it echoes, and waits for whole lines."""
        found: int = termios.tcgetattr(self._terminal)[3]
        return found

    def wait_for_modes(self, modes: int) -> int:
        """Wait until the terminal has all of these modes, and return those that it has."""
        deadline = time.monotonic() + 10
        while self.modes() & modes != modes and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.modes()

    def end(self) -> int:
        """Read what is left, and return the status."""
        while select.select([self._terminal], [], [], 5)[0]:
            try:
                piece = os.read(self._terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            self.sent += piece
        status = exit_code(self.process)
        os.close(self._terminal)
        return status
