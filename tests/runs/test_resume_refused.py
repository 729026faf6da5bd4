"""Runs that cannot be resumed, and why."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charseq.errors import ModelFileError, TextError
from charseq.model.model_file import write
from charseq.runs.resume import load_run
from tests.support.runs import CASES, MODEL, OUT, never_stop, resume_run, run_files, stop_after, train_run


def test_a_run_that_has_diverged_cannot_be_resumed() -> None:
    train_run(("hihello",), stop=never_stop, cell="gru", learning_rate=1e30, epochs=9)
    with pytest.raises(ModelFileError, match="cannot be resumed: its run diverged"):
        load_run(MODEL)


@pytest.mark.parametrize("text", ["hihellp", "hihell", "hihello.", "ohelhil"])
def test_another_text_is_refused(text: str) -> None:
    train_run(("hihello",), stop=stop_after(3), cell="gru", epochs=9)
    before = run_files()
    with pytest.raises(TextError, match="SHA-256 differs"):
        resume_run((text,))
    assert run_files() == before


def test_a_damaged_or_missing_log_is_started_again() -> None:
    texts, plan = CASES["strings"]
    for damaged in (b"", b"{half"):
        train_run(texts, stop=stop_after(4), cell="gru", **plan)
        (OUT / "log.ndjson").write_bytes(damaged)
        resume_run(texts)
        lines = (OUT / "log.ndjson").read_text().splitlines()
        assert [json.loads(line)["event"] for line in (lines[0], lines[-1])] == ["start", "end"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"epochs": "2"},
        {"updates": None},
        {"tally": {}},
        {"tally": {"cost": "1", "right": 0.0, "places": 0}},
        {"text": {"texts": [1], "files": []}},
        {"text": {"texts": "abc", "files": 7}},
        {"text": None},
        {"text": "abc"},
    ],
    ids=str,
)
def test_an_invalid_training_state_is_refused(wrong: dict[str, Any]) -> None:
    train_run(("hihello",), stop=stop_after(3), cell="gru", epochs=9)
    left = load_run(MODEL)
    write(MODEL, left.model, replace(left.state, progress={**left.state.progress, **wrong}))
    with pytest.raises(ModelFileError):
        resume_run(("hihello",))


def test_tensors_that_do_not_fit_are_refused() -> None:
    train_run(("hihello",), stop=stop_after(3), cell="gru", epochs=9)
    left = load_run(MODEL)
    for name in left.state.tensors:
        if name == "generator":
            continue
        for other in ({}, {name: left.state.tensors[name][:-1]}, {name: np.zeros(3, np.uint8)}):
            tensors = {n: a for n, a in left.state.tensors.items() if n != name}
            write(MODEL, left.model, replace(left.state, tensors={**tensors, **other}))
            with pytest.raises(ModelFileError, match="does not fit"):
                resume_run(("hihello",))
