"""A training run that is stopped by Ctrl-Z or SIGSTOP, and continued: its terminal and its clock."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import termios
import time
from pathlib import Path

import pyte
import pytest

from charseq.cli.signals import handle_signals
from charseq.system import suspension
from charseq.system.suspension import (
    HEARTBEAT,
    heartbeat,
    pause_clock,
    resume_clock,
    running_time,
    stop_heartbeats,
    stops,
)
from tests.support.forks import Forked, fork_on_a_terminal
from tests.support.job_control import run_job

TRAIN = ("train", "--text", "hihello " * 20, "--epochs", "1000000", "--time-limit")
COMPARE = ("compare", "--cells", "rnn", "--text", "hihello " * 20, "--epochs", "1000000", "--time-limit")
SHOWN, HIDDEN = b"\x1b[?25h", b"\x1b[?25l"
UP = b"\x1b[1A"
CTRL_Z = b"\x1a"

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="there is no job control here")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A settable time.monotonic(); the first item is the time."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(suspension, "_state", suspension._State(0.0, float("inf")))
    return now


def test_the_clock_is_paused_from_a_stop_until_the_process_continues(clock: list[float]) -> None:
    heartbeat(clock[0])
    clock[0] += 0.1
    pause_clock()
    before = running_time()
    clock[0] += 500
    assert running_time() == before
    resume_clock()
    assert stops() == 1
    assert running_time() == before
    clock[0] += 0.2
    assert running_time() == pytest.approx(before + 0.2)


def test_a_stop_that_nobody_announced_counts_for_one_heartbeat_at_most(clock: list[float]) -> None:
    heartbeat(clock[0])
    before = running_time()
    clock[0] += 500
    assert running_time() == before + HEARTBEAT
    resume_clock()
    assert running_time() == before + HEARTBEAT
    assert stops() == 1


def test_a_stop_that_two_threads_report_is_one(clock: list[float]) -> None:
    heartbeat(clock[0])
    before = running_time()
    clock[0] += 500
    resume_clock()
    clock[0] += 0.1
    resume_clock()
    assert stops() == 1
    assert running_time() == pytest.approx(before + HEARTBEAT + 0.1)


def test_a_heartbeat_from_before_a_stop_does_not_hide_it(clock: list[float]) -> None:
    heartbeat(clock[0])
    clock[0] += HEARTBEAT
    moment = clock[0]
    clock[0] += 500
    heartbeat(moment)
    resume_clock()
    assert stops() == 1


def test_a_late_heartbeat_is_no_stop(clock: list[float]) -> None:
    heartbeat(clock[0])
    before = running_time()
    clock[0] += 10 * HEARTBEAT
    heartbeat(clock[0])
    assert running_time() == before + 10 * HEARTBEAT
    resume_clock()
    assert stops() == 0


def test_without_a_watcher_the_clock_is_never_paused(clock: list[float]) -> None:
    heartbeat(clock[0])
    stop_heartbeats()
    before = running_time()
    clock[0] += 500
    assert running_time() == before + 500


@pytest.mark.long
def test_time_stopped_by_sigstop_does_not_count_towards_the_time_limit() -> None:
    process = Forked(*TRAIN, "2s", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    process.send_signal(signal.SIGCONT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    end = json.loads(output.splitlines()[-1])
    assert end["status"] == "completed"
    assert 1.9 < end["seconds"] < 4.4  # of the 2.5 seconds stopped, none


class Shell:
    """tests/support/job_control.py on a pseudo-terminal of 80x24."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        there = {**environment, "TERM": "xterm-256color", "NO_COLOR": None, "COLUMNS": None, "LINES": None}
        self.process, self._terminal = fork_on_a_terminal(run_job, arguments, there)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.sent = b""

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, text: bytes, seconds: float = 20) -> bytes:
        """Read until something new was sent.  Returns all that is new."""
        new, deadline = b"", time.monotonic() + seconds
        while text not in new:
            assert time.monotonic() < deadline, f"{text!r} was never sent: {self.sent[-2000:]!r}"
            new += self._read()
        return new

    def silence(self, seconds: float) -> bytes:
        """Everything that is sent in so many seconds."""
        new, deadline = b"", time.monotonic() + seconds
        while time.monotonic() < deadline:
            new += self._read()
        return new

    def screen(self) -> list[str]:
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(self.sent)
        return [line.rstrip() for line in screen.display]

    def end(self) -> int:
        """Read what is left, and return the exit code."""
        deadline = time.monotonic() + 20
        while os.waitpid(self.process, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline
            self._read()
        while self._read():
            pass
        os.close(self._terminal)
        return 0

    def _read(self) -> bytes:
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return b""
        try:
            new = os.read(self._terminal, 65536)
        except OSError:
            return b""
        self.sent += new
        return new


@pytest.mark.parametrize(
    "command",
    [pytest.param(TRAIN, id="train"), pytest.param(COMPARE, id="compare", marks=pytest.mark.long)],
)
def test_ctrl_z_gives_the_terminal_back_and_fg_draws_anew(command: tuple[str, ...]) -> None:
    shell = Shell(*command, "60s")
    shell.wait_for(b"left" if command is TRAIN else b"epoch ")
    shell.type(CTRL_Z)
    shell.wait_for(b"[stopped by SIGTSTP]")
    assert shell.sent.rindex(SHOWN) > shell.sent.rindex(HIDDEN)
    lines = shell.screen()
    stopped = lines.index("[stopped by SIGTSTP]")
    assert "epoch " in lines[stopped - 2]
    assert lines[stopped - 1] == ""
    assert "^Z" not in "".join(lines[:stopped])
    assert shell.silence(0.7) == b""
    shell.type(b"fg\n")
    drawn = shell.wait_for(b"epoch ")
    assert HIDDEN in drawn
    shell.type(b"\x03")
    shell.end()
    assert shell.sent.rindex(SHOWN) > shell.sent.rindex(HIDDEN)
    lines = shell.screen()
    assert lines.index("[stopped by SIGTSTP]") < lines.index("fg")
    assert any(line.startswith("epoch ") for line in lines[lines.index("fg") :]) or command is COMPARE


@pytest.mark.long
def test_time_stopped_by_ctrl_z_does_not_count_towards_the_time_limit() -> None:
    shell = Shell(*TRAIN, "2s")
    shell.wait_for(b"left")
    shell.type(CTRL_Z)
    shell.wait_for(b"[stopped by SIGTSTP]")
    shell.silence(2.5)
    shell.type(b"fg\n")
    shell.end()
    (outcome,) = [line for line in shell.screen() if line.startswith("done after")]
    (seconds,) = re.findall(r" in ([\d.]+) s[:;]", outcome)
    assert 1.9 <= float(seconds) < 4.4  # of the 2.5 seconds stopped, none


def test_in_the_background_nothing_is_drawn() -> None:
    shell = Shell(*TRAIN, "60s")
    shell.wait_for(b"left")
    shell.type(CTRL_Z)
    shell.wait_for(b"[stopped by SIGTSTP]")
    shell.type(b"bg\n")
    shell.silence(0.3)
    assert shell.silence(0.7) == b""
    shell.type(b"fg\n")
    assert HIDDEN in shell.wait_for(b"left")
    shell.type(b"\x03")
    shell.end()
    assert any("interrupted after" in line for line in shell.screen())


def test_a_training_that_is_terminated_in_the_background_says_so_on_a_line_of_its_own() -> None:
    shell = Shell(*TRAIN, "20s")
    shell.wait_for(b"left")
    shell.type(CTRL_Z)
    shell.wait_for(b"[stopped by SIGTSTP]")
    shell.type(b"kill\n")
    shell.end()
    lines = shell.screen()
    assert "stopping and saving the model; press Ctrl-C again to quit immediately" in lines
    assert any("interrupted after" in line for line in lines)


@pytest.mark.long
def test_ctrl_z_that_was_ignored_from_the_start_stops_nothing() -> None:
    shell = Shell(*TRAIN, "2s", IGNORE="1")
    shell.wait_for(b"left")
    shell.type(CTRL_Z)
    shell.end()
    assert b"stopped by" not in shell.sent
    assert any(line.startswith("done after") for line in shell.screen())


def test_a_table_is_drawn_anew_after_sigstop() -> None:
    shell = Shell(*TRAIN, "60s")
    shell.wait_for(b"left")  # within the first heartbeat, since torch is loaded
    children = Path(f"/proc/{shell.process}/task/{shell.process}/children")
    if not children.exists():
        pytest.skip("no /proc to find the job in")
    os.kill(int(children.read_text()), signal.SIGSTOP)
    shell.wait_for(b"[stopped by SIGSTOP]")
    time.sleep(2 * HEARTBEAT)
    shell.type(b"fg\n")
    before, hidden, _ = shell.wait_for(b"left").partition(HIDDEN)
    assert hidden
    assert UP not in before
    lines = shell.screen()
    (stopped,) = [i for i, line in enumerate(lines) if line == "[stopped by SIGSTOP]"]
    assert any(line.startswith("epoch ") for line in lines[stopped:])
    shell.type(b"\x03")
    shell.end()


def test_the_clock_runs_on_after_heartbeats_were_late(monkeypatch: pytest.MonkeyPatch) -> None:
    with handle_signals():
        monkeypatch.setattr(suspension, "_state", suspension._state._replace(running_until=time.monotonic()))
        time.sleep(0.5)  # while the watcher notices that it is late, and that no SIGCONT has come
        standing_still, longest, before = 0.0, 0.0, running_time()
        for _ in range(60):
            time.sleep(0.01)
            now = running_time()
            standing_still = 0.0 if now > before else standing_still + 0.01
            longest, before = max(longest, standing_still), now
    assert longest < 0.1
