"""The command as a process of its own: pipes, signals, locales, terminals."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte
import pytest

from charseq.model_file import read
from tests.support import in_process

CHARSEQ = [sys.executable, "-m", "charseq"]
LONG = "".join(f"{i} squared is {i * i}.\n" for i in range(1500))
HERE = Path()


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*CHARSEQ, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )


def wait_for_lines(process: "subprocess.Popen[bytes]", count: int) -> None:
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_saves_the_model_and_ends_the_run_within_two_seconds(number: int, status: int) -> None:
    process = start("train", "--text", "hihello " * 20, "--epochs", "100000", "--json")
    wait_for_lines(process, 4)
    asked = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - asked < 2
    assert process.returncode == status
    assert json.loads(output.splitlines()[-1])["status"] == "interrupted"
    assert b"stopping" in errors
    assert b"Traceback" not in errors
    assert read(Path("runs/0001-gru/model.safetensors")).learned


def test_a_second_interrupt_ends_the_process_at_once() -> None:
    Path("long.txt").write_text(LONG)
    slow = "--epochs 100 --hidden-size 1024 --batch-size 30 --sequence-length 900"
    process = start("train", "--file", "long.txt", "--json", *slow.split())
    wait_for_lines(process, 1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - asked < 0.5
    assert process.returncode == 130


def test_a_closed_pipe_ends_quietly_with_the_model_saved() -> None:
    process = start("train", "--text", "hihello", "--epochs", "100000")
    wait_for_lines(process, 3)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=10) == 0
    assert b"Traceback" not in errors
    assert b"Broken" not in errors
    assert read(Path("runs/0001-gru/model.safetensors")).learned


@pytest.mark.parametrize("command", ["predict x --length 300000", "inspect-shapes " + "ab" * 4000])
def test_a_closed_pipe_ends_a_reader_quietly(command: str) -> None:
    in_process("train", "--text", "xyz", "--epochs", "1", cwd=HERE)
    process = start(*command.split())
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
    assert errors == b""


@pytest.mark.parametrize(
    "command", ["--help", "train --help", "--version", "inspect-shapes ab --format table", "predict"]
)
def test_a_pipe_that_is_closed_from_the_start_ends_a_command_quietly(command: str) -> None:
    in_process("train", "--text", "xyz", "--epochs", "1", cwd=HERE)
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*CHARSEQ, *command.split()], stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_is_full_is_named_with_status_1() -> None:
    for command in (["inspect-shapes", "hello"], ["train", "--text", "ab", "--epochs", "1"], ["--help"]):
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run([*CHARSEQ, *command], stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert ended.returncode == 1
        *_, message, hint = ended.stderr.splitlines()
        assert message == b"charseq: cannot write to standard output: No space left on device"
        assert hint == b"  make room where it goes, or send it elsewhere"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_the_shell_has_closed_is_an_empty_one(closed: str) -> None:
    train = f"{sys.executable} -m charseq train --epochs 1"
    ended = subprocess.run(f"{train} --text ab {closed}", shell=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert b"bug" not in ended.stderr
    ended = subprocess.run(f"{train} --file - <&-", shell=True, capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert b"0 characters" in ended.stderr


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONIOENCODING": "ascii"},
     {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=str,
)  # fmt: skip
def test_any_locale_and_output_encoding_will_do(environment: dict[str, str]) -> None:
    Path("korean.txt").write_text("가나다라", encoding="utf-8")
    train = in_process("train", "--file", "korean.txt", "--epochs", "3", cwd=HERE, environment=environment)
    assert train.returncode == 0, train.stderr
    for form in ("table", "json"):
        shown = in_process(
            "train",
            "--file",
            "korean.txt",
            "--epochs",
            "1",
            "--format",
            form,
            cwd=HERE,
            environment=environment,
        )
        assert shown.returncode == 0, shown.stderr
        assert b"Traceback" not in shown.stderr
    made = in_process("predict", cwd=HERE, environment=environment)
    assert made.returncode == 0, made.stderr


def test_ill_formed_utf8_is_status_2_with_its_byte_offset_wherever_it_comes_from() -> None:
    bad = b"ab\xff"
    Path("bad.txt").write_bytes(bad)
    in_process("train", "--text", "abc", "--epochs", "1", cwd=HERE)
    for arguments, source, remedy in (
        (["train", "--text", bad], b"--text 'ab", b"use --unit byte"),
        (["train", "--file", "bad.txt"], b"'bad.txt'", b"use --unit byte"),
        (["train", "--file", "-"], b"standard input", b"use --unit byte"),
        (["predict", bad], b"the argument 'ab", b"train on it with --unit byte"),
        (["predict", "-"], b"standard input", b"train on it with --unit byte"),
        (["inspect-shapes", bad], b"the argument 'ab", b"use --unit byte"),
    ):
        ended = subprocess.run([*CHARSEQ, *arguments], input=bad, capture_output=True, timeout=60)
        assert ended.returncode == 2, ended.stderr
        assert b"byte offset 2" in ended.stderr
        assert ended.stderr.startswith(b"charseq: " + source)
        assert remedy in ended.stderr
        assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "environment", [{"COLUMNS": "20"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"HOME": "/nowhere"}], ids=str
)
def test_odd_environments_change_nothing_in_a_pipe(environment: dict[str, str]) -> None:
    for command in (
        ["train", "--text", "ab", "--epochs", "1"],
        ["predict"],
        ["inspect-shapes", "ab"],
        ["--help"],
    ):
        ended = in_process(*command, cwd=HERE, environment=environment)
        assert ended.returncode == 0, ended.stderr
        assert b"\x1b" not in ended.stdout + ended.stderr


def test_the_version_is_printed_alone() -> None:
    from charseq import __version__

    assert in_process("--version", cwd=HERE).stdout.decode() == f"{__version__}\n"


def test_without_a_command_the_help_is_shown_and_the_status_is_2() -> None:
    ended = in_process(cwd=HERE)
    assert ended.returncode == 2
    assert b"inspect-shapes" in ended.stdout + ended.stderr


def on_a_terminal(
    *arguments: str, width: int = 80, height: int = 24, typed: bytes = b""
) -> tuple[int, bytes, pyte.Screen]:
    """Run on a pseudo-terminal.  Returns the status, everything it was sent, and the screen at the end."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(width), LINES=str(height))
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [*CHARSEQ, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    os.write(terminal, typed)
    sent = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            sent += piece
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    screen = pyte.Screen(width, height)
    pyte.ByteStream(screen).feed(sent)
    return os.waitstatus_to_exitcode(status), sent, screen


# forkpty in a process with threads (torch's) warns since Python 3.12; the child does nothing but exec.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_the_table_stands_with_colours_and_the_cursor_comes_back() -> None:
    command = "train --text hihello --cell lstm --hidden-size 5 --learning-rate 0.1 --epochs 50"
    status, sent, screen = on_a_terminal(*command.split())
    shown = [line.rstrip() for line in screen.display]
    assert status == 0
    header = next(i for i, line in enumerate(shown) if line.startswith("epoch"))
    assert shown[header].split() == [
        "epoch",
        "loss",
        "right",
        "predicted",
        "ids",
        "true",
        "ids",
        "prediction",
    ]
    last = next(line for line in shown if line.lstrip().startswith("50 "))
    assert last.split()[2:] == ["6/6", *"210334", *"210334", "ihello"]
    assert any(line.startswith("model: runs/0001-lstm/model.safetensors") for line in shown)
    assert b"\x1b[32m" in sent
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"\x1b[?25l")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_the_model_that_was_taken_is_told() -> None:
    in_process("train", "--text", "xyz", cwd=HERE)
    shown = [line.rstrip() for line in on_a_terminal("predict")[2].display]
    assert shown[:2] == ["runs/0001-gru/model.safetensors", "xyz"]


class Terminal:
    """A command on a pseudo-terminal of 80x24, key by key."""

    def __init__(self, *arguments: str) -> None:
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm-256color")
            for name in ("NO_COLOR", "COLUMNS", "LINES"):
                os.environ.pop(name, None)
            os.execv(sys.executable, [*CHARSEQ, *arguments])
        self.resize(80, 24)
        self.sent = b""

    def resize(self, width: int, height: int) -> None:
        self._size = width, height
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def wait_for(self, text: str) -> list[str]:
        """Read until the screen has a text on it.  Returns its lines."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self.sent += os.read(self._terminal, 65536)
                except OSError:
                    break
            screen = pyte.Screen(*self._size)
            pyte.ByteStream(screen).feed(self.sent.rpartition(b"\x1b[H")[2])
            if any(text in line for line in screen.display):
                return [line.rstrip() for line in screen.display]
        raise AssertionError(f"{text!r} never stood on the screen: {self.sent[-2000:]!r}")

    def modes(self) -> int:
        """The local modes of the terminal: whether it echoes, and waits for whole lines."""
        found: int = termios.tcgetattr(self._terminal)[3]
        return found

    def end(self) -> int:
        """Read what is left, and return the status."""
        while select.select([self._terminal], [], [], 5)[0]:
            try:
                piece = os.read(self._terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            self.sent += piece
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        os.close(self._terminal)
        return status


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_interactive_answers_every_key_on_80x24() -> None:
    in_process("train", "--text", "hihello", "--cell", "lstm", cwd=HERE)
    terminal = Terminal("predict", "--interactive", "h")
    assert "all 128 neurons" in "".join(terminal.wait_for("neurons"))
    terminal.press(b"ih")
    lines = terminal.wait_for("hih▏")
    assert lines[7].startswith(" e  0.9")
    terminal.press(b"\t")
    assert terminal.wait_for("hihe▏")[7].startswith(" l  0.9")
    terminal.press(b"\x7f\x7fz\x1b[A")
    assert "hi▏" in terminal.wait_for("'z' (U+007A) is not in the model's vocabulary")
    terminal.resize(60, 12)
    assert len(terminal.wait_for("hi▏")) == 12
    terminal.press(b"\x15")
    terminal.wait_for("type a character to begin")
    terminal.press(b"\x1b")
    assert terminal.end() == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("way", "status"), [(b"\x03", 0), (b"\x04", 0), (signal.SIGTERM, 143)])
def test_however_interactive_ends_the_terminal_is_as_it_was(way: bytes | int, status: int) -> None:
    in_process("train", "--text", "hihello", cwd=HERE)
    terminal = Terminal("predict", "--interactive")
    before = termios.ICANON | termios.ECHO | termios.ISIG
    terminal.wait_for("type a character to begin")
    assert not terminal.modes() & before
    if isinstance(way, bytes):
        terminal.press(way)
    else:
        os.kill(terminal.process, way)
    time.sleep(0.1)
    deadline = time.monotonic() + 10
    while terminal.modes() & before != before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert terminal.modes() & before == before
    assert terminal.end() == status
    assert terminal.sent.rindex(b"\x1b[?1049l") > terminal.sent.rindex(b"\x1b[?1049h")
    assert terminal.sent.rindex(b"\x1b[?25h") > terminal.sent.rindex(b"\x1b[?25l")
    assert b"Traceback" not in terminal.sent


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_a_score_is_a_text_in_colours() -> None:
    in_process("train", "--text", "hihello", "--cell", "lstm", cwd=HERE)
    status, sent, screen = on_a_terminal("score", "hihello", "hillo", "\x1b[2Jh", "--unknown", "skip")
    shown = [line.rstrip() for line in screen.display]
    assert status == 0
    assert shown[1].startswith("bits of surprise:")
    assert shown[2] == "hihello"
    assert shown[4:6] == ["hillo", "  hel"[:4] + shown[5][4:]]
    assert b"48;5;160" in sent
    _, sent, screen = on_a_terminal("predict", "h", "--show-probabilities")
    assert screen.display[1].startswith("probability:  71%+ ")
    assert screen.display[2].rstrip() == "hihello"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("command", ["inspect-shapes -", "train --epochs 1 --file -"])
def test_on_a_terminal_whoever_is_to_type_is_told_so(command: str) -> None:
    status, sent, _ = on_a_terminal(*command.split(), typed=b"hello\n\x04")
    assert status == 0
    assert b"reading standard input until Ctrl-D" in sent


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_hostile_text_is_shown_by_every_command() -> None:
    text = "\x1b]0;owned\x07\x1b[2Jx\u202e"
    for arguments in (("train", "--text", text, "--cell", "lstm"), ("predict",), ("inspect-shapes", text)):
        status, sent, screen = on_a_terminal(*arguments, width=100, height=200)
        assert status == 0
        assert screen.title == ""
        assert b"\x1b]" not in sent
        assert b"\x07" not in sent
        assert "\u202e".encode() not in sent
    assert "\\x1b]0;owned\\x07\\x1b[2Jx\\u202e" in "".join(on_a_terminal("predict", width=100)[2].display)
