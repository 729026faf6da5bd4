"""Processes that are missing, lost or unreachable are named soon."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from torch._C._distributed_c10d import Store

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.training import rendezvous
from charseq.training.distributed import ProcessGroup
from charseq.training.rendezvous import Rendezvous, Watch, connect
from tests.support.torchrun import free_port

GONE = "nowhere 1"
"""A process on another machine, in a store."""


class Aborted(Exception):
    pass


def abort(error: CharseqError, exit_code: int | None) -> NoReturn:
    raise Aborted(error.message)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS_TO_JOIN", "SECONDS_TO_AGREE", "SECONDS_TO_NOTICE", "SECONDS_UNTIL_LOST"):
        monkeypatch.setattr(rendezvous, name, 0.3)
    monkeypatch.setattr(rendezvous, "SECONDS_BETWEEN_SIGNS", 0.05)


@pytest.fixture
def first() -> Place:
    """Process 0 of 3, which holds the store."""
    return Place(0, 3, address="127.0.0.1", port=free_port())


@pytest.fixture
def store(first: Place) -> Iterator[Store]:
    """The store, in which all processes have joined; the others on another machine."""
    store = connect(first, abort)
    for rank in (1, 2):
        store.set(f"alive/{rank}", "0")
        store.set(f"process/{rank}", GONE)
    yield store
    del store


def test_processes_that_have_not_joined_are_named(first: Place) -> None:
    store = connect(first, abort)
    with pytest.raises(CharseqError, match=rf"processes 1, 2 have not joined .* 127.0.0.1:{first.port}"):
        Rendezvous(store, first)
    store.set("process/1", GONE)
    with pytest.raises(CharseqError, match="process 2 has not joined within"):
        Rendezvous(store, first)


def test_a_process_without_the_first_one_names_its_address() -> None:
    second = Place(1, 2, 1, "127.0.0.1", free_port())
    with pytest.raises(CharseqError, match=f"no answer from process 0 at 127.0.0.1:{second.port}") as raised:
        connect(second, abort)
    assert "MASTER_ADDR" in raised.value.hint


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CharseqError, match=f"cannot wait for the other processes at 127.0.0.1:{port}"):
            connect(Place(0, 2, 0, "127.0.0.1", port), abort)


def test_a_network_interface_that_does_not_exist_is_named(
    first: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charseq.training.distributed.connect", lambda place, abort: store)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth77")
    with pytest.raises(CharseqError, match="'eth77'") as raised:
        ProcessGroup(first, abort, lambda: 0, lambda number: None)
    assert socket.if_nameindex()[0][1] in raised.value.hint


def test_a_lost_process_is_named_if_it_said_so_or_ran_on_this_machine(first: Place, store: Store) -> None:
    meeting = Rendezvous(store, first)
    assert "the connection to another process was lost" in meeting.lost().message
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    store.set("process/1", f"{socket.gethostname()} {child.pid}")
    if sys.platform == "linux":  # before anyone has waited for it
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert meeting.lost().message == "process 1 of 3 has ended unexpectedly"
    child.wait()
    assert meeting.lost().message == "process 1 of 3 has ended unexpectedly"
    assert Rendezvous(store, Place(2, 3)).fail(70) is None
    assert meeting.lost().message == "process 2 of 3 failed"
    assert "--resume" in meeting.lost().hint


def test_a_process_that_fails_as_process_0_does_ends_with_its_exit_code(first: Place, store: Store) -> None:
    assert Rendezvous(store, first).fail(2) is None
    assert Rendezvous(store, Place(1, 3)).fail(70) == 2


def watched(place: Place, store: Store, received: list[int], signaled: int = 0) -> tuple[Watch, list[str]]:
    problems: list[str] = []

    def note(error: CharseqError, exit_code: int | None) -> Any:
        problems.append(error.message)

    return Watch(Rendezvous(store, place), place, note, lambda: signaled, received.append), problems


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
            store.set("alive/1", str(count))

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
    monkeypatch.setattr(rendezvous, "SECONDS_UNTIL_LOST", 30.0)
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
