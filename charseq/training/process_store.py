"""Messages between processes that torchrun has started, through the store by which they find each other."""

import time
from datetime import timedelta

from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from charseq.errors import CharseqError

SECONDS_TO_CONNECT = 60
"""Longest wait for the store."""
SECONDS_BETWEEN_CHECKS = 0.05


def connect() -> Store:
    """Return the store that the environment describes, as torchrun sets it.  Raises CharseqError."""
    try:
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=SECONDS_TO_CONNECT)))
    except (RuntimeError, ValueError) as error:
        raise CharseqError(
            f"cannot connect to the other processes: {error}",
            hint="start all of them with torchrun, or check MASTER_ADDR and MASTER_PORT",
        ) from None
    return PrefixStore("charseq/compare", store)


class StoreChannel:
    """One of two ends of a connection, whose messages are numbered values of a store."""

    def __init__(self, store: Store, sent: str, received: str) -> None:
        """Connect; `sent` and `received` are the names of the two directions, seen from here."""
        self._store, self._sent, self._received = store, sent, received
        self._sent_count = self._received_count = 0

    def send(self, message: bytes) -> None:
        """Send a message.  Raises EOFError if the store has ended."""
        try:
            self._store.set(f"{self._sent}/{self._sent_count}", message.decode())
        except RuntimeError as error:
            raise EOFError from error
        self._sent_count += 1

    def has_message(self) -> bool:
        """Return whether a message has arrived.  Raises EOFError if the store has ended."""
        try:
            return self._store.check([f"{self._received}/{self._received_count}"])
        except RuntimeError as error:
            raise EOFError from error

    def receive(self) -> bytes:
        """Wait for the next message.  Raises EOFError if the store has ended.

        It asks again and again, because a store that waits cannot be used by another thread.
        """
        while not self.has_message():
            time.sleep(SECONDS_BETWEEN_CHECKS)
        key = f"{self._received}/{self._received_count}"
        message: bytes = self._store.get(key)
        self._store.delete_key(key)
        self._received_count += 1
        return message
