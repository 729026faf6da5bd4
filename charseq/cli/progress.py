"""The progress of a command that reads a long text: a bar on standard error, after a second."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from charseq.cli import streams
from charseq.render.base import NoOutput
from charseq.render.progress_bar import WithProgressBar
from charseq.render.quantities import duration, percent

T = TypeVar("T")


def with_progress(
    items: Iterable[T],
    total: Callable[[], int],
    size: Callable[[T], int],
    unit: str = "symbols",
    *,
    beside_output: bool = False,
) -> Iterator[T]:
    """Yield items; if standard error is a terminal, show which part of the `total` size has been read.

    `beside_output`: the command prints what it has read, so that a terminal needs no bar.
    """
    if streams.is_quiet() or not sys.stderr.isatty() or (beside_output and sys.stdout.isatty()):
        yield from items
        return
    began, read, whole = time.monotonic(), 0, max(total(), 1)

    def position(count: int) -> tuple[float, str]:
        done, seconds = min(1.0, count / whole), time.monotonic() - began
        left = duration(seconds * (1 - done) / done) if done else "?"
        return done, f"{percent(done, 0)}, {count / max(seconds, 1e-9):,.0f} {unit}/s, {left} left"

    with WithProgressBar(NoOutput[int](), sys.stderr, position) as bar:
        for item in items:
            read += size(item)
            yield item
            bar.show(read)
