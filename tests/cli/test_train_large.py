"""Files that are read in pieces train the same model as text in memory, and use less memory."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command

TEXT = "".join(f"{i} plus {i + 1} is {2 * i + 1}, \u1112\u1161\u11ab.\r\n" for i in range(200))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 777)


def told(charseq: Command, *options: str) -> list[dict[str, Any]]:
    """The records of a training run, without what the clock says and where the model lies."""
    Path("a.txt").write_bytes(TEXT.encode())
    records = charseq.train(
        "--file", "a.txt", "--epochs", "1", "--cell", "gru", "--hidden-size", "8", *options
    )
    hidden = ("run", "model", "seconds", "characters_per_second")
    return [{key: value for key, value in record.items() if key not in hidden} for record in records]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--lines"],
        ["--normalize", "nfc"],
        ["--unit", "grapheme"],
        ["--unit", "byte", "--lines"],
        ["--text", "and this", "--validation", "0"],
    ],
    ids=" ".join,
)
def test_a_large_file_trains_the_same_model_as_text_in_memory(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    in_memory = told(charseq, *options)
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1000)
    assert told(charseq, *options) == in_memory


def test_overlapping_windows_are_not_for_large_text(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1000)
    Path("a.txt").write_text(TEXT)
    result = charseq("train", "--file", "a.txt", "--stride", "3")
    assert result.status == 2
    assert "--stride" in result.errors


def test_a_large_file_that_is_not_utf_8_is_reported_with_the_offset(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1000)
    Path("a.txt").write_bytes(b"a" * 5000 + b"\xff" + b"a" * 5000)
    result = charseq("train", "--file", "a.txt")
    assert result.status == 2
    assert "byte 0xFF at byte offset 5000" in result.errors


def test_without_a_temporary_folder_it_says_so(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1000)
    monkeypatch.setattr(tempfile, "TemporaryFile", nowhere)
    Path("a.txt").write_text(TEXT)
    result = charseq("train", "--file", "a.txt")
    assert result.status == 1
    assert "No usable temporary directory" in result.errors
    assert "TMPDIR" in result.errors
