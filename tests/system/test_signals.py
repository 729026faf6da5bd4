"""Signals that are ignored from the start stay ignored; others are handled and restored."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest

from charseq.system.signals import install
from tests.support.command import Command
from tests.support.forks import Forked

NUMBER = signal.SIGUSR1
TRAIN = ("train", "--text", "hihello " * 20, "--json")


@pytest.fixture(autouse=True)
def restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (NUMBER, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_an_installed_handler_runs_until_the_previous_one_is_restored() -> None:
    received: list[int] = []
    signal.signal(NUMBER, lambda number, _: received.append(-number))
    replaced = install({NUMBER: lambda number, _: received.append(number)})
    signal.raise_signal(NUMBER)
    install(replaced)
    signal.raise_signal(NUMBER)
    assert received == [NUMBER, -NUMBER]


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(NUMBER, signal.SIG_IGN)
    assert install({NUMBER: signal.SIG_DFL}) == {}
    assert signal.getsignal(NUMBER) == signal.SIG_IGN


def ignore(*numbers: int) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def start_ignoring_interrupts(*command: str) -> "subprocess.Popen[bytes]":
    """Start a process that ignores SIGINT."""
    return subprocess.Popen(
        (sys.executable, "-m", "charseq", *command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=partial(ignore, signal.SIGINT),
    )


def start_training(ignored: int, limit: str) -> "subprocess.Popen[bytes]":
    """Start a training run that ignores a signal, with a time limit."""
    return Forked(*TRAIN, "--epochs", "1000000", "--time-limit", limit, preexec_fn=partial(ignore, ignored))


@pytest.mark.parametrize(
    "number",
    [signal.SIGHUP, *(pytest.param(n, marks=pytest.mark.long) for n in (signal.SIGINT, signal.SIGTERM))],
)
def test_training_survives_a_signal_that_was_ignored_from_the_start(number: int) -> None:
    process = start_training(number, "0.7s")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert json.loads(output.splitlines()[-1])["status"] == "completed"
    assert b"stopping" not in errors


def test_other_signals_still_end_a_training_that_ignores_one() -> None:
    process = start_training(signal.SIGHUP, "60s")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143


def test_an_interrupt_that_is_ignored_does_not_end_charseq_while_it_loads() -> None:
    process = start_ignoring_interrupts("cells")
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_predict_ignores_an_interrupt_that_was_ignored_from_the_start(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1")
    process = Forked("predict", "h", "--length", "100000000", preexec_fn=partial(ignore, signal.SIGINT))
    assert process.stdout is not None
    process.stdout.read(10)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.3)
    process.kill()
    process.communicate(timeout=10)
