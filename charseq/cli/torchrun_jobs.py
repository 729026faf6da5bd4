"""`charseq compare` in several processes that torchrun has started: all train, and process 0 shows."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from charseq.cli import streams
from charseq.cli.job_messages import Comparison, FromWorker, ToWorker, decoded, encoded_order
from charseq.cli.job_worker import Worker as WorkerLoop
from charseq.cli.jobs import Worker, start
from charseq.cli.signals import handle_signals
from charseq.errors import ExitCode, TextError, cannot_combine
from charseq.system.torchrun import Place, place
from charseq.text.sources import STANDARD_INPUT, TextSource

if TYPE_CHECKING:
    from charseq.training.process_store import StoreChannel

GOODBYE = b""
"""The last message of a worker."""


def checked_place(source: TextSource, jobs: int) -> Place:
    """Return the place of this process among those of torchrun; only the first of them prints anything.

    Raises UsageError for what several processes cannot do.
    """
    here = place()
    if here.processes > 1:
        if jobs > 1:
            raise cannot_combine(
                "--jobs", ["torchrun"], "which has started several processes", hint="use one of them"
            )
        if STANDARD_INPUT in (*source.files, *source.validation_files):
            raise TextError(
                "several processes cannot read the same standard input",
                hint="save the text, and name the file",
            )
        streams.set_quiet(streams.is_quiet() or here.rank > 0)
    return here


class RemoteWorker(Worker):
    """Another process of torchrun, as process 0 sees it."""

    def __init__(self, channel: "StoreChannel") -> None:
        super().__init__()
        self._channel = channel

    def send(self, order: ToWorker) -> None:
        """Send an order, unless the store has ended."""
        with suppress(EOFError):
            self._channel.send(encoded_order(order))

    def has_message(self) -> bool:
        """Return whether a message has arrived, or none can arrive any more."""
        try:
            return self._channel.has_message()
        except EOFError:
            return True

    def receive(self) -> FromWorker | None:
        """Return the next message; None if there are no more."""
        try:
            message = self._channel.receive()
        except EOFError:
            return None
        return None if message == GOODBYE else decoded(message)

    def disconnect(self) -> None:
        """Let a worker that still trains save its run and end."""
        with suppress(EOFError):
            self._channel.send(GOODBYE)

    def wait(self) -> int | None:
        """Return None: torchrun, not process 0, learns how the process ends."""
        return None


def workers(comparison: Comparison, here: Place) -> Iterator[Worker]:
    """Return a worker for each process of torchrun; that of process 0 is a process which it starts."""
    from charseq.training.process_store import StoreChannel, connect

    store = connect()
    others = range(1, here.processes)
    remote = (RemoteWorker(StoreChannel(store, f"to/{rank}", f"from/{rank}")) for rank in others)
    return chain(start(comparison, 1), remote)


def work_for_process_0(comparison: Comparison, here: Place) -> ExitCode:
    """Run the trials that process 0 orders, and return the exit code."""
    from charseq.training.process_store import StoreChannel, connect

    with handle_signals() as stop:
        orders = _Orders(StoreChannel(connect(), f"from/{here.rank}", f"to/{here.rank}"))
        try:
            WorkerLoop(comparison, orders, stop, here.local_rank).run()
        finally:
            orders.close()
    return stop.exit_code


class _Orders:
    """The connection to process 0."""

    def __init__(self, channel: "StoreChannel") -> None:
        self._channel = channel

    def send(self, message: bytes) -> None:
        """Send a message.  Raises EOFError if process 0 has ended."""
        self._channel.send(message)

    def receive(self) -> bytes:
        """Wait for the next message.  Raises EOFError if process 0 has ended."""
        if (message := self._channel.receive()) == GOODBYE:
            raise EOFError
        return message

    def close(self) -> None:
        """Say that there are no more messages."""
        with suppress(EOFError):
            self._channel.send(GOODBYE)
