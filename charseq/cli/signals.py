"""What SIGINT, SIGTERM and SIGHUP ask of a training, and Ctrl-Z of its terminal."""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from charseq.errors import ExitCode
from charseq.render.screen import Screen
from charseq.system import suspension
from charseq.system.signals import install, stop_process

ONE_SIGNAL = 0.1
"""Seconds within which signals count as one: some programs signal a process and then its whole group."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask for a stop."""
SUSPENSION = [getattr(signal, name) for name in ("SIGTSTP", "SIGCONT") if hasattr(signal, name)]
"""Signals that suspend and continue a process."""


class Stop:
    """Whether the run was asked to stop, and how."""

    signal: int | None = None
    output_closed = False
    """Whether the reader of the events has gone."""
    training_started = False
    """Whether there is anything to save; until then, a signal ends the process at once."""
    screen: Screen | None = None
    """What to release at Ctrl-Z."""

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None or self.output_closed

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that it makes."""
        if self.signal is None:
            return ExitCode.DONE
        return ExitCode.INTERRUPTED if self.signal == signal.SIGINT else ExitCode.TERMINATED


@contextlib.contextmanager
def handle_signals() -> Iterator[Stop]:
    """Let the first SIGINT, SIGTERM or SIGHUP ask for a stop, and the second end the process at once.

    Before anything has begun, the first one ends it, too.  Ctrl-Z releases the screen and stops the process;
    while it is stopped, `running_time` stands still.  A signal that was ignored from the start stays ignored.
    """
    stop = Stop()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Before the handlers, which leave the answer to the watcher: so no signal between the two is lost.
    woken = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    replaced = install(dict.fromkeys([*SIGNALS, *SUSPENSION], _heed))
    if os.name == "posix":
        suspension.heartbeat(time.monotonic())  # before the thread runs: the process may be stopped at once
    watcher = threading.Thread(target=_Watcher(stop, reading).watch, daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        # After a request to stop, ignore further ones: the process is about to end.
        ignored = dict.fromkeys(SIGNALS, signal.SIG_IGN) if stop.signal is not None else {}
        install({number: ignored.get(number, handler) for number, handler in replaced.items()})
        signal.set_wakeup_fd(woken)
        os.close(writing)
        watcher.join(timeout=1)


def _heed(number: int, frame: FrameType | None) -> None:
    """Leave a signal to the watcher; but learn of a stop in the main thread, before it draws again."""
    if number == getattr(signal, "SIGCONT", None):
        suspension.resume_clock()


class _Watcher:
    """A thread that answers signals: Python's own handlers wait for the end of a long matrix product."""

    def __init__(self, stop: Stop, reading: int) -> None:
        self._stop, self._reading = stop, reading
        self._asked = 0.0

    def watch(self) -> None:
        """Answer every signal, until the other end of the pipe is closed."""
        if os.name == "posix":  # SIGCONT goes to the main thread, which then knows of it as soon as it runs
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
        while True:
            has_come = self._has_come()
            now = time.monotonic()  # before the answers: whatever stops the process after this is noticed
            if has_come:
                received = os.read(self._reading, 64)
                if not received:
                    break
                for number in dict.fromkeys(received):
                    self._answer(number)
            if os.name != "posix":
                continue
            # Late, perhaps because the process was stopped: let SIGCONT tell before a heartbeat denies it.
            if suspension.is_late(now) and (has_come or self._has_come()):
                continue
            suspension.heartbeat(now)
        suspension.stop_heartbeats()
        os.close(self._reading)

    def _has_come(self) -> bool:
        """Wait for a signal, for the time of a heartbeat."""
        if os.name != "posix":  # there, pipes cannot be waited for, and no process is stopped
            return True
        waiting = select.poll()
        waiting.register(self._reading, select.POLLIN | select.POLLHUP)
        return bool(waiting.poll(1000 * suspension.HEARTBEAT))

    def _answer(self, number: int) -> None:
        if number in SIGNALS:
            self._ask_to_stop(number)
        elif number == signal.SIGTSTP:
            self._suspend()
        elif number == signal.SIGCONT:
            suspension.resume_clock()
            if self._stop.screen:
                self._stop.screen.redraw()

    def _ask_to_stop(self, number: int) -> None:
        stop, now = self._stop, time.monotonic()
        if stop.signal is not None:
            if now - self._asked >= ONE_SIGNAL:
                os._exit(stop.exit_code)
            return
        stop.signal, self._asked = number, now
        if not stop.training_started:
            with contextlib.suppress(OSError):
                os.write(2, b"\nstopped; nothing was learned yet\n")
            os._exit(stop.exit_code)
        with contextlib.suppress(OSError):
            message = b"stopping, and saving the model; again to leave at once"
            # A live table ends in the line that the cursor is on, and draws itself anew from there.
            before, after = (b"\r\x1b[2K", b"") if self._is_live() else (b"\n", b"\n")
            os.write(2, before + message + after)

    def _is_live(self) -> bool:
        """Whether a table is drawn on the terminal that shows the messages."""
        screen = self._stop.screen
        return screen is not None and not screen.is_released and _is_on_one_screen()

    def _suspend(self) -> None:
        if self._stop.screen:
            self._stop.screen.release()
        suspension.pause_clock()
        stop_process()
        suspension.resume_clock()
        if self._stop.screen:
            self._stop.screen.redraw()


def _is_on_one_screen() -> bool:
    """Whether data and messages go to a terminal that draws."""
    return sys.stdout.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
