"""The command as a process of its own: pipes, signals, locales, terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charseq.model.model_file import read
from tests.support.command import Command, in_process, shell
from tests.support.forks import Forked
from tests.support.processes import CHARSEQ, start, wait_for_lines

LONG = "".join(f"{i} squared is {i * i}.\n" for i in range(1500))
HERE = Path()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_saves_the_model_and_ends_the_run_within_two_seconds(number: int, status: int) -> None:
    process = Forked("train", "--text", "hihello " * 20, "--epochs", "100000", "--json")
    wait_for_lines(process, 4)
    asked = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)
    assert time.monotonic() - asked < 2
    assert process.returncode == status
    assert json.loads(output.splitlines()[-1])["status"] == "interrupted"
    assert b"stopping" in errors
    assert b"Traceback" not in errors
    assert read(Path("runs/0001-gru/model.safetensors")).memorized


def test_a_second_interrupt_ends_the_process_at_once() -> None:
    Path("long.txt").write_text(LONG)
    slow = "--epochs 100 --hidden-size 1024 --batch-size 30 --sequence-length 900"
    process = Forked("train", "--file", "long.txt", "--json", *slow.split())
    wait_for_lines(process, 1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - asked < 0.5
    assert process.returncode == 130


def test_two_signals_at_once_count_as_one() -> None:
    process = Forked("train", "--text", "hihello", "--epochs", "100000", "--json")
    wait_for_lines(process, 4)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 143
    assert json.loads(output.splitlines()[-1])["status"] == "interrupted"


def test_a_closed_pipe_saves_the_model_and_prints_no_message() -> None:
    process = Forked("train", "--text", "hihello", "--epochs", "100000")
    wait_for_lines(process, 3)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=10) == 0
    assert b"Traceback" not in errors
    assert b"Broken" not in errors
    assert read(Path("runs/0001-gru/model.safetensors")).memorized


@pytest.mark.parametrize("command", ["predict x --length 300000", "inspect-shapes " + "ab" * 4000])
def test_a_closed_pipe_ends_a_reader_without_a_message(charseq: Command, command: str) -> None:
    charseq.train("--text", "xyz", "--epochs", "1")
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
def test_a_pipe_that_is_closed_from_the_start_ends_a_command_without_a_message(
    charseq: Command, command: str
) -> None:
    charseq.train("--text", "xyz", "--epochs", "1")
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*CHARSEQ, *command.split()], stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_output_is_named_with_exit_code_1(programs: Path) -> None:
    for command in ("inspect-shapes hello", "train --text ab --epochs 1", "--help"):
        ended = shell(f"charseq {command} > /dev/full", programs)
        assert ended.returncode == 1
        *_, message, hint = ended.stderr.splitlines()
        assert message == "charseq: cannot write to standard output: No space left on device"
        assert hint == "  free disk space, or redirect the output"


@pytest.mark.parametrize(
    "closed",
    ["<&-", pytest.param(">&-", marks=pytest.mark.long), pytest.param("2>&-", marks=pytest.mark.long)],
)
def test_a_stream_that_the_shell_has_closed_counts_as_empty(closed: str) -> None:
    train = f"{sys.executable} -m charseq train --epochs 1"
    ended = subprocess.run(f"{train} --text ab {closed}", shell=True, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert b"bug" not in ended.stderr
    ended = subprocess.run(f"{train} --file - <&-", shell=True, capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert b"standard input is empty" in ended.stderr


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"LC_ALL": "C"}, marks=pytest.mark.long),
        pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.long),
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        pytest.param({"LC_ALL": "POSIX"}, marks=pytest.mark.long),
        pytest.param({"LC_ALL": "C.UTF-8"}, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_any_locale_and_output_encoding_works(environment: dict[str, str]) -> None:
    Path("korean.txt").write_text("가나다라", encoding="utf-8")
    train = ("train", "--file", "korean.txt", "--epochs", "1", "--format", "table")
    shown = in_process(*train, cwd=HERE, environment=environment)
    assert shown.returncode == 0, shown.stderr
    assert b"Traceback" not in shown.stderr
    made = in_process("predict", cwd=HERE, environment=environment)
    assert made.returncode == 0, made.stderr


def test_ill_formed_utf8_from_any_source_has_exit_code_2_and_its_byte_offset(
    charseq: Command, light_python: str
) -> None:
    bad = b"ab\xff"
    Path("bad.txt").write_bytes(bad)
    charseq.train("--text", "abc", "--epochs", "1")
    for arguments, source, remedy in (
        (["train", "--text", bad], b"--text 'ab", b"use --unit byte"),
        (["train", "--file", "bad.txt"], b"'bad.txt'", b"use --unit byte"),
        (["train", "--file", "-"], b"standard input", b"use --unit byte"),
        (["predict", bad], b"the argument 'ab", b"train on it with --unit byte"),
        (["predict", "-"], b"standard input", b"train on it with --unit byte"),
        (["inspect-shapes", bad], b"the argument 'ab", b"use --unit byte"),
    ):
        command = [light_python, "-m", "charseq", *arguments]
        ended = subprocess.run(command, input=bad, capture_output=True, timeout=60)
        assert ended.returncode == 2, ended.stderr
        assert b"byte offset 2" in ended.stderr
        assert ended.stderr.startswith(b"charseq: " + source)
        assert remedy in ended.stderr
        assert b"Traceback" not in ended.stderr


ODD = {"COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1", "HOME": "/nowhere"}


@pytest.mark.parametrize(
    "environment",
    [ODD, *(pytest.param({name: value}, marks=pytest.mark.long) for name, value in ODD.items())],
    ids=str,
)
def test_odd_environments_change_nothing_in_a_pipe(
    charseq: Command, programs: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    charseq.train("--text", "ab", "--epochs", "1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for command in ("predict", "inspect-shapes ab", "--help", "train --text ab --epochs 1"):
        ended = shell(f"charseq {command}", programs)
        assert ended.returncode == 0, ended.stderr
        assert "\x1b" not in ended.stdout + ended.stderr


def test_the_version_is_printed_alone() -> None:
    from charseq import __version__

    assert in_process("--version", cwd=HERE).stdout.decode() == f"{__version__}\n"


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2() -> None:
    ended = in_process(cwd=HERE)
    assert ended.returncode == 2
    assert b"inspect-shapes" in ended.stdout + ended.stderr
