"""A progress bar on standard error, if only that is a terminal."""

import os
import re
import select
import signal
import time
from pathlib import Path
from typing import NoReturn

import pyte
import pytest

from tests.support.command import Command
from tests.support.forks import exit_code, fork_on_a_terminal, run_charseq
from tests.support.training import LONG

BAR = re.compile(
    rb"(\d+)\.?\d*%, ([\d.]+) s, ([\d.]+) epochs?, loss \d\.\d{3}, [\d,]+ characters/s, [\d.]+ s left"
)
MODEL = ("--cell", "gru", "--hidden-size", "5")


def redirected(arguments: tuple[str, ...], output: str = "log.txt") -> NoReturn:
    """Run a command whose standard output is a file."""
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), 1)
    run_charseq(arguments)


class Redirected:
    """A command on a terminal of 100x30 that has its standard error only."""

    def __init__(self, *arguments: str) -> None:
        there = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        self.process, self._terminal = fork_on_a_terminal(redirected, arguments, there)
        self.sent = b""

    def read_until(self, pattern: "re.Pattern[bytes] | None" = None) -> None:
        """Read until a pattern has been written, by default to the end."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (pattern and pattern.search(self.sent)):
            if select.select([self._terminal], [], [], 0.2)[0]:
                try:
                    self.sent += os.read(self._terminal, 65536)
                except OSError:
                    return

    def end(self) -> int:
        """Read the rest, and return the exit code."""
        self.read_until()
        status = exit_code(self.process)
        os.close(self._terminal)
        return status

    @property
    def screen(self) -> str:
        """What the terminal shows."""
        screen = pyte.Screen(100, 30)
        pyte.ByteStream(screen).feed(self.sent)
        return "\n".join(line.rstrip() for line in screen.display)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the bar from the first event, and after every update."""
    monkeypatch.setattr("charseq.render.progress_bar.SECONDS_BEFORE_A_BAR", 0.0)
    monkeypatch.setattr("charseq.render.progress_bar.SECONDS_BETWEEN_REFRESHES", 0.0)
    monkeypatch.setattr("charseq.training.loop.SECONDS_BETWEEN_PROGRESS", 0.0)


def test_the_bar_shows_elapsed_time_passes_and_loss_and_is_erased_at_the_end(at_once: None) -> None:
    command = Redirected("train", "--text", LONG * 9, *MODEL, "--epochs", "3", "--patience", "0")
    assert command.end() == 0
    shown = [float(passes) for _, _, passes in BAR.findall(command.sent)]
    assert shown == sorted(shown)
    assert 0 < shown[0] < 1
    assert shown[-1] > 1
    assert not BAR.search(command.screen.encode())
    assert "characters/s" not in command.screen
    assert "done after 3 epochs" in command.screen
    assert command.sent.rindex(b"\x1b[?25h") > command.sent.rindex(b"\x1b[?25l")
    lines = Path("log.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["epoch", "1", "2", "3"]


def test_memorizing_shows_the_bar_and_json_output_stays_json(at_once: None) -> None:
    command = Redirected("train", "--text", "hihello", *MODEL, "--epochs", "60", "--json")
    assert command.end() == 0
    assert BAR.search(command.sent)
    assert command.screen.strip() == ""
    assert Path("log.txt").read_text().splitlines()[-1].startswith('{"event": "end"')


def test_a_comparison_shows_its_bar_over_all_runs(at_once: None) -> None:
    cells = ("--cells", "gru,rnn", "--hidden-size", "5")
    command = Redirected("compare", "--text", LONG * 9, *cells, "--epochs", "2")
    assert command.end() == 0
    assert re.search(rb"\d+%, [\d.]+ s, run 1 of 2: gru, seed 0, 0\.\d+ epochs, loss", command.sent)
    assert b"run 2 of 2: rnn" in command.sent
    assert "run 2 of 2" not in command.screen


def test_a_short_run_shows_no_bar() -> None:
    command = Redirected("train", "--text", "hihello", *MODEL, "--epochs", "3")
    assert command.end() == 0
    assert b"characters/s" not in command.sent
    assert b"\x1b[?25l" not in command.sent


def test_quiet_hides_the_bar(at_once: None) -> None:
    command = Redirected("train", "--text", LONG, *MODEL, "--epochs", "3", "--quiet")
    assert command.end() == 0
    assert command.sent == b""
    assert Path("log.txt").read_text() == ""


def test_a_dumb_terminal_shows_no_bar(at_once: None) -> None:
    command = ("train", "--text", LONG, *MODEL, "--epochs", "2")
    process, terminal = fork_on_a_terminal(redirected, command, {"TERM": "dumb"})
    sent = b""
    while piece := _read(terminal):
        sent += piece
    assert exit_code(process) == 0
    os.close(terminal)
    assert b"done after" in sent
    assert b"\x1b[" not in sent.replace(b"\x1b[0m", b"")
    assert b"characters/s" not in sent


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_standard_error_in_a_pipe_has_no_bar(at_once: None, charseq: Command) -> None:
    result = charseq("train", "--text", LONG, *MODEL, "--epochs", "3")
    assert "characters/s" not in result.errors
    assert "\x1b" not in result.errors


def test_an_interrupt_replaces_the_bar_by_a_message(at_once: None) -> None:
    endless = ("--epochs", "1000000", "--patience", "0")
    command = Redirected("train", "--text", LONG * 9, *MODEL, *endless)
    command.read_until(re.compile(rb"characters/s"))
    os.kill(command.process, signal.SIGINT)
    assert command.end() == 130
    assert b"\r\x1b[2Kstopping and saving the model" in command.sent
    assert "characters/s" not in command.screen
    assert "charseq train --resume runs/0001-gru" in command.screen
