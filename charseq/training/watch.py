"""Signs of life of several processes, and the signals that one of them receives for all."""

import threading
import time
from collections.abc import Callable

from torch._C._distributed_c10d import PrefixStore

from charseq.errors import CharseqError
from charseq.system.torchrun import Place
from charseq.training.rendezvous import RESUME_HINT, SECONDS_TO_NOTICE, Abort, Rendezvous, client

SECONDS_BETWEEN_SIGNS = 1.0
"""Seconds between two signs of life of a process."""
SECONDS_UNTIL_LOST = 20.0
"""Seconds without a sign of life after which a process counts as lost."""


class Watch:
    """A thread that gives signs of life, and ends this process if another one is lost.

    A process that is killed closes its connections, which the others notice at once.  A machine that is lost
    closes nothing.  One process may have much to do while the others wait, so exchanges do not time out.
    """

    def __init__(
        self,
        meeting: Rendezvous,
        place: Place,
        abort: Abort,
        signaled: Callable[[], int],
        on_signal: Callable[[int], None],
    ) -> None:
        """Start.  `signaled` returns the signal that asks this process to stop, or 0.

        Process 0 receives the signals of the others by `on_signal`.
        """
        self._meeting, self._place, self._abort = meeting, place, abort
        self._signaled, self._on_signal = signaled, on_signal
        self._store = PrefixStore(meeting.token, client(place))
        self._ending = threading.Event()
        self._rounds = 0
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run, self._guard)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, before the process leaves the others."""
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=SECONDS_TO_NOTICE)

    def _run(self) -> None:
        try:
            self._watch()
        except RuntimeError as error:  # the store is gone
            if not self._ending.wait(SECONDS_TO_NOTICE):
                self._abort(self._meeting.lost(error), None)

    def _watch(self) -> None:
        place, store = self._place, self._store
        keys = [f"alive/{rank}" for rank in range(place.processes)]
        seen = [(b"", time.monotonic())] * place.processes
        passed_on = False
        while not self._ending.wait(SECONDS_BETWEEN_SIGNS):
            self._rounds += 1
            store.set(f"alive/{place.rank}", str(self._rounds))
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
                    self._abort(self._meeting.lost(), code)
            if place.rank and not passed_on and (number := self._signaled()):
                store.set("signal", str(number))
                passed_on = True
            if not place.rank and not passed_on and store.check(["signal"]):
                if not self._signaled():
                    self._on_signal(int(store.get("signal")))
                passed_on = True

    def _guard(self) -> None:
        """End the process if the store does not answer: the machine that holds it may be lost."""
        rounds, silent = 0, 0.0
        while not self._ending.wait(SECONDS_BETWEEN_SIGNS):
            silent = silent + SECONDS_BETWEEN_SIGNS if rounds == self._rounds else 0.0
            rounds = self._rounds
            if silent > SECONDS_UNTIL_LOST:
                where = f"{self._place.address}:{self._place.port}"
                message = f"no answer from the processes' store at {where} for {SECONDS_UNTIL_LOST:.0f} s"
                self._abort(CharseqError(message, hint=RESUME_HINT), None)
