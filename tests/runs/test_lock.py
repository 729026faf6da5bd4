"""A lock whose file another process removes, or replaces, just before it is locked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from charseq.errors import CharseqError
from charseq.runs import lock
from charseq.runs.lock import Lock, lock_holder

HERE = Path()
DoBefore = Callable[[Callable[[], object]], None]


@pytest.fixture
def before_locking(monkeypatch: pytest.MonkeyPatch) -> DoBefore:
    """Do something once, between the opening of the lock's file and its locking."""
    plain = lock._locked

    def prepare(act: Callable[[], object]) -> None:
        def locked(file: int, *, tries: int = lock.TRIES) -> bool:
            monkeypatch.setattr(lock, "_locked", plain)
            act()
            return plain(file, tries=tries)

        monkeypatch.setattr(lock, "_locked", locked)

    return prepare


def test_a_lock_whose_file_was_just_removed_is_created_again(before_locking: DoBefore) -> None:
    before_locking(Path(lock.NAME).unlink)
    mine = Lock(HERE)
    assert lock_holder(HERE) == f"process {os.getpid()}"
    mine.release()


def test_a_lock_whose_file_another_has_just_replaced_is_refused(before_locking: DoBefore) -> None:
    others: list[Lock] = []

    def replace() -> None:
        Path(lock.NAME).unlink()
        others.append(Lock(HERE))

    before_locking(replace)
    with pytest.raises(CharseqError, match="is in use: process"):
        Lock(HERE)
    others[0].release()
