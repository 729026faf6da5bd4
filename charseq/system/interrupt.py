"""Defer interrupts until the current work is saved."""

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import TypeVar

from charseq.system.signals import Handler, install

T = TypeVar("T")


class Interrupt:
    """A request to stop, by an interrupt (SIGINT) or by the caller's own `stop` function."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._received = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._received or self._stop()

    def deferred(self, items: Iterator[T]) -> Generator[T, None, None]:
        """Yield all items; raise an interrupt that arrives while an item is computed after the last one.

        Replaces only Python's default handler, in the main thread, while an item is computed.  In the code
        of the caller an interrupt is raised at once.  Other handlers, and ignored interrupts, stay.
        """
        while True:
            before: dict[int, Handler] = {}
            if self._is_python_default():
                before = install({signal.SIGINT: self._receive})
            try:
                item = next(items)
            except StopIteration:
                break
            finally:
                install(before)
            yield item
        if self._received:
            raise KeyboardInterrupt

    def _is_python_default(self) -> bool:
        in_main_thread = threading.current_thread() is threading.main_thread()
        return in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received:  # a second interrupt takes effect at once
            raise KeyboardInterrupt
        self._received = True
