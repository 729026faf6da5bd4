"""Which of several models a command uses."""

import json
from pathlib import Path
from typing import Any

import pytest

from charseq.errors import ModelFileError
from charseq.runs.folder import all_runs, comparison_runs, new_comparison, new_run
from charseq.runs.model_paths import comparison_size, model_path

START = {"event": "start", "cell": "gru"}


def ended(comparison: Path | None, *, trained: bool = True, **values: Any) -> Path:
    """A run whose log ends so."""
    run = new_run("gru", comparison=comparison)
    run.log(START)
    run.log({"event": "end", "status": "completed", "epoch": 1, "epochs": 1, **values})
    run.close()
    if trained:
        run.model.write_bytes(b"model")
    return run.folder


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"validation_loss": 1.5, "loss": 2.0}, {"validation_loss": 1.6, "loss": 1.0}),
        ({"accuracy": 1.0, "loss": 0.3}, {"accuracy": 0.9, "loss": 0.1}),
        ({"accuracy": 0.9, "loss": 0.1}, {"accuracy": 0.9, "loss": 0.3}),
        ({"accuracy": 0.5, "loss": 1.0}, {"accuracy": 1.0, "loss": 0.1, "status": "interrupted"}),
        ({"accuracy": 0.1, "loss": 3.0}, {"accuracy": 1.0, "loss": 0.1, "trained": False}),
        ({"accuracy": 0.1, "loss": 3.0}, {"status": "diverged", "epoch": 0, "loss": None}),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_the_best_run_of_a_comparison_is_used(
    better: "dict[str, Any]", worse: "dict[str, Any]", first: bool
) -> None:
    ended(None, accuracy=1.0, loss=0.0)
    comparison = new_comparison()
    if first:
        best, _ = ended(comparison, **better), ended(comparison, **worse)
    else:
        _, best = ended(comparison, **worse), ended(comparison, **better)
    assert model_path(None) == best / "model.safetensors"
    assert model_path(str(comparison)) == best / "model.safetensors"
    assert comparison_size(model_path(None), None) == 2
    assert comparison_size(model_path(None), str(comparison)) == 2
    assert comparison_size(model_path(str(best)), str(best)) == 0


def test_a_later_run_is_newer_than_a_comparison() -> None:
    ended(new_comparison())
    newest = ended(None)
    assert model_path(None) == newest / "model.safetensors"
    assert comparison_size(model_path(None), None) == 0


def test_a_comparison_without_a_valid_model_is_skipped() -> None:
    earlier = ended(None)
    comparison = new_comparison()
    ended(comparison, status="diverged", epoch=0)
    assert model_path(None) == earlier / "model.safetensors"
    assert model_path(str(comparison)).is_file()


def test_runs_of_a_comparison_are_listed_in_order_and_numbered_by_themselves() -> None:
    alone, comparison = ended(None), new_comparison()
    runs = [ended(comparison) for _ in range(3)]
    assert [run.name for run in runs] == ["0001-gru", "0002-gru", "0003-gru"]
    last = ended(None)
    assert last.name == "0003-gru"
    assert all_runs() == [alone, *runs, last]
    assert comparison_runs(alone) == comparison_runs(alone.parent) == []


def test_a_comparison_without_any_model_is_named() -> None:
    comparison = new_comparison()
    with pytest.raises(ModelFileError, match="0001-compare' has no model"):
        model_path(None)
    ended(comparison, trained=False)
    with pytest.raises(ModelFileError, match="0001-compare' has no model"):
        model_path(str(comparison))


def test_a_run_with_a_forged_log_ranks_last(tmp_path: Path) -> None:
    comparison = new_comparison()
    liar, honest = ended(comparison), ended(comparison, loss=5.0, accuracy=0.1)
    (liar / "log.ndjson").write_text(json.dumps({"event": "end", "status": 3, "loss": "small"}))
    assert model_path(None) == honest / "model.safetensors"
