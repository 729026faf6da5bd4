"""How processes find each other, notice that one of them is lost, and pass on signals: through a store."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from charseq.errors import CharseqError
from charseq.system.file_errors import reason
from charseq.system.torchrun import Place

SECONDS_TO_JOIN = 25.0
"""Seconds within which every process must have started."""
SECONDS_BETWEEN_SIGNS = 1.0
"""Seconds between two signs of life of a process."""
SECONDS_UNTIL_LOST = 20.0
"""Seconds without a sign of life after which a process counts as lost."""
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
        store = _client(place, holds=holds)
    except (RuntimeError, ValueError) as error:
        raise CharseqError(
            f"cannot {'wait for the other processes' if holds else 'connect to process 0'} at {where}: "
            f"{str(error).splitlines()[0]}",
            hint="set MASTER_ADDR and MASTER_PORT (torchrun --rdzv-endpoint) to an address of the machine "
            "of process 0, and a free port there",
        ) from error
    finally:
        timer.cancel()
    return PrefixStore(f"charseq/{place.restarts}", store)


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
    """A store that the processes share: who they are, and how each of them has ended."""

    def __init__(self, store: Store, place: Place) -> None:
        """Wait for all processes.  Raises CharseqError, which names those that are missing."""
        self.store, self._place = store, place
        store.set(f"alive/{place.rank}", "0")
        store.set(f"process/{place.rank}", f"{socket.gethostname()} {os.getpid()}")
        missing = [*range(place.processes)]
        deadline = time.monotonic() + SECONDS_TO_JOIN
        while missing := [rank for rank in missing if not store.check([f"process/{rank}"])]:
            if time.monotonic() > deadline:
                names = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
                what = f"process {names} has" if len(missing) == 1 else f"processes {names} have"
                raise CharseqError(
                    f"{what} not joined within {SECONDS_TO_JOIN:.0f} s at {place.address}:{place.port}",
                    hint="start the same command on every machine, with equal --nnodes and --rdzv-endpoint",
                )
            time.sleep(SECONDS_BETWEEN_CHECKS)

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


class Watch:
    """A thread that gives signs of life, and ends this process if another one is lost.

    A process that is killed closes its connections, which the others notice at once.  A machine that is lost
    closes nothing.  One process may have much to do while the others wait, so exchanges do not time out.
    """

    def __init__(
        self,
        rendezvous: Rendezvous,
        place: Place,
        abort: Abort,
        signaled: Callable[[], int],
        on_signal: Callable[[int], None],
    ) -> None:
        """Start.  `signaled` returns the signal that asks this process to stop, or 0.

        Process 0 receives the signals of the others by `on_signal`.
        """
        self._rendezvous, self._place, self._abort = rendezvous, place, abort
        self._signaled, self._on_signal = signaled, on_signal
        self._store = PrefixStore(f"charseq/{place.restarts}", _client(place))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, before the process leaves the others."""
        self._ending.set()
        self._thread.join(timeout=SECONDS_TO_NOTICE)

    def _run(self) -> None:
        try:
            self._watch()
        except RuntimeError as error:  # the store is gone
            if not self._ending.wait(SECONDS_TO_NOTICE):
                self._abort(self._rendezvous.lost(error), None)

    def _watch(self) -> None:
        place, store = self._place, self._store
        keys = [f"alive/{rank}" for rank in range(place.processes)]
        seen = [(b"", time.monotonic())] * place.processes
        passed_on = False
        for count in itertools.count(1):
            if self._ending.wait(SECONDS_BETWEEN_SIGNS):
                return
            store.set(f"alive/{place.rank}", str(count))
            now = time.monotonic()
            for rank, sign in enumerate(store.multi_get(keys)):
                if sign != seen[rank][0]:
                    seen[rank] = sign, now
                elif now - seen[rank][1] > SECONDS_UNTIL_LOST:
                    silent = f"no sign of process {rank} of {place.processes} for {SECONDS_UNTIL_LOST:.0f} s"
                    self._abort(CharseqError(silent, hint=RESUME_HINT), None)
            for key in ("ended", "failed"):
                if store.check([key]) and not self._ending.wait(SECONDS_TO_NOTICE):
                    code = int(store.get(key)) if key == "ended" else None
                    self._abort(self._rendezvous.lost(), code)
            if place.rank and not passed_on and (number := self._signaled()):
                store.set("signal", str(number))
                passed_on = True
            if not place.rank and not passed_on and store.check(["signal"]):
                self._on_signal(int(store.get("signal")))
                passed_on = True


def _client(place: Place, *, holds: bool = False) -> TCPStore:
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
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")
