"""Reading the log of a run, whatever is in it."""

from pathlib import Path

import pytest

from charseq.errors import UsageError
from charseq.runs.run_log import number, read_log, text

LINES = [
    b'{"event": "start", "cell": "gru"}',
    b'{"event": "report", "epoch": 1, "loss": 3.0}',
    b'{"event": "progress"}',
    b'{"event": "epoch", "epoch": 1, "loss": 2.5}',
    b"[1]",
    b"\xff",
    b'{"event": ["end"]}',
    b'{"event": "end", "status": "completed"}',
    b'{"event": "epo',
]


def test_a_log_has_its_start_its_evaluations_and_its_end(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(b"\n".join(LINES))
    log = read_log(tmp_path)
    assert log.start["cell"] == "gru"
    assert [event["loss"] for event in log.evaluations] == [3, 2.5]
    assert [event["loss"] for event in log.epochs] == [2.5]
    assert log.end["status"] == "completed"


def test_a_folder_without_a_log_has_no_events(tmp_path: Path) -> None:
    log = read_log(tmp_path)
    assert (log.start, log.evaluations, log.end) == ({}, (), {})


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        read_log(tmp_path)


def test_values_of_another_type_count_as_missing() -> None:
    record = {"a": 1, "b": "1", "c": True, "d": None, "e": 0.5}
    assert [number(record, name) for name in "abcdef"] == [1.0, None, None, None, 0.5, None]
    assert [text(record, name) for name in "abf"] == ["", "1", ""]
