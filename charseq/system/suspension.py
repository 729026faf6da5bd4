"""A clock that stands still while the process is stopped, by Ctrl-Z or SIGSTOP."""

import math
import threading
import time
from typing import NamedTuple

HEARTBEAT = 0.25
"""Seconds between two calls of `heartbeat`: the precision with which a stop by SIGSTOP is measured."""
LATE = 0.05
"""Seconds after which a heartbeat is late: the process may have been stopped since the last one."""


class _State(NamedTuple):
    """Replaced as a whole, so that another thread never reads half a change."""

    stopped: float
    """Seconds that the process has been stopped."""
    running_until: float
    """Up to when the process is known to run, on time.monotonic(); infinity if nobody watches."""
    stops: int = 0
    """How often the process has been stopped and continued."""


_state = _State(0.0, math.inf)
_changing = threading.RLock()
"""For the thread that watches and the handler of SIGCONT in the main thread."""


def running_time() -> float:
    """Return seconds like time.monotonic(), less those that the process was stopped."""
    stopped, running_until, _ = _state
    return min(time.monotonic(), running_until) - stopped


def stops() -> int:
    """Return how often the process has been stopped and continued."""
    return _state.stops


def heartbeat(moment: float) -> None:
    """Report that the process ran at a moment.  Whoever calls this once continues every HEARTBEAT seconds."""
    with _changing:
        until, earlier = moment + HEARTBEAT, _state.running_until
        _set(_state._replace(running_until=until if math.isinf(earlier) else max(until, earlier)))


def is_late(moment: float) -> bool:
    """Return whether no heartbeat was reported for so long that the process may have been stopped."""
    return moment > _state.running_until + LATE


def pause_clock() -> None:
    """Stop the clock until `resume_clock` or `heartbeat`."""
    with _changing:
        _set(_state._replace(running_until=time.monotonic()))


def resume_clock() -> None:
    """Report that the process has been continued.

    The time since the process was last known to run does not count.  If there is none, the process was not
    stopped, or another thread has reported it.
    """
    with _changing:
        now = time.monotonic()
        seconds = now - _state.running_until
        if seconds > 0:
            _set(_State(_state.stopped + seconds, now + HEARTBEAT, _state.stops + 1))


def stop_heartbeats() -> None:
    """Let the clock run without heartbeats."""
    with _changing:
        _set(_state._replace(running_until=math.inf))


def _set(state: _State) -> None:
    global _state
    _state = state
