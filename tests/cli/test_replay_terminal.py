"""charseq replay on a terminal: its pace, its keys, and the state of the terminal afterwards."""

import os
import signal
import termios
from dataclasses import replace
from pathlib import Path

import pyte
import pytest

from charseq.cli.replay_player import FASTEST, SLOWEST, Player
from tests.support.job_control import run_job
from tests.support.logs import hihello_epochs, hihello_events, write_log
from tests.support.screens import START
from tests.support.terminals import Terminal, on_a_terminal

RIGHT, LEFT = b"\x1b[C", b"\x1b[D"
MODES = termios.ICANON | termios.ECHO | termios.ISIG


def predictions(lines: list[str]) -> list[str]:
    return [line.split()[-1] for line in lines if "/6" in line]


def test_without_a_key_all_epochs_are_shown_and_the_table_stays() -> None:
    write_log("one", *hihello_events())
    status, sent, screen = on_a_terminal("replay", "one", "--delay", "0.02s")
    lines = [line.rstrip() for line in screen.display]
    assert status == 0
    assert predictions(lines)[0] == "llllll"
    assert predictions(lines)[-1] == "ihello"
    assert "done after 7 epochs; loss 0.1429, all characters correct" in lines
    assert not any("quit" in line for line in lines)
    assert sent.count(b"q: quit") >= 7
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"\x1b[?25l")


def test_arrows_step_and_space_continues() -> None:
    write_log("one", *hihello_events())
    terminal = Terminal("replay", "one", "--delay", "60")
    assert predictions(terminal.wait_for("space: pause")) == ["llllll"]
    terminal.press(RIGHT)
    assert predictions(terminal.wait_for("paused  space: continue")) == ["llllll", "illlll"]
    terminal.press(RIGHT * 2 + b"x\x1b[A")
    assert predictions(terminal.wait_for("ihelll"))[-2:] == ["ihllll", "ihelll"]
    terminal.press(LEFT)
    terminal.press(b" ")
    lines = terminal.wait_for("60 s per epoch  space: pause")
    assert predictions(lines) == ["llllll", "illlll", "ihllll"]
    terminal.press(RIGHT * 99)
    terminal.wait_for("ihello")
    terminal.press(LEFT * 99)
    terminal.press(b"q")
    assert terminal.end() == 0
    assert predictions(terminal.lines()) == ["llllll"]
    assert "done" not in "\n".join(terminal.lines())


@pytest.mark.parametrize(("way", "status"), [(b"q", 0), (b"\x04", 0), (b"\x03", 130), (signal.SIGTERM, 143)])
def test_however_a_replay_ends_the_terminal_is_as_it_was(way: bytes | int, status: int) -> None:
    write_log("one", *hihello_events())
    terminal = Terminal("replay", "one", "--delay", "60")
    terminal.wait_for("space: pause")
    assert not terminal.modes() & MODES
    if isinstance(way, bytes):
        terminal.press(way)
    else:
        os.kill(terminal.process, way)
    modes_at_end = terminal.wait_for_modes(MODES)
    assert modes_at_end & MODES == MODES
    assert terminal.end() == status
    assert terminal.sent.rindex(b"\x1b[?25h") > terminal.sent.rindex(b"\x1b[?25l")
    assert b"Traceback" not in terminal.sent


def test_ctrl_z_suspends_the_replay_and_gives_the_terminal_back() -> None:
    write_log("one", *hihello_events())
    terminal = Terminal("replay", "one", "--delay", "60", run=run_job)
    terminal.wait_for("space: pause")
    terminal.press(RIGHT)
    terminal.wait_for("illlll")
    terminal.press(b"\x1a")
    lines = terminal.wait_for("[stopped by SIGTSTP]")
    assert predictions(lines) == ["llllll", "illlll"]
    assert terminal.wait_for_modes(termios.ISIG) & termios.ISIG  # the shell may read single keys itself
    assert terminal.sent.rindex(b"\x1b[?25h") > terminal.sent.rindex(b"\x1b[?25l")
    terminal.sent = b""
    terminal.press(b"fg\n")
    assert predictions(terminal.wait_for("paused  space: continue")) == ["llllll", "illlll"]
    terminal.press(RIGHT)
    assert predictions(terminal.wait_for("ihllll")) == ["llllll", "illlll", "ihllll"]
    assert terminal.modes() & termios.ICANON == 0
    terminal.press(b"q")
    assert terminal.end() == 0
    assert terminal.sent.rindex(b"\x1b[?25h") > terminal.sent.rindex(b"\x1b[?25l")


def test_a_log_that_is_removed_meanwhile_is_an_error_on_a_clean_terminal() -> None:
    write_log("one", *hihello_events())
    terminal = Terminal("replay", "one", "--delay", "60")
    terminal.wait_for("space: pause")
    Path("one/log.ndjson").unlink()
    terminal.press(RIGHT)
    assert terminal.end() == 1
    assert b"charseq: 'one/log.ndjson' has changed" in terminal.sent
    assert terminal.sent.rindex(b"\x1b[?25h") > terminal.sent.rindex(b"\x1b[?25l")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 12)])
def test_no_frame_is_higher_than_the_screen(width: int, height: int) -> None:
    rows = [
        replace(hihello_epochs()[number % 5], epoch=number, passes=float(number), sample="x\n" * 9)
        for number in range(1, 60)
    ]
    write_log("one", START, *rows)
    terminal = Terminal("replay", "one", "--delay", "60")
    terminal.resize(width, height)
    terminal.wait_for("space:")
    terminal.press(RIGHT * 58)
    lines = terminal.wait_for("   59  ")
    assert sum(line.startswith("epoch") for line in lines) == 1
    assert any(line.startswith("paused  space: ") for line in lines)
    terminal.press(b"q")
    assert terminal.end() == 0
    screen = pyte.HistoryScreen(width, height, history=1000)
    pyte.ByteStream(screen).feed(terminal.sent)
    scrolled = ["".join(line[x].data for x in range(width)) for line in screen.history.top]
    assert not any(line.startswith("epoch") for line in scrolled)


def test_hostile_text_of_a_log_does_not_control_the_terminal() -> None:
    symbols = ("\x1b]0;owned\x07", "\x1b[2J", "\u202e", "[red]", "\n")
    start = replace(START, symbols=symbols, run="\x1b[2J")
    row = replace(hihello_epochs()[1], predicted_ids=[[0, 1, 2]], target_ids=[[3, 1, 4]])
    row = replace(row, sample="\x1b]0;x\x07")
    write_log("one", start, row)
    status, sent, screen = on_a_terminal("replay", "one", "--delay", "0", width=120)
    assert status == 0
    assert screen.title == ""
    assert b"\x1b]" not in sent
    assert b"\x07" not in sent
    assert any("\\x1b]0;owned\\x07" in line for line in screen.display)


def test_a_player_stays_within_the_run_and_its_paces() -> None:
    player = Player(0.5)
    player.press("left", has_next=True)
    assert (player.position, player.paused) == (1, True)
    player.press("right", has_next=False)
    assert player.position == 1
    for _ in range(99):
        player.press("+", has_next=True)
    assert player.delay == FASTEST
    for _ in range(99):
        player.press("-", has_next=True)
    assert player.delay == SLOWEST
    assert not player.press("x", has_next=True)
    assert Player(0.0).press("+", has_next=True)
