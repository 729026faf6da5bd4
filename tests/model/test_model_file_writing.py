"""A model file is replaced atomically."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.errors import CharseqError, ModelFileError
from charseq.model import atomic_write
from charseq.model.model_file import read, write
from tests.support.forged_models import PATH
from tests.support.models import lstm_model


def test_a_failed_write_leaves_the_old_model_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    write(PATH, lstm_model(seed=1))
    before = PATH.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for broken in ("fsync", "open"):
        with monkeypatch.context() as patch:
            patch.setattr(os, broken, full)
            with pytest.raises(CharseqError, match="No space left") as caught:
                write(PATH, lstm_model(seed=2))
            assert caught.value.exit_code == 1
        assert PATH.read_bytes() == before
        assert [path.name for path in Path().iterdir()] == [PATH.name]


def test_a_failed_write_says_that_the_old_model_is_untouched_only_where_there_is_one() -> None:
    missing = Path("missing/model.safetensors")
    with pytest.raises(CharseqError, match="No such file") as caught:
        write(missing, lstm_model())
    assert "unchanged" not in caught.value.hint


def test_leftovers_of_a_killed_save_are_swept_at_the_next() -> None:
    Path(".model.safetensors.12345.tmp").write_bytes(b"half")
    write(PATH, lstm_model())
    assert [path.name for path in Path().iterdir()] == [PATH.name]


def test_the_file_has_the_mode_that_the_umask_gives() -> None:
    before = os.umask(0o027)
    try:
        write(PATH, lstm_model())
    finally:
        os.umask(before)
    assert PATH.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_only_a_regular_file_is_replaced(kind: str) -> None:
    target = Path("elsewhere")
    target.write_bytes(b"precious")
    if kind == "link":
        PATH.symlink_to(target)
    elif kind == "folder":
        PATH.mkdir()
    else:
        os.mkfifo(PATH)
    with pytest.raises(CharseqError, match="not a regular file"):
        write(PATH, lstm_model())
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_only_a_file_is_read(kind: str) -> None:
    if kind == "folder":
        PATH.mkdir()
    if kind == "fifo":
        os.mkfifo(PATH)
    with pytest.raises(ModelFileError):
        read(PATH)


def test_weights_are_saved_as_float32() -> None:
    assert all(array.dtype == np.float32 for array in lstm_model().arrays.values())


def test_a_file_is_synchronized_before_it_replaces_the_old_one_and_its_folder_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("file")
    path.write_bytes(b"old")
    synced = []
    plain = os.fsync

    def noted(handle: int) -> None:
        status = os.fstat(handle)
        is_here = os.path.samestat(status, path.parent.stat())
        synced.append(("folder" if is_here else status.st_size, path.read_bytes()))
        plain(handle)

    monkeypatch.setattr(os, "fsync", noted)
    atomic_write.replace(path, b"new and longer")
    assert synced == [(14, b"old"), ("folder", b"new and longer")]
