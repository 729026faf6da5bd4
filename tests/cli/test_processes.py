"""charseq train under torchrun: what is shown, and how processes that are stopped or killed end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from charseq.cli.signals import SAME_SIGNAL_SECONDS, Stop, _Watcher
from tests.support.command import Command
from tests.support.torchrun import SECONDS, started, torchrun, workers

TEXT = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(130))
SETTINGS = ["--file", "text.txt", "--hidden-size", "13", "--ngram", "0", "--patience", "0", "--json"]
ENDLESS = [*SETTINGS, "--epochs", "100000", "--out", "run", "--save-every", "0.1"]
SECONDS_TO_END = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


def wait_for_save(process: "subprocess.Popen[str]", folder: Path) -> None:
    """Wait until the run has saved a model."""
    deadline = time.monotonic() + SECONDS
    while not (folder / "run/model.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Wait for the end of a process, and return its output and its errors."""
    return process.communicate(timeout=SECONDS_TO_END)


@pytest.mark.long
@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.long), 1])
def test_a_process_that_is_killed_ends_the_other_and_the_run_resumes(
    folder: Path, rank: int, charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(2, "-m", "charseq", "train", *ENDLESS, cwd=folder) as every:
        wait_for_save(every[0], folder)
        every[rank].kill()
        _, errors = ended(every[1 - rank])
        assert every[1 - rank].returncode == 1
    first = f"charseq: process {1 - rank} of 2: "
    assert errors.splitlines()[-2].startswith(first)
    if sys.platform == "linux" and rank:  # process 0 holds the store
        assert errors.splitlines()[-2] == first + "process 1 of 2 has ended unexpectedly"
    monkeypatch.chdir(folder)
    (start, *_, end) = charseq.train("--resume", "run", "--epochs", "100000", "--time-limit", "1s")
    assert start["resumed"] > 0
    assert end["status"] == "completed"


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_either_process_saves_the_run_once(folder: Path, rank: int) -> None:
    with started(2, "-m", "charseq", "train", *ENDLESS, cwd=folder) as every:
        wait_for_save(every[0], folder)
        every[rank].send_signal(signal.SIGINT)
        (output, errors), (silence, nothing) = map(ended, every)
    assert [process.returncode for process in every] == [130, 130]
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["status"] for event in events if event["event"] == "end"] == ["interrupted"]
    assert errors.count("stopping and saving") == 1
    assert (silence, nothing) == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.long
def test_torchrun_trains_with_two_processes_until_a_signal_to_the_second(folder: Path) -> None:
    launcher = torchrun(*ENDLESS, cwd=folder)
    try:
        wait_for_save(launcher, folder)
        os.kill(workers(launcher.pid)[1], signal.SIGINT)
        output, errors = ended(launcher)
    finally:
        launcher.kill()
        launcher.communicate()
    assert "exitcode  : 130" in errors
    assert errors.count("stopping and saving") == 1
    events = [json.loads(line) for line in output.splitlines()]
    assert events[0]["processes"] == 2
    assert [event["status"] for event in events if event["event"] == "end"] == ["interrupted"]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_torchrun_restarts_a_killed_process_from_the_last_save(folder: Path, rank: int) -> None:
    command = [*SETTINGS, "--epochs", "300", "--save-every", "0.1"]
    (folder / "runs").mkdir()
    launcher = torchrun(*command, options=["--max-restarts", "1"], cwd=folder)
    try:
        deadline = time.monotonic() + SECONDS
        while not [*folder.glob("runs/*/model.safetensors")] and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(workers(launcher.pid)[rank], signal.SIGKILL)
        output, errors = launcher.communicate(timeout=SECONDS)
    finally:
        launcher.kill()
        launcher.communicate()
    assert launcher.returncode == 0, errors
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    starts = [event["resumed"] for event in events if event["event"] == "start"]
    assert starts[0] is None
    assert starts[1] > 0
    assert events[-1]["status"] == "completed"
    assert events[-1]["epochs"] == 300
    (run,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    assert not (run / ".torchrun").exists()


@pytest.mark.long
def test_an_error_is_reported_by_the_first_process_alone(folder: Path) -> None:
    with started(2, "-m", "charseq", "train", "--text", "h", cwd=folder) as every:
        (_, errors), (_, nothing) = map(ended, every)
    assert [process.returncode for process in every] == [2, 2]
    assert errors.startswith("charseq: process 0 of 2: the text 'h' has 1 character")
    assert nothing == ""


def test_the_first_signal_after_one_that_was_passed_on_is_not_the_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends: list[int] = []
    monkeypatch.setattr("charseq.cli.signals.os._exit", ends.append)
    stop = Stop()
    stop.training_started = True
    watcher = _Watcher(stop, 0)
    stop.pass_on(signal.SIGTERM)
    assert stop()
    assert stop.exit_code == 143
    watcher._request_stop(signal.SIGTERM)
    assert ends == []
    time.sleep(SAME_SIGNAL_SECONDS)
    watcher._request_stop(signal.SIGTERM)
    assert ends == [143]
