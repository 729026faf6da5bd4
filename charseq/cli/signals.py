"""Stop training at SIGINT, SIGTERM and SIGHUP, and suspend it at Ctrl-Z."""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from charseq.cli import streams
from charseq.errors import ExitCode
from charseq.render.screen import Screen
from charseq.system import suspension
from charseq.system.signals import install, stop_process

SAME_SIGNAL_SECONDS = 0.1
"""Seconds within which signals count as one: some programs signal a process and then its group."""
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that request a stop."""
SUSPENSION_SIGNALS = [getattr(signal, name) for name in ("SIGTSTP", "SIGCONT") if hasattr(signal, name)]
"""Signals that suspend and continue a process."""


class Stop:
    """The state of a request to stop the run."""

    signal: int | None = None
    """The signal that requested the stop."""
    is_passed_on = False
    """Whether another process has received that signal, and this one has not."""
    output_closed = False
    """Whether the reader of standard output has closed it."""
    training_started = False
    """Whether there is a model to save; until then, a signal ends the process at once."""
    screen: Screen | None = None
    """The live screen to release at Ctrl-Z."""

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None or self.output_closed

    def pass_on(self, number: int) -> None:
        """Stop as another process is asked to; the first signal to this one is not yet a second request."""
        self.is_passed_on, self.signal = True, number
        self.announce()

    def announce(self) -> None:
        """Say on standard error that the model is being saved."""
        if streams.is_quiet():
            return
        with contextlib.suppress(OSError):
            message = b"stopping and saving the model; press Ctrl-C again to quit immediately"
            # A live table is redrawn from the line that the cursor is on.
            is_live = self.screen is not None and self.screen.is_live and _shows_messages()
            before, after = (b"\r\x1b[2K", b"") if is_live else (b"\n", b"\n")
            os.write(2, before + message + after)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the process."""
        if self.signal is None:
            return ExitCode.DONE
        return ExitCode.INTERRUPTED if self.signal == signal.SIGINT else ExitCode.TERMINATED


@contextlib.contextmanager
def handle_signals() -> Iterator[Stop]:
    """Let the first SIGINT, SIGTERM or SIGHUP request a stop, and the second end the process at once.

    Before training starts, the first ends the process, too.  Ctrl-Z releases the screen and suspends the
    process; `running_time` pauses meanwhile.  A signal that was ignored from the start stays ignored.
    """
    stop = Stop()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    # Set before the handlers, which leave signals to the watcher, so that it misses none.
    previous_fd = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    replaced = install(dict.fromkeys([*STOP_SIGNALS, *SUSPENSION_SIGNALS], _on_signal))
    if os.name == "posix":
        suspension.heartbeat(time.monotonic())  # before the thread: the process may be stopped at once
    watcher = threading.Thread(target=_Watcher(stop, read_end).watch, daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        # After a request to stop, ignore further ones: the process is about to end.
        ignored = dict.fromkeys(STOP_SIGNALS, signal.SIG_IGN) if stop.signal is not None else {}
        install({number: ignored.get(number, handler) for number, handler in replaced.items()})
        signal.set_wakeup_fd(previous_fd)
        os.close(write_end)
        watcher.join(timeout=1)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Leave signals to the watcher, but resume the clock in the main thread before it draws again."""
    if number == getattr(signal, "SIGCONT", None):
        suspension.resume_clock()


class _Watcher:
    """A thread that handles signals; Python's handlers would wait for the end of a long matrix product."""

    def __init__(self, stop: Stop, read_end: int) -> None:
        self._stop, self._read_end = stop, read_end
        self._requested_at = 0.0

    def watch(self) -> None:
        """Handle signals until the other end of the pipe is closed."""
        if os.name == "posix":  # so that SIGCONT goes to the main thread
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
        while True:
            is_signaled = self._wait(suspension.HEARTBEAT - suspension.LATE)
            now = time.monotonic()  # before handling signals, so that a later stop is noticed
            if is_signaled:
                received = os.read(self._read_end, 64)
                if not received:
                    break
                for number in dict.fromkeys(received):
                    self._handle(number)
            if os.name != "posix":
                continue
            if suspension.is_late(now):  # stopped, or only slow?  SIGCONT must come before a heartbeat
                if is_signaled or self._wait(suspension.LATE):
                    continue
                before, now = now, time.monotonic()
                if now - before > 2 * suspension.LATE:  # perhaps stopped while waiting
                    continue
            suspension.heartbeat(now)
        suspension.stop_heartbeats()
        os.close(self._read_end)

    def _wait(self, seconds: float) -> bool:
        """Wait for a signal for a number of seconds, and return whether one has arrived."""
        if os.name != "posix":  # pipes cannot be polled, and processes cannot be stopped
            return True
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN | select.POLLHUP)
        return bool(poll.poll(1000 * seconds))

    def _handle(self, number: int) -> None:
        if number in STOP_SIGNALS:
            self._request_stop(number)
        elif number == signal.SIGTSTP:
            self._suspend()
        elif number == signal.SIGCONT:
            suspension.resume_clock()
            if self._stop.screen:
                self._stop.screen.redraw()

    def _request_stop(self, number: int) -> None:
        stop, now = self._stop, time.monotonic()
        if stop.is_passed_on:  # to be saved already
            stop.is_passed_on, self._requested_at = False, now
            return
        if stop.signal is not None:
            if now - self._requested_at >= SAME_SIGNAL_SECONDS:
                os._exit(stop.exit_code)
            return
        stop.signal, self._requested_at = number, now
        if not stop.training_started:
            if stop.screen:
                stop.screen.release()
            if not streams.follows():
                with contextlib.suppress(OSError):
                    os.write(2, b"\nstopped before training started; nothing was saved\n")
            os._exit(stop.exit_code)
        stop.announce()

    def _suspend(self) -> None:
        if self._stop.screen:
            self._stop.screen.release()
        suspension.pause_clock()
        stop_process()
        suspension.resume_clock()
        if self._stop.screen:
            self._stop.screen.redraw()


def _shows_messages() -> bool:
    """Return whether messages go to a terminal with cursor control."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
