"""A process that gives no sign of life ends the others; a signal to one of them stops all."""

import threading
import time
from typing import Any

import pytest
from torch._C._distributed_c10d import PrefixStore, Store

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.training import watch as watch_module
from charseq.training.rendezvous import Rendezvous
from charseq.training.watch import Watch
from tests.support.stores import TOKEN, first_of, joined, shorten


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)
    monkeypatch.setattr(watch_module, "SECONDS_TO_NOTICE", 0.3)
    monkeypatch.setattr(watch_module, "SECONDS_UNTIL_LOST", 0.3)
    monkeypatch.setattr(watch_module, "SECONDS_BETWEEN_SIGNS", 0.05)


@pytest.fixture
def first() -> Place:
    return first_of(3)


@pytest.fixture
def store(first: Place) -> Store:
    return joined(first)


def watched(place: Place, store: Store, received: list[int], signaled: int = 0) -> tuple[Watch, list[str]]:
    problems: list[str] = []

    def note(error: CharseqError, exit_code: int | None) -> Any:
        problems.append(error.message)

    return Watch(Rendezvous(store, place, TOKEN), place, note, lambda: signaled, received.append), problems


def wait_for(values: list[str] | list[int]) -> None:
    deadline = time.monotonic() + 10
    while not values and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_process_without_a_sign_of_life_is_lost(first: Place, store: Store) -> None:
    done = threading.Event()

    def live() -> None:
        count = 0
        while not done.wait(0.02):
            count += 1
            PrefixStore(TOKEN, store).set("alive/1", str(count))

    other = threading.Thread(target=live)
    other.start()
    watch, problems = watched(first, store, [])
    try:
        wait_for(problems)
        assert problems[0] == "no sign of process 2 of 3 for 0 s"
    finally:
        done.set()
        other.join()
        watch.stop()


def test_a_signal_to_another_process_reaches_process_0_once(
    first: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SECONDS_UNTIL_LOST", 30.0)
    received: list[int] = []
    watch, _ = watched(first, store, received)
    other, _ = watched(Place(1, 3, 0, first.address, first.port), store, [], signaled=2)
    try:
        wait_for(received)
        time.sleep(0.2)
        assert received == [2]
    finally:
        other.stop()
        watch.stop()


def test_a_signal_that_process_0_has_received_itself_is_not_passed_on(
    first: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SECONDS_UNTIL_LOST", 30.0)
    PrefixStore(TOKEN, store).set("signal", "2")
    received: list[int] = []
    watch, _ = watched(first, store, received, signaled=2)
    time.sleep(0.3)
    watch.stop()
    assert received == []


def test_a_store_that_does_not_answer_is_lost(
    first: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(Watch, "_watch", lambda self: answers.wait(10))
    watch, problems = watched(first, store, [])
    wait_for(problems)
    answers.set()
    watch.stop()
    assert f"no answer from the processes' store at 127.0.0.1:{first.port} for 0 s" in problems
