"""Saves that are killed or fail, and signals at any moment: no model is lost."""

import json
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from charseq.model.model_file import read
from charseq.runs.history import summary
from tests.support.forks import Forked
from tests.support.processes import start, wait_for_handler, wait_for_lines

ROOT = Path(__file__).parents[2]
MODEL = Path("runs/0001-gru/model.safetensors")
traced = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="system calls are traced on Linux, x86-64",
)


def rounds(kind: str) -> list[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.tracing", kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine does not let a process trace its children")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@traced
def test_a_save_killed_at_any_system_call_leaves_the_old_model_or_the_new_one() -> None:
    results = rounds("kill")
    assert len(results) > 20
    assert {one["model"] for one in results} == {"old", "new"}
    assert any(len(one["remaining"]) == 2 for one in results)
    assert all(one["after_next_save"] == ["model.safetensors"] for one in results)


@traced
def test_any_system_call_of_a_save_that_fails_is_reported_and_leaves_the_old_model() -> None:
    results = rounds("fail")
    calls = [one["result"][0] for one in results]
    assert {"write", "fsync"} <= set(calls)
    assert {"rename", "renameat", "renameat2"} & set(calls)
    for one in results:
        call, status = one["result"]
        if (
            one is results[0] and status == 0
        ):  # since Python 3.12, a folder that cannot be listed has no leftovers
            assert (call, one["model"]) == ("openat", "new")
            continue
        assert status == 1, one
        assert one["remaining"] == ["model.safetensors"], one
        # After the rename, only the synchronization of the folder can fail.
        assert one["model"] == "old" or call in ("fsync", "open", "openat"), one


def test_a_run_that_exceeds_the_limit_on_the_size_of_files_ends_with_a_message_of_two_lines() -> None:
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    process = Forked("train", "--text", "hihello", "--epochs", "3", preexec_fn=limit)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"File too large" in errors
    assert b"Traceback" not in errors
    assert sorted(path.name for path in MODEL.parent.iterdir()) == ["log.ndjson", "timing.ndjson"]


def rounds_of(few: int, many: int) -> pytest.MarkDecorator:
    """Run a test with few rounds by default, and with many as a long one."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.long)])


@rounds_of(2, 100)
def test_a_signal_at_any_moment_saves_the_model_and_ends_the_run_within_two_seconds(count: int) -> None:
    moments = random.Random(count)
    for number in range(count):
        sent, status = moments.choice([(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
        out = Path(f"run{number}")
        process = start("train", "--text", "hihello " * 30, "--epochs", "100000", "--out", str(out), "--json")
        wait_for_handler(process, signal.SIGCONT)  # the last of the signals that a training run handles
        time.sleep((3 if count > 2 else 1) * moments.random())
        asked = time.monotonic()
        process.send_signal(sent)
        output, errors = process.communicate(timeout=10)
        assert time.monotonic() - asked < 2
        assert process.returncode == status, errors
        assert b"Traceback" not in errors
        if not output:
            assert errors.strip() == b"stopped before training started; nothing was saved"
            assert not out.exists()
            continue
        assert errors.splitlines()[-1].decode() == f"charseq train --resume {out}"
        assert json.loads(output.splitlines()[-1])["status"] == "interrupted"
        read(out / "model.safetensors")
        assert sorted(path.name for path in out.iterdir()) == [
            "log.ndjson",
            "model.safetensors",
            "timing.ndjson",
        ]


@rounds_of(2, 200)
def test_a_training_killed_at_any_moment_leaves_a_model_that_loads_and_resumes(count: int) -> None:
    moments = random.Random(count)
    arguments = ["--text", "hihello " * 30, "--hidden-size", "100", "--out", "run", "--json"]
    arguments += ["--epochs", "100000", "--save-every", "0.001s", "--force"]
    process = Forked("train", *arguments)
    for _ in range(count):
        wait_for_lines(process, 40)
        while not Path("run/model.safetensors").exists():
            wait_for_lines(process, 1)
        time.sleep(0.3 * moments.random())
        process.kill()
        process.communicate(timeout=10)
        assert read(Path("run/model.safetensors")).memorized
        for line in Path("run/log.ndjson").read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                json.loads(line)
        assert summary(Path("run")).status == "unfinished"
        process = Forked("train", "--resume", "run", "--json", "--save-every", "0.001s")
    wait_for_lines(process, 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "log.ndjson",
        "model.safetensors",
        "timing.ndjson",
    ]


@rounds_of(1, 30)
def test_one_of_several_runs_in_a_folder_continues_and_the_others_name_its_process(count: int) -> None:
    for _ in range(count):
        arguments = ["--text", "hihello", "--epochs", "100000", "--out", "mine", "--force", "--json"]
        winner = Forked("train", *arguments)
        wait_for_lines(winner, 2)
        before = Path("mine/log.ndjson").stat().st_ino
        for more in (arguments, ["--resume", "mine"]):
            asked = time.monotonic()
            other = Forked("train", *more)
            _, errors = other.communicate(timeout=10)
            assert summary(Path("mine")).status == "running"
            assert time.monotonic() - asked < 1.5  # half of it is the start of Python on a busy machine
            assert other.returncode in (1, 2)
            assert f"process {winner.pid}".encode() in errors or b"there is no model" in errors
        assert Path("mine/log.ndjson").stat().st_ino == before
        winner.kill()
        winner.communicate(timeout=10)
        after = Forked("train", *arguments)
        wait_for_lines(after, 2)
        after.send_signal(signal.SIGTERM)
        after.communicate(timeout=10)
        assert read(Path("mine/model.safetensors")).memorized


@rounds_of(1, 10)
def test_one_of_four_runs_that_start_together_continues(count: int) -> None:
    for number in range(count):
        arguments = ["--text", "hihello", "--epochs", "100000", "--out", f"mine{number}", "--json"]
        processes = [Forked("train", *arguments) for _ in range(4)]
        while sum(process.poll() is None for process in processes) > 1:
            time.sleep(0.05)
        (winner,) = [process for process in processes if process.poll() is None]
        for process in processes:
            if process is not winner:
                _, errors = process.communicate(timeout=10)
                assert process.returncode in (1, 2)
                assert f"process {winner.pid}".encode() in errors or b"already contains a run" in errors
        wait_for_lines(winner, 2)
        winner.send_signal(signal.SIGINT)
        winner.communicate(timeout=10)
        assert read(Path(f"mine{number}/model.safetensors")).memorized
