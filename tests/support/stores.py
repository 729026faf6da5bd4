"""A store of several processes in this one, and short waits."""

from typing import NoReturn

import pytest
from torch._C._distributed_c10d import PrefixStore, Store

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.training import rendezvous
from charseq.training.rendezvous import connect
from tests.support.torchrun import free_port

TOKEN = "token"
GONE = "nowhere 1"
"""A process on another machine, in a store."""


class Aborted(Exception):
    """A process was to be ended."""


def abort(error: CharseqError, exit_code: int | None) -> NoReturn:
    """Raise instead of ending the process."""
    raise Aborted(error.message)


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Make processes wait a moment only."""
    for name in ("SECONDS_TO_JOIN", "SECONDS_TO_AGREE", "SECONDS_TO_NOTICE"):
        patch.setattr(rendezvous, name, 0.3)


def first_of(processes: int) -> Place:
    """Return the place of process 0, which holds the store."""
    return Place(0, processes, address="127.0.0.1", port=free_port())


def joined(first: Place) -> Store:
    """Return a store in which the other processes, on another machine, have joined."""
    root = connect(first, abort)
    store = PrefixStore(TOKEN, root)
    for rank in range(1, first.processes):
        store.set(f"alive/{rank}", "0")
        store.set(f"process/{rank}", GONE)
    return root
