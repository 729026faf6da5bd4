"""The events in a log: all fields, logs of earlier versions, damage, and a line that is being written."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charseq.errors import CharseqError, UsageError
from charseq.events import End, Epoch, Event, Start, record
from charseq.runs.lock import Lock
from charseq.runs.log import Log
from tests.support.command import Command
from tests.support.logs import hihello_events, write_log
from tests.support.screens import START

RUN = Path("runs/0001-lstm")
UNLOGGED = {
    "seconds", "characters_per_second", "resumed", "new_characters", "held_out_was_trained_on", "reason"
}  # fmt: skip


def events(log: Log) -> Iterator[Event]:
    return (entry.event for entry in log if entry.event is not None)


@pytest.mark.parametrize(
    "arguments", ["--text hihello --text hey", "--file long.txt --ngram 2", "--file names.txt --lines"]
)
def test_the_log_of_a_run_has_its_events(charseq: Command, arguments: str) -> None:
    Path("long.txt").write_text("".join(f"{i} and {i + 1}.\n" for i in range(150)))
    Path("names.txt").write_text("ada\ngrace\nalan\n")
    records = charseq.train(*arguments.split(), "--epochs", "2", "--hidden-size", "7")
    found = list(events(Log(next(Path("runs").iterdir()))))
    assert [type(event).event for event in found] == [each["event"] for each in records]
    for event, logged in zip(found, records, strict=True):
        known = json.loads(json.dumps(record(event)))
        assert {k: v for k, v in known.items() if k not in UNLOGGED} == {
            k: v for k, v in logged.items() if k not in UNLOGGED
        }


def test_every_field_of_an_event_is_read_back() -> None:
    given = hihello_events()
    write_log(RUN, *given)
    log = Log(RUN)
    for event, expected in zip(events(log), given, strict=True):
        for field in fields(expected):
            if field.name not in UNLOGGED:
                assert getattr(event, field.name) == getattr(expected, field.name), field.name
    assert (log.damaged, log.is_start_known) == (0, True)


def test_a_log_of_an_earlier_version_gets_defaults_and_unknown_fields_are_ignored() -> None:
    write_log(
        RUN,
        '{"event": "start", "cell": "gru", "symbols": ["e", "h"], "hidden_size": 3, "new": [1], "layers": 0}',
        '{"event": "epoch", "epoch": 1, "loss": null, "prediction": "he", "target": "eh"}',
        '{"event": "a new one"}',
        '{"event": "end", "status": "interrupted"}',
    )
    start, epoch, end = events(Log(RUN))
    assert isinstance(start, Start)
    assert isinstance(epoch, Epoch)
    assert isinstance(end, End)
    assert (start.settings.cell, start.settings.hidden_size, start.settings.layers) == ("gru", 3, 1)
    assert (start.vocabulary_size, start.run, start.unit) == (2, str(RUN), "character")
    assert (epoch.passes, epoch.predicted_ids, epoch.target_ids) == (1.0, [[1, 0]], [[0, 1]])
    assert math.isnan(epoch.loss)
    assert (end.status, end.model, end.epoch) == ("interrupted", None, 0)


@pytest.mark.parametrize(
    "line",
    [
        "", "x", "[]", "{}", '{"event": 3}', '{"event": "epoch"}', '{"event": "epoch", "epoch": "one"}',
        '{"event": "epoch", "epoch": 1, "predicted_ids": [[0]], "target_ids": [[99]]}',
        '{"event": "epoch", "epoch": 1, "predicted_ids": [[0]], "target_ids": [[-1]]}',
        '{"event": "epoch", "epoch": 1, "predicted_ids": [[0]], "target_ids": [[0, 1]]}',
        '{"event": "epoch", "epoch": 1, "prediction": 5, "target": "a"}',
        '{"event": "epoch", "epoch": 1, "prediction": [[5]], "target": ["a"]}',
        '{"event": "epoch", "epoch": 1, "predicted_ids": [0], "target_ids": [0]}',
        '{"event": "epoch", "epoch": 1, "loss": "abc"}', '{"event": "epoch", "epoch": -5, "passes": 1}',
        '{"event": "epoch", "epoch": 1, "accuracy": 1.5}', '{"event": "epoch", "epoch": 1, "loss": 1e400}',
        '{"event": "end", "status": "completed", "outliers": [{"text": 5}]}',
        '{"event": "epoch", "epoch": 1, "loss": NaN}', '{"event": "end", "status": "asleep"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_line_is_left_out_and_counted(line: str) -> None:
    start, *rest = hihello_events()
    write_log(RUN, start, line, *rest)
    log = Log(RUN)
    assert len(list(events(log))) == 9
    assert log.damaged == (line != "")


def test_a_log_without_its_first_line_has_the_symbols_of_its_epochs() -> None:
    _, *rest = hihello_events()
    write_log(RUN, '{"event": "sta', *rest)
    log = Log(RUN)
    start = next(events(log))
    assert isinstance(start, Start)
    assert start.symbols == START.symbols
    assert (log.damaged, log.is_start_known) == (1, False)
    assert next(iter(log)).record == {}


def test_a_line_that_is_being_written_is_not_damaged() -> None:
    write_log(RUN, *hihello_events()[:3])
    with (RUN / "log.ndjson").open("a") as file:
        file.write('{"event": "epo')
    log = Log(RUN)
    assert len(list(log)) == 3
    assert log.damaged == 1
    lock = Lock(RUN)
    assert len(list(log)) == 3
    assert log.damaged == 0
    lock.release()


def test_an_epoch_can_be_read_by_its_offset() -> None:
    write_log(RUN, *hihello_events())
    log = Log(RUN)
    for entry in log:
        if isinstance(entry.event, Epoch):
            assert asdict(log.epoch_at(entry.offset))["epoch"] == entry.event.epoch


def test_a_log_that_another_run_replaces_is_an_error() -> None:
    write_log(RUN, *hihello_events())
    log = Log(RUN)
    offset = [entry.offset for entry in log][3]
    write_log(RUN, *hihello_events()[:2])
    with pytest.raises(CharseqError, match="has changed"):
        log.epoch_at(offset)


def test_a_log_that_cannot_be_read_is_an_error() -> None:
    (RUN / "log.ndjson").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"cannot read 'runs/0001-lstm/log.ndjson'"):
        list(Log(RUN))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40)
@given(st.data())
def test_any_value_in_any_field_is_read_or_counted_as_damage(data: st.DataObject) -> None:
    lines = [json.loads(line) for line in write_log(RUN, *hihello_events(3))]
    for line in lines:
        for name in data.draw(st.sets(st.sampled_from(sorted(line)), max_size=3)):
            line[name] = data.draw(json_values)
    write_log(RUN, *map(json.dumps, lines))
    log = Log(RUN)
    found = list(log)
    assert len([entry for entry in found if entry.record]) + log.damaged == 5
