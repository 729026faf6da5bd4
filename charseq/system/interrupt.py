"""Interrupts that wait until the work in hand is saved."""

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import TypeVar

from charseq.system.signals import Handler, install

T = TypeVar("T")


class Interrupt:
    """Whether to stop: because of an interrupt (SIGINT), or because a caller's own `stop` says so."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._received = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._received or self._stop()

    def deferred(self, items: Iterator[T]) -> Generator[T, None, None]:
        """Yield all items; an interrupt while one is made is raised after the last of them.

        Only Python's own handler is replaced, in the main thread, and only while an item is made: in the
        caller's code an interrupt is raised at once, and one that is ignored or handled otherwise stays so.
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
        if self._received:  # the second one is not waited for
            raise KeyboardInterrupt
        self._received = True
