"""An interrupt of the Python interface, as a notebook sends it, saves the run and is raised."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from charseq import api
from charseq.events import End, Epoch
from charseq.system.interrupt import Interrupt


def interrupt_once(after: int) -> "Iterator[None]":
    """Send this process SIGINT at the given call."""
    for call in range(1, 1_000_000):
        if call == after:
            os.kill(os.getpid(), signal.SIGINT)
        yield


def test_an_interrupted_training_is_saved_can_be_resumed_and_raises() -> None:
    calls = interrupt_once(20)
    events = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for event in api.train("hihello", out="run", epochs=100, stop=lambda: bool(next(calls))):
            events.append(event)
    assert isinstance(events[-1], End)
    assert events[-1].status == "interrupted"
    *_, end = api.train(resume="run")
    assert isinstance(end, End)
    assert (end.status, end.epochs) == ("completed", 100)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_in_the_caller_is_raised_at_once_and_the_run_is_saved() -> None:
    events = api.train("hihello", out="run", epochs=100)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for event in events:
            if isinstance(event, Epoch) and event.epoch == 5:
                os.kill(os.getpid(), signal.SIGINT)
    events.close()  # type: ignore[attr-defined]
    assert '"interrupted"' in Path("run/log.ndjson").read_text().splitlines()[-1]
    *_, end = api.train(resume="run")
    assert isinstance(end, End)
    assert end.epochs == 100


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        calls = interrupt_once(2)
        items = Interrupt(lambda: False).deferred(next(calls) for _ in range(3))
        assert len(list(items)) == 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_interrupt_is_not_deferred() -> None:
    def twice() -> "Iterator[None]":
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        yield

    with pytest.raises(KeyboardInterrupt):
        next(Interrupt(lambda: False).deferred(twice()))
