"""A clock that stands still while the process is stopped, by Ctrl-Z or SIGSTOP."""

import math
import time
from typing import NamedTuple

HEARTBEAT = 0.25
"""Seconds between two calls of `beat`: the precision with which a stop by SIGSTOP is measured."""


class _State(NamedTuple):
    """Replaced as a whole, so that another thread never reads half a change."""

    stopped: float
    """Seconds that the process has been stopped."""
    running_until: float
    """Up to when the process is known to run, on time.monotonic(); infinity if nobody watches."""


_state = _State(0.0, math.inf)


def running_time() -> float:
    """Return seconds like time.monotonic(), less those that the process was stopped."""
    stopped, running_until = _state
    return min(time.monotonic(), running_until) - stopped


def beat() -> None:
    """Report that the process runs.  Whoever calls this once continues every HEARTBEAT seconds."""
    _set(_state.stopped, time.monotonic() + HEARTBEAT)


def about_to_stop() -> None:
    """Stop the clock until `continued` or `beat`."""
    _set(_state.stopped, time.monotonic())


def continued() -> bool:
    """Report that the process has been continued, and return whether it was stopped.

    The time since the process was last known to run does not count.
    """
    now = time.monotonic()
    seconds = max(0.0, now - _state.running_until)
    _set(_state.stopped + seconds, now + HEARTBEAT)
    return seconds > 0


def unwatch() -> None:
    """Let the clock run without heartbeats."""
    _set(_state.stopped, math.inf)


def _set(stopped: float, running_until: float) -> None:
    global _state
    _state = _State(stopped, running_until)
