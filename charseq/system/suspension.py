"""A clock that pauses while the process is stopped by Ctrl-Z or SIGSTOP."""

import math
import threading
import time
from typing import NamedTuple

HEARTBEAT = 0.25
"""Seconds between calls of `heartbeat`, and the precision with which a stop by SIGSTOP is measured."""
LATE = 0.05
"""Seconds after which a heartbeat is late, which suggests that the process was stopped."""


class _State(NamedTuple):
    """The state of the clock, replaced as a whole so that threads never see a partial change."""

    stopped: float
    """Seconds that the process has been stopped."""
    running_until: float
    """The time.monotonic() up to which the process is known to run; infinity without heartbeats."""
    stops: int = 0
    """The number of times that the process was stopped and continued."""


_state = _State(0.0, math.inf)
_lock = threading.RLock()
"""Protects the state from the watching thread and the SIGCONT handler in the main thread."""


def running_time() -> float:
    """Return seconds like time.monotonic(), without those in which the process was stopped."""
    stopped, running_until, _ = _state
    return min(time.monotonic(), running_until) - stopped


def stops() -> int:
    """Return the number of times that the process was stopped and continued."""
    return _state.stops


def heartbeat(moment: float) -> None:
    """Report that the process ran at a moment.  Once called, it must be called every HEARTBEAT seconds."""
    with _lock:
        until, earlier = moment + HEARTBEAT, _state.running_until
        _set(_state._replace(running_until=until if math.isinf(earlier) else max(until, earlier)))


def is_late(moment: float) -> bool:
    """Return whether the last heartbeat is so old that the process may have been stopped."""
    return moment > _state.running_until + LATE


def pause_clock() -> None:
    """Pause the clock until `resume_clock` or `heartbeat`."""
    with _lock:
        _set(_state._replace(running_until=time.monotonic()))


def resume_clock() -> None:
    """Report that the process continued: the time since it was last known to run does not count.

    Without such time, the process was not stopped, or another thread has reported it already.
    """
    with _lock:
        now = time.monotonic()
        seconds = now - _state.running_until
        if seconds > 0:
            _set(_State(_state.stopped + seconds, now + HEARTBEAT, _state.stops + 1))


def stop_heartbeats() -> None:
    """Let the clock run on without heartbeats."""
    with _lock:
        _set(_state._replace(running_until=math.inf))


def _set(state: _State) -> None:
    global _state
    _state = state
