"""How processes find each other, and find out which of them has failed: through a store."""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from charseq.errors import CharseqError
from charseq.system.file_errors import reason
from charseq.system.torchrun import Place

SECONDS_TO_JOIN = 25.0
"""Seconds within which every process must have started."""
SECONDS_TO_NOTICE = 5.0
"""Seconds in which a process notices by itself that another one failed, before it is ended."""
SECONDS_BETWEEN_CHECKS = 0.05

SECONDS_TO_AGREE = 2.0
"""Seconds in which processes that fail find out which one failed first."""
RESUME_HINT = "the run is saved up to its last save; continue it with --resume"

Abort = Callable[[CharseqError, int | None], NoReturn]
"""Ends the process at once, from any thread: with an exit code, or else after reporting the error."""


def connect(place: Place, abort: Abort) -> Store:
    """Return a connection to the store, which torchrun or process 0 holds.

    Raises CharseqError if there is no answer, or the port is in use.  Ends the process by `abort` if another
    program answers, for which torch waits much longer.
    """
    holds = place.rank == 0 and not place.launcher_has_store
    where = f"{place.address}:{place.port}"
    if not holds:
        _wait_for_answer(place, where)
    silence = CharseqError(
        f"no answer from the store of the processes at {where} within {SECONDS_TO_JOIN:.0f} s",
        hint="another program may use this port: choose another one (torchrun --rdzv-endpoint, MASTER_PORT)",
    )
    timer = threading.Timer(SECONDS_TO_JOIN, abort, (silence, None))
    timer.start()
    try:
        store = client(place, holds=holds)
    except (RuntimeError, ValueError) as error:
        raise CharseqError(
            f"cannot {'wait for the other processes' if holds else 'connect to process 0'} at {where}: "
            f"{str(error).splitlines()[0]}",
            hint="set MASTER_ADDR and MASTER_PORT (torchrun --rdzv-endpoint) to an address of the machine "
            "of process 0, and a free port there",
        ) from error
    finally:
        timer.cancel()
    return store


def _wait_for_answer(place: Place, where: str) -> None:
    """Wait until a process listens.  Raises CharseqError; torch would wait longer, and print a traceback."""
    deadline, error = time.monotonic() + SECONDS_TO_JOIN, OSError()
    while (left := deadline - time.monotonic()) > 0:
        try:
            socket.create_connection((place.address, place.port), timeout=left).close()
        except OSError as refused:
            error = refused
        else:
            return
        time.sleep(SECONDS_BETWEEN_CHECKS)
    raise CharseqError(
        f"no answer from process 0 at {where} within {SECONDS_TO_JOIN:.0f} s: {reason(error)}",
        hint="start process 0, or correct MASTER_ADDR and MASTER_PORT (torchrun --rdzv-endpoint); "
        "a firewall may block the port",
    )


class Rendezvous:
    """A store that the processes share: who they are, and how each of them has ended.

    The store of torchrun outlives a restart, so its keys begin with a token that process 0 draws.
    """

    def __init__(self, root: Store, place: Place, token: str = "") -> None:
        """Wait for all processes.  Raises CharseqError, which names those that are missing."""
        self._root, self._place = root, place
        self._deadline = time.monotonic() + SECONDS_TO_JOIN
        self.token = token or (uuid4().hex if not place.rank else self._ask())
        self.store = store = PrefixStore(self.token, root)
        store.set(f"alive/{place.rank}", "0")
        store.set(f"process/{place.rank}", f"{socket.gethostname()} {os.getpid()}")
        missing = [*range(place.processes)]
        while missing := [rank for rank in missing if not store.check([f"process/{rank}"])]:
            if not place.rank:
                self._answer(missing)
            self._wait_for(missing)

    def _ask(self) -> str:
        """Ask process 0 for its token; one of before a restart never answers."""
        question = uuid4().hex
        self._root.set(f"question/{self._place.rank}", question)
        while not self._root.check([f"answer/{question}"]):
            self._wait_for([0])
        return self._root.get(f"answer/{question}").decode()

    def _answer(self, ranks: Sequence[int]) -> None:
        """Answer the questions of processes."""
        for rank in ranks:
            if self._root.check([f"question/{rank}"]):
                question = self._root.get(f"question/{rank}").decode()
                self._root.set(f"answer/{question}", self.token)

    def _wait_for(self, missing: Sequence[int]) -> None:
        """Wait a moment for processes, until it is too late."""
        if time.monotonic() <= self._deadline:
            time.sleep(SECONDS_BETWEEN_CHECKS)
            return
        names = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        what = f"process {names} has" if len(missing) == 1 else f"processes {names} have"
        raise CharseqError(
            f"{what} not joined within {SECONDS_TO_JOIN:.0f} s at {self._place.address}:{self._place.port}",
            hint="start the same command on every machine, with equal --nnodes and --rdzv-endpoint",
        )

    def fail(self, exit_code: int) -> int | None:
        """Say that this process fails; process 0 leads the others to its exit code.

        Returns the exit code of process 0 where that has failed, too.
        """
        if not self._place.rank:
            self.store.set("ended", str(exit_code))
            return None
        if (code := self._led_to(SECONDS_TO_AGREE)) is None:
            self.store.set("failed", str(self._place.rank))
        return code

    def lost(self, cause: Exception | None = None) -> CharseqError:
        """Return the error for a process that failed or ended; waits a moment to find out which."""
        try:
            message = self._lost()
        except RuntimeError:
            message = "the connection to the other processes was lost"
        error = CharseqError(message, hint=RESUME_HINT)
        error.__cause__ = cause
        return error

    def ended(self) -> int | None:
        """Return the exit code of process 0 if that has failed."""
        return int(self.store.get("ended")) if self.store.check(["ended"]) else None

    def leave(self) -> None:
        """Leave the store; the process that holds it waits until the others have left."""
        place = self._place
        self.store.set(f"left/{place.rank}", "")
        deadline = time.monotonic() + 2 * SECONDS_TO_NOTICE
        holds = not place.rank and not place.launcher_has_store
        everyone = [f"left/{rank}" for rank in range(place.processes)]
        while holds and not self.store.check(everyone) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_CHECKS)

    def _led_to(self, seconds: float) -> int | None:
        deadline = time.monotonic() + seconds
        while (code := self.ended()) is None and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_CHECKS)
        return code

    def _lost(self) -> str:
        store, place = self.store, self._place
        deadline = time.monotonic() + SECONDS_TO_AGREE
        while time.monotonic() < deadline:
            if store.check(["ended"]):
                return f"process 0 of {place.processes} failed"
            if store.check(["failed"]):
                return f"process {int(store.get('failed'))} of {place.processes} failed"
            for rank in range(place.processes):
                host, pid = store.get(f"process/{rank}").decode().split()
                if host == socket.gethostname() and not _runs(int(pid)):
                    return f"process {rank} of {place.processes} has ended unexpectedly"
            time.sleep(SECONDS_BETWEEN_CHECKS)
        return "the connection to another process was lost"


def client(place: Place, *, holds: bool = False) -> TCPStore:
    """Return a connection of its own to the store; several threads must not share one."""
    return TCPStore(
        place.address,
        place.port,
        is_master=holds,
        timeout=timedelta(seconds=SECONDS_TO_JOIN),
        wait_for_workers=False,
        multi_tenant=holds,
    )


def _runs(pid: int) -> bool:
    """Return whether a process of this machine runs; on Linux, one that nobody waits for has ended, too."""
    if os.name != "posix":  # where the signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")
