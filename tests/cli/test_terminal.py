"""The command on a terminal: its drawing, its keys, and the state of the terminal afterwards."""

import os
import re
import signal
import termios
import time

import pytest

from tests.support.command import Command
from tests.support.terminals import Terminal, on_a_terminal


def test_on_a_terminal_the_table_has_colors_and_the_cursor_is_restored() -> None:
    command = "train --text hihello --cell lstm --hidden-size 5 --learning-rate 0.1 --epochs 50"
    status, sent, screen = on_a_terminal(*command.split())
    shown = [line.rstrip() for line in screen.display]
    assert status == 0
    header = next(i for i, line in enumerate(shown) if line.startswith("epoch"))
    assert shown[header] == "epoch    loss  correct  predicted ids  target ids   prediction"
    last = next(line for line in shown if line.lstrip().startswith("50 "))
    assert last.split()[2:] == ["6/6", *"210334", *"210334", "ihello"]
    assert any(line.startswith("model: runs/0001-lstm/model.safetensors") for line in shown)
    assert b"\x1b[32m" in sent
    assert sent.rindex(b"\x1b[?25h") > sent.rindex(b"\x1b[?25l")


def test_on_a_terminal_the_loaded_model_is_named(charseq: Command) -> None:
    charseq.train("--text", "xyz")
    shown = [line.rstrip() for line in on_a_terminal("predict")[2].display]
    assert shown[:2] == ["runs/0001-gru/model.safetensors", "xyz"]


def test_interactive_answers_every_key_on_80x24(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--cell", "lstm")
    terminal = Terminal("predict", "--interactive", "h")
    terminal.wait_for("128 units")
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


def test_interactive_skips_unknown_characters_on_request(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "5")
    terminal = Terminal("predict", "--interactive", "hzi", "--unknown", "skip")
    lines = terminal.wait_for("hi▏")
    assert any("1 unknown character skipped" in line for line in lines)
    terminal.press(b"zh")
    assert "hih▏" in terminal.wait_for("hih▏")
    terminal.press(b"\x1b")
    assert terminal.end() == 0


@pytest.mark.parametrize(("way", "status"), [(b"\x03", 0), (b"\x04", 0), (signal.SIGTERM, 143)])
def test_however_interactive_ends_the_terminal_is_as_it_was(
    charseq: Command, way: bytes | int, status: int
) -> None:
    charseq.train("--text", "hihello")
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


def test_ctrl_c_ends_with_a_line_of_its_own(charseq: Command) -> None:
    charseq.train("--text", "hihello")
    terminal = Terminal("predict", "h", "--length", "1000000000")
    terminal.wait_for_output(b"hihello")
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert re.search(rb"\^C[helo]*\r\n$", terminal.sent), terminal.sent[-200:]


def test_on_a_terminal_a_score_is_a_text_in_color(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--cell", "lstm")
    status, sent, screen = on_a_terminal("score", "hihello", "hillo", "\x1b[2Jh", "--unknown", "skip")
    shown = [line.rstrip() for line in screen.display]
    assert status == 0
    assert shown[1].startswith("surprisal in bits:")
    assert shown[2] == "hihello"
    assert shown[4:6] == ["hillo", "  hel"[:4] + shown[5][4:]]
    assert b"48;5;214" in sent
    _, sent, screen = on_a_terminal("predict", "h", "--show-probabilities")
    assert screen.display[1].startswith("probability:  1/2 or more ")
    assert screen.display[2].rstrip() == "hihello"


@pytest.mark.parametrize("command", ["inspect-shapes -", "train --epochs 1 --file -"])
def test_on_a_terminal_a_prompt_asks_for_input(command: str) -> None:
    status, sent, _ = on_a_terminal(*command.split(), typed=b"hello\n\x04")
    assert status == 0
    assert b"reading standard input until Ctrl-D" in sent


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
