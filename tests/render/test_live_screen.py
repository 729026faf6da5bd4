"""A live drawing leaves the terminal clean, and comes back below what others wrote."""

import io
import threading
import time

import pyte
import pytest
from rich.console import Console

from charseq.render import live_screen
from charseq.render.live_screen import LiveScreen

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(output: io.StringIO) -> LiveScreen:
    drawn = LiveScreen(Console(file=output, force_terminal=True, width=40, height=10, color_system=None))
    drawn.start()
    return drawn


def lines(output: io.StringIO) -> list[str]:
    shown = pyte.Screen(40, 12)
    pyte.Stream(shown).feed(output.getvalue().replace("\n", "\r\n"))
    return [line.rstrip() for line in shown.display if line.strip()]


def test_a_drawing_replaces_the_last_one(screen: LiveScreen, output: io.StringIO) -> None:
    screen.draw("first\nbar")
    screen.draw("second\nbar")
    screen.finish("last")
    assert lines(output) == ["last"]


def test_a_released_drawing_stays_and_the_next_one_is_below_what_others_wrote(
    screen: LiveScreen, output: io.StringIO
) -> None:
    screen.draw("before\nbar")
    screen.release()
    assert output.getvalue().endswith(SHOWN)
    output.write("$ fg\n")
    screen.redraw()
    screen.draw("after\nbar")
    assert lines(output) == ["before", "bar", "$ fg", "after", "bar"]
    screen.finish("last")
    assert lines(output) == ["before", "bar", "$ fg", "last"]
    assert output.getvalue().endswith(SHOWN)


def test_a_drawing_that_was_not_released_leaves_alone_what_others_wrote(
    screen: LiveScreen, output: io.StringIO
) -> None:
    screen.draw("before")
    output.write("\n$ kill -CONT\n")
    screen.redraw()
    screen.draw("after")
    assert lines(output) == ["before", "$ kill -CONT", "after"]


def test_in_the_background_only_the_last_drawing_appears(
    screen: LiveScreen, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.draw("before")
    screen.release()
    monkeypatch.setattr(screen, "_is_in_foreground", lambda: False)
    written = output.getvalue()
    screen.redraw()
    screen.draw("hidden")
    assert output.getvalue() == written
    screen.finish("last")
    assert lines(output) == ["before", "last"]
    assert HIDDEN not in output.getvalue()[len(written) :]


def test_a_terminal_that_takes_no_output_does_not_keep_the_process_from_stopping(
    screen: LiveScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_screen, "SECONDS_TO_WAIT", 0.05)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with screen._lock:
            held.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    began = time.monotonic()
    screen.release()
    assert time.monotonic() - began < 5
    free.set()
    holder.join(10)
