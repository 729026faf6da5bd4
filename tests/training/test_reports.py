"""Longer text: reports within epochs, and samples."""

import json
from pathlib import Path
from typing import Any

import pytest

from charseq.events import Epoch, Progress, Report
from charseq.training.samples import CHARACTERS, LINES, sample
from tests.support.training import LONG, ended, epochs, events_of, model


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.loop.POSITIONS_BETWEEN_REPORTS", 500)


@pytest.mark.usefixtures("reports")
def test_a_long_epoch_is_reported_on_from_within() -> None:
    events = events_of(LONG, cell="gru", epochs=2, hidden_size=16, batch_size=2)
    told = [event for event in events if isinstance(event, Epoch)]
    assert [type(event).__name__ for event in told] == ["Report", "Report", "Epoch"] * 2
    assert [event.epoch for event in told] == [1, 1, 1, 2, 2, 2]
    assert told[0].passes < told[1].passes < told[2].passes == 1
    assert [event.passes for event in epochs(events)] == [1, 2]
    assert all(event.validation_loss is not None for event in told)
    records = [json.loads(line) for line in Path("out/log.ndjson").read_text().splitlines()]
    assert [record["event"] for record in records][:3] == ["start", "report", "report"]


@pytest.mark.usefixtures("reports")
def test_the_model_of_a_report_is_saved_if_it_is_the_best() -> None:
    events = events_of(LONG, cell="gru", epochs=30, hidden_size=64, learning_rate=0.03, dropout=0, seed=1)
    told = [event for event in events if isinstance(event, Epoch)]
    best = min(told, key=lambda event: event.selection_loss or 9)
    end = ended(events)
    assert isinstance(best, Report)
    assert (end.validation_loss, end.passes, end.epoch) == (best.validation_loss, best.passes, best.epoch)
    assert end.last_passes == told[-1].passes


def test_an_epoch_of_longer_text_has_a_sample() -> None:
    first, *_, last = epochs(events_of(LONG, cell="gru", epochs=20, hidden_size=32))
    assert first.sample is not None
    assert last.sample is None or len(last.sample) == len(first.sample)
    assert first.sample[0] == LONG[0]
    assert len(first.sample) == CHARACTERS + 1
    assert set(first.sample) <= set(LONG)
    assert sample(model(), 0)[0] == LONG[0]


def test_a_model_of_lines_has_samples() -> None:
    first = epochs(events_of(*["ada", "grace"] * 20, lines=True, cell="gru", epochs=1))[0]
    assert first.sample is not None
    assert first.sample.count("\n") <= LINES - 1


def test_a_text_to_memorize_has_no_sample() -> None:
    assert all(epoch.sample is None for epoch in epochs(events_of("hihello", epochs=3)))


def test_progress_has_samples_for_a_live_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.samples.SECONDS_BETWEEN_LIVE_SAMPLES", 0)
    monkeypatch.setattr("charseq.training.loop.SECONDS_BETWEEN_PROGRESS", 0)
    long: dict[str, Any] = {"cell": "gru", "epochs": 1, "hidden_size": 8, "average": 0.9}
    alone, watched = events_of(LONG, **long), events_of(LONG, **long, live=True)
    assert not any(event.sample for event in alone if isinstance(event, Progress))
    assert any(event.sample for event in watched if isinstance(event, Progress))
    assert epochs(alone)[0].validation_loss == epochs(watched)[0].validation_loss
