"""A live drawing leaves the terminal clean, and comes back below what others wrote."""

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest
from rich.console import Console

from charseq.render import live_screen
from charseq.render.live_screen import LiveScreen
from charseq.system import suspension

SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(output: io.StringIO) -> LiveScreen:
    drawn = LiveScreen(Console(file=output, force_terminal=True, width=40, height=10, color_system=None))
    drawn.start()
    return drawn


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Stop the process and continue it, as far as the screen can tell."""

    def stop() -> None:
        state = suspension._state
        monkeypatch.setattr(suspension, "_state", state._replace(stops=state.stops + 1))

    return stop


def lines(output: io.StringIO) -> list[str]:
    shown = pyte.Screen(40, 12)
    pyte.Stream(shown).feed(output.getvalue().replace("\n", "\r\n"))
    return [line.rstrip() for line in shown.display if line.strip()]


def test_a_drawing_replaces_the_last_one(screen: LiveScreen, output: io.StringIO) -> None:
    screen.draw("first\nbar")
    screen.draw("second\nbar")
    screen.finish("last")
    assert lines(output) == ["last"]


def test_a_text_above_a_drawing_stays(screen: LiveScreen, output: io.StringIO) -> None:
    screen.draw("first\nbar")
    screen.print_above("one")
    screen.draw("second\nbar")
    screen.draw("third\nbar")
    assert lines(output) == ["one", "third", "bar"]
    screen.print_above("two")
    screen.finish("last")
    assert lines(output) == ["one", "two", "last"]


def test_texts_above_a_drawing_wait_until_the_process_has_the_terminal(
    screen: LiveScreen, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.draw("before")
    screen.release()
    monkeypatch.setattr(screen, "_is_in_foreground", lambda: False)
    for text in ("one", "two"):
        screen.print_above(text)
        screen.draw("hidden")
    assert lines(output) == ["before"]
    screen.finish("last")
    assert lines(output) == ["before", "one", "two", "last"]


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
    screen: LiveScreen, output: io.StringIO, stop: Callable[[], None]
) -> None:
    screen.draw("before")
    output.write("\n$ kill -CONT\n")
    stop()
    screen.redraw()
    screen.redraw()
    screen.draw("after")
    assert lines(output) == ["before", "$ kill -CONT", "after"]


def test_whichever_thread_draws_first_after_a_stop_draws_anew(
    screen: LiveScreen, output: io.StringIO, stop: Callable[[], None]
) -> None:
    screen.draw("before\nbar")
    output.write("\n$ fg\n")
    stop()
    screen.draw("after\nbar")
    screen.redraw()
    assert lines(output) == ["before", "bar", "$ fg", "after", "bar"]


def test_a_stop_while_a_frame_is_rendered_is_noticed_before_it_is_written(
    screen: LiveScreen, output: io.StringIO, stop: Callable[[], None]
) -> None:
    class Stopped:
        times = 1

        def __rich__(self) -> str:
            if self.times:
                output.write("\n$ fg\n")
                stop()
            self.times = 0
            return "after\nbar"

    screen.draw("before\nbar")
    screen.draw(Stopped())
    assert lines(output) == ["before", "bar", "$ fg", "after", "bar"]


def test_the_rest_of_a_frame_that_a_stop_cuts_is_omitted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop: Callable[[], None]
) -> None:
    write = os.write

    def cut(number: int, data: bytes) -> int:
        if b"second" not in data:
            return write(number, data)
        monkeypatch.setattr(os, "write", write)
        written = write(number, data[: data.index(b"second") + 3])
        write(number, b"\n$ fg\n")
        stop()
        return written

    terminal = tmp_path / "terminal"
    with terminal.open("w", encoding="utf-8") as file:
        screen = LiveScreen(Console(file=file, force_terminal=True, width=40, height=10, color_system=None))
        screen.start()
        screen.draw("first\nbar")
        monkeypatch.setattr(os, "write", cut)
        screen.draw("second\nbar")
        screen.draw("third\nbar")
    output = io.StringIO(terminal.read_bytes().decode())
    assert lines(output) == ["sec", "$ fg", "third", "bar"]


def test_a_last_drawing_after_a_stop_erases_nothing(
    screen: LiveScreen, output: io.StringIO, stop: Callable[[], None]
) -> None:
    screen.draw("before\nbar")
    output.write("\n$ fg\n")
    stop()
    screen.finish("last")
    assert lines(output) == ["before", "bar", "$ fg", "last"]
    assert output.getvalue().endswith(SHOWN)


def test_continued_without_a_stop_it_draws_on_the_same_lines(screen: LiveScreen, output: io.StringIO) -> None:
    screen.draw("before")
    screen.redraw()
    screen.draw("after")
    assert lines(output) == ["after"]


def test_a_process_that_has_lost_the_terminal_draws_nothing(
    screen: LiveScreen, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen.draw("before")
    output.write("\n$ ")
    written = output.getvalue()
    monkeypatch.setattr(screen, "_is_in_foreground", lambda: False)
    screen.draw("hidden")
    assert output.getvalue() == written
    monkeypatch.undo()
    output.write("fg\n")
    screen.draw("after")
    assert lines(output) == ["before", "$ fg", "after"]


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
