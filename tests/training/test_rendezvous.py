"""Processes that are missing, lost or unreachable are named soon."""

import os
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from torch._C._distributed_c10d import PrefixStore, Store

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.training import rendezvous
from charseq.training.distributed import ProcessGroup
from charseq.training.rendezvous import Rendezvous, connect
from tests.support.stores import GONE, TOKEN, abort, first_of, joined, shorten
from tests.support.torchrun import free_port


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture
def first() -> Place:
    return first_of(3)


@pytest.fixture
def store(first: Place) -> Store:
    return joined(first)


def test_processes_that_have_not_joined_are_named(first: Place) -> None:
    store = connect(first, abort)
    with pytest.raises(CharseqError, match=rf"processes 1, 2 have not joined .* 127.0.0.1:{first.port}"):
        Rendezvous(store, first)
    PrefixStore(TOKEN, store).set("process/1", GONE)
    with pytest.raises(CharseqError, match="process 2 has not joined within"):
        Rendezvous(store, first, TOKEN)


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
    monkeypatch.setattr(rendezvous, "uuid4", lambda: SimpleNamespace(hex=TOKEN))
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth77")
    with pytest.raises(CharseqError, match="'eth77'") as raised:
        ProcessGroup(first, abort, lambda: 0, lambda number: None)
    assert socket.if_nameindex()[0][1] in raised.value.hint


def test_a_lost_process_is_named_if_it_said_so_or_ran_on_this_machine(first: Place, store: Store) -> None:
    meeting = Rendezvous(store, first, TOKEN)
    assert "the connection to another process was lost" in meeting.lost().message
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    meeting.store.set("process/1", f"{socket.gethostname()} {child.pid}")
    if sys.platform == "linux":  # before anyone has waited for it
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert meeting.lost().message == "process 1 of 3 has ended unexpectedly"
    child.wait()
    assert meeting.lost().message == "process 1 of 3 has ended unexpectedly"
    assert Rendezvous(store, Place(2, 3), TOKEN).fail(70) is None
    assert meeting.lost().message == "process 2 of 3 failed"
    assert "--resume" in meeting.lost().hint


def test_a_process_that_fails_as_process_0_does_ends_with_its_exit_code(first: Place, store: Store) -> None:
    assert Rendezvous(store, first, TOKEN).fail(2) is None
    assert Rendezvous(store, Place(1, 3), TOKEN).fail(70) == 2


def test_processes_that_are_restarted_meet_each_other_and_not_those_of_before(first: Place) -> None:
    root = connect(first, abort)
    tokens = []
    for _ in range(2):  # the second time, the store has all keys of the first
        found: list[str] = []

        def join(rank: int, found: list[str] = found) -> None:
            found.append(Rendezvous(root, Place(rank, 3, rank, first.address, first.port)).token)

        threads = [threading.Thread(target=join, args=(rank,)) for rank in (2, 1, 0)]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        for thread in threads:
            thread.join()
        assert len(found) == 3
        assert len({*found}) == 1
        tokens += found
    assert len({*tokens}) == 2
