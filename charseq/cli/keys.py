"""Single keys of the terminal."""

import codecs
import contextlib
import os
import re
import select
import signal
import sys
from collections.abc import Iterator

import typer

from charseq.errors import ExitCode
from charseq.system.signals import install

LEFT, RIGHT = "left", "right"
CTRL_C, CTRL_D, CTRL_Z, ESCAPE = "\x03", "\x04", "\x1a", "\x1b"

ESCAPE_SEQUENCE_SECONDS = 0.05
"""The longest wait for the rest of an escape sequence."""
_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\x1b])|.", re.DOTALL)
"""A character, or the characters that a terminal sends for an arrow, for example, or for a key with Alt."""
_NAMES = {"\x1b[C": RIGHT, "\x1bOC": RIGHT, "\x1b[D": LEFT, "\x1bOD": LEFT}


class Keys:
    """The keys that are pressed; each is a character, or the name of an arrow."""

    def __init__(self, descriptor: int) -> None:
        """Remember the modes of the terminal."""
        import termios

        self._descriptor = descriptor
        self._modes_before = termios.tcgetattr(descriptor)
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def grab(self) -> None:
        """Set the modes of the terminal: it sends each key at once, without an echo."""
        import termios
        import tty

        tty.setcbreak(self._descriptor)
        modes = termios.tcgetattr(self._descriptor)
        modes[3] &= ~termios.ISIG  # read Ctrl-C and Ctrl-Z as keys
        modes[0] &= ~termios.IXON
        termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def release(self) -> None:
        """Restore the modes of the terminal."""
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._modes_before)

    def suspend(self) -> None:
        """Stop the job, as Ctrl-Z does by default, and return when it continues in the foreground."""
        self.release()
        os.kill(0, signal.SIGTSTP)  # the whole job: programs that started this one stop, too
        self.grab()

    def read(self, seconds: float) -> list[str]:
        """Return the keys that are pressed next, without others than arrows; empty if there are none in time.

        The end of the input is Ctrl-D.
        """
        if not _is_readable(self._descriptor, seconds):
            return []
        data = os.read(self._descriptor, 1024)
        if data.endswith(b"\x1b") and _is_readable(self._descriptor, ESCAPE_SEQUENCE_SECONDS):
            data += os.read(self._descriptor, 1024)
        if not data:
            return [CTRL_D]
        keys = _KEY.findall(self._decoder.decode(data))
        return [_NAMES.get(key, key) for key in keys if len(key) == 1 or key in _NAMES]


@contextlib.contextmanager
def pressed_keys() -> Iterator[Keys]:
    """Read single keys from the terminal, and restore its modes at the end."""
    keys = Keys(sys.stdin.fileno())
    with normal_end_when_terminated():
        try:
            keys.grab()
            yield keys
        finally:
            keys.release()


@contextlib.contextmanager
def normal_end_when_terminated() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise typer.Exit, so that the terminal is restored."""

    def terminate(number: int, _: object) -> None:
        raise typer.Exit(ExitCode.TERMINATED)

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    replaced = install(dict.fromkeys(signals, terminate))
    try:
        yield
    finally:
        install(replaced)


def _is_readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])
