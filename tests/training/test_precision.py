"""Which precision a run uses, what it says, and that it stays exact when it is resumed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from charseq import native
from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.events import End, Event, Start, record
from charseq.model.model_file import write
from charseq.runs.resume import load_run
from charseq.settings.train_settings import ChosenPrecision, TrainSettings
from charseq.training import precision
from charseq.training.kernels.select import select_path
from charseq.training.precision import choose_precision
from tests.support.command import Command
from tests.support.runs import (
    MODEL,
    STREAM,
    never_stop,
    resume_run,
    run_files,
    stop_after,
    train_run,
)

CPU = torch.device("cpu")
requires_kernels = pytest.mark.skipif(native.library() is None, reason="installed without a C compiler")
requires_bfloat16 = pytest.mark.skipif(not native.has_bfloat16(), reason="no AVX512-BF16")
LARGE: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": precision.FEWEST_UNITS,
    "batch_size": precision.FEWEST_ROWS,
    "whole": False,
}
PLAN: dict[str, Any] = {"cell": "lstm", "hidden_size": 11, "layers": 2, "dropout": 0.3, "batch_size": 5}
PLAN |= {"epochs": 2, "sequence_length": 7, "validation": 0.1, "average": 0.9}


def chosen(device: str = "cpu", **settings: Any) -> ChosenPrecision:
    asked, on = TrainSettings(**{**LARGE, **settings}), torch.device(device)
    return choose_precision(asked, on, select_path(CELLS[asked.cell], on, asked.kernel))


def with_bfloat16(monkeypatch: pytest.MonkeyPatch, available: bool, fast: bool = True) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: available)
    monkeypatch.setattr(precision, "bfloat16_is_fast", lambda: available and fast)


def start_of(events: list[Event]) -> Start:
    assert isinstance(events[0], Start)
    return events[0]


@requires_kernels
def test_auto_chooses_bfloat16_for_large_products_of_longer_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with_bfloat16(monkeypatch, available=True)
    assert chosen() == "bfloat16"
    assert chosen(precision="float32") == "float32"
    for small in (
        {"hidden_size": precision.FEWEST_UNITS - 1},
        {"batch_size": precision.FEWEST_ROWS - 1},
        {"whole": True},
        {"cell": "none"},
        {"cell": "mlstm"},
        {"kernel": "torch"},
    ):
        assert chosen(**small) == "float32", small
    for small in ({"hidden_size": 5}, {"batch_size": 1}, {"whole": True}, {"cell": "mlstm"}):
        assert chosen(precision="bfloat16", **small) == "bfloat16", small
    with_bfloat16(monkeypatch, available=False)
    assert chosen() == "float32"


@requires_kernels
def test_auto_chooses_float32_where_bfloat16_was_not_measured_to_be_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_bfloat16(monkeypatch, available=True, fast=False)
    assert chosen() == "float32"
    assert chosen(precision="bfloat16") == "bfloat16"


@requires_kernels
@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"cell": "none"}, "the cell none has none"),
        ({"kernel": "torch"}, "--kernel is torch"),
        ({"device": "mps"}, "the device is mps"),
        ({}, "AVX512-BF16, and this one lacks it"),
    ],
)
def test_bfloat16_that_is_not_available_is_an_error_that_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], missing: str
) -> None:
    with_bfloat16(monkeypatch, available=bool(settings))
    with pytest.raises(UsageError, match=missing) as error:
        chosen(precision="bfloat16", **settings)
    assert "--precision auto or float32" in error.value.hint


def test_without_native_kernels_bfloat16_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "kernels", dict)
    assert chosen() == "float32"
    with pytest.raises(UsageError, match="without a C compiler"):
        chosen(precision="bfloat16")


@requires_bfloat16
def test_the_summary_and_the_events_say_which_precision_ran(charseq: Command) -> None:
    for asked, ran in (("auto", "float32"), ("bfloat16", "bfloat16")):
        options = ["--epochs", "2", "--precision", asked, "--out", asked]
        result = charseq("train", "--text", "hihello", *options)
        assert f"cpu (fused, native, {ran}), seed 0" in result.errors
        assert load_run(Path(asked) / "model.safetensors").settings.precision == asked


@requires_bfloat16
def test_a_run_in_bfloat16_differs_from_one_in_float32_and_is_repeatable() -> None:
    files = []
    for asked in ("bfloat16", "bfloat16", "float32"):
        events = train_run((STREAM,), stop=never_stop, precision=asked, **PLAN)
        assert record(start_of(events))["precision"] == asked
        files.append(run_files())
    assert files[0] == files[1]
    assert files[0][0] != files[2][0]


@requires_bfloat16
@pytest.mark.parametrize("cell", ["lstm", "rnn-norm", "minlstm"])
def test_a_run_in_bfloat16_has_the_same_bytes_with_any_number_of_threads(cell: str) -> None:
    before, files = torch.get_num_threads(), []
    plan = {**PLAN, "cell": cell, "hidden_size": 131, "batch_size": 17, "epochs": 1, "sequence_length": 31}
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        train_run((STREAM * 31,), stop=never_stop, precision="bfloat16", **plan)
        files.append(run_files())
    torch.set_num_threads(before)
    assert files[0] == files[1] == files[2]


@requires_bfloat16
@pytest.mark.parametrize("options", [{}, {"embedding_size": 11, "tie_weights": True}, {"cell": "gru"}])
def test_the_loss_in_bfloat16_is_about_that_in_float32(options: dict[str, Any]) -> None:
    losses = []
    for asked in ("bfloat16", "float32"):
        *_, end = train_run((STREAM * 7,), stop=never_stop, **{**PLAN, **options}, precision=asked)
        assert isinstance(end, End)
        losses.append(end.validation_loss)
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], abs=0.01)


@requires_bfloat16
def test_a_huge_learning_rate_diverges_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    for cell in (*native.kernels(), "mlstm"):
        plan = {**PLAN, "cell": cell, "learning_rate": 1e30, "epochs": 9}
        *_, end = train_run((STREAM,), stop=never_stop, precision="bfloat16", **plan)
        assert isinstance(end, End)
        assert end.status == "diverged", cell


@requires_bfloat16
@pytest.mark.parametrize("asked", ["bfloat16", "auto"])
def test_a_run_in_bfloat16_that_is_resumed_equals_an_uninterrupted_one(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_bfloat16(monkeypatch, available=True)
    monkeypatch.setattr(precision, "FEWEST_UNITS", 11)
    monkeypatch.setattr(precision, "FEWEST_ROWS", 5)
    events = train_run((STREAM,), stop=never_stop, precision=asked, **PLAN)
    assert start_of(events).precision == "bfloat16"
    expected = run_files()
    train_run((STREAM,), stop=stop_after(3), precision=asked, **PLAN)
    monkeypatch.setattr(precision, "FEWEST_UNITS", 99)  # the run keeps its precision
    start = start_of(resume_run((STREAM,)))
    assert start.precision == "bfloat16"
    assert start.earlier_precision is None
    assert run_files() == expected


@requires_bfloat16
def test_a_run_of_an_earlier_version_is_resumed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    train_run((STREAM,), stop=stop_after(3), **PLAN)
    left = load_run(MODEL)
    progress = {name: value for name, value in left.state.progress.items() if name != "precision"}
    write(MODEL, left.model, replace(left.state, progress=progress))
    monkeypatch.setattr(precision, "FEWEST_UNITS", 1)
    monkeypatch.setattr(precision, "FEWEST_ROWS", 1)
    start = start_of(resume_run((STREAM,)))
    assert (start.precision, start.earlier_precision) == ("float32", None)


@requires_bfloat16
def test_a_run_resumed_on_a_processor_without_bfloat16_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with_bfloat16(monkeypatch, available=True)
    monkeypatch.setattr(precision, "FEWEST_UNITS", 11)
    monkeypatch.setattr(precision, "FEWEST_ROWS", 5)
    for asked in ("auto", "bfloat16"):
        train_run((STREAM,), stop=stop_after(3), precision=asked, **PLAN)
        with_bfloat16(monkeypatch, available=False)
        if asked == "bfloat16":
            with pytest.raises(UsageError, match="this one lacks it"):
                resume_run((STREAM,))
        changes: dict[str, Any] = {"precision": "float32"} if asked == "bfloat16" else {}
        start = start_of(resume_run((STREAM,), **changes))
        assert (start.precision, start.earlier_precision) == ("float32", "bfloat16")
        assert "earlier_precision" not in record(start, timed=False)
        with_bfloat16(monkeypatch, available=True)
