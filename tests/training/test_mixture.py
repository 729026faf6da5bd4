"""Training with an n-gram model: what it reports is what the saved model does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.errors import UsageError
from charseq.events import End, Epoch, Start
from charseq.inference.scoring import score_texts
from charseq.model.model_file import read
from charseq.text.corpus import Corpus
from charseq.training.builder import build
from charseq.training.data import TrainingData
from charseq.training.gate import Observations
from tests.support.runs import MODEL, resume_run, run_files, stop_after, train_run
from tests.support.training import ended, epochs, plan_of

TEXT = "".join(f"{n} sheep jumped over {n * 7 % 11} fences and {n % 5} dogs; " for n in range(97))
NAMES = tuple(
    f"{a}{b}{c}" for a in ("an", "be", "ca", "do") for b in "aeiou" for c in ("", "n", "lla", "rd", "sto")
)
PLAN: dict[str, Any] = {"cell": "gru", "hidden_size": 11, "batch_size": 3, "sequence_length": 16, "epochs": 3}


def never() -> bool:
    return False


def start_of(events: list[Any]) -> Start:
    assert isinstance(events[0], Start)
    return events[0]


def test_the_order_and_the_size_are_reported_with_a_reason() -> None:
    start = start_of(train_run((TEXT,), stop=never, **PLAN))
    mixture = read(MODEL).mixture
    assert mixture is not None
    assert start.settings.ngram == mixture.ngram.order > 1
    assert start.ngrams == mixture.ngram.size
    assert 0 < start.ngram_bytes < MODEL.stat().st_size
    assert f"order {mixture.ngram.order}" in start.settings.reasons["ngram"]


def test_an_order_that_is_asked_for_is_used() -> None:
    start = start_of(train_run((TEXT,), stop=never, **PLAN, ngram=4))
    mixture = read(MODEL).mixture
    assert mixture is not None
    assert (start.settings.ngram, mixture.ngram.order) == (4, 4)
    assert "ngram" not in start.settings.reasons


@pytest.mark.parametrize(("texts", "more"), [((TEXT,), {}), (NAMES, {"lines": True, "validation": 0.4})])
def test_the_losses_of_the_mixture_and_its_parts_are_those_of_the_saved_model(texts: Any, more: Any) -> None:
    events = train_run(texts, stop=never, **PLAN, **more)
    end, model = ended(events), read(MODEL)
    held_out = TrainingData(
        Corpus(texts, "lines" in more), model.vocabulary, start_of(events).settings
    ).validation
    assert held_out is not None
    assert model.mixture is not None
    total = held_out.sequences.total

    def mean(scored: Any) -> float:
        return float(sum(surprisals.nats.sum() for surprisals in scored) / total)

    alone = replace(model, mixture=None)
    assert mean(score_texts(model, held_out.sequences)) == pytest.approx(end.validation_loss, abs=1e-5)
    assert mean(score_texts(alone, held_out.sequences)) == pytest.approx(
        end.network_validation_loss, abs=1e-4
    )
    assert model.mixture.ngram.loss(held_out.sequences) == pytest.approx(end.ngram_validation_loss, abs=1e-5)
    assert end.cross_validation_loss is not None
    assert end.validation_loss is not None
    assert end.cross_validation_loss > end.validation_loss


def test_the_mixture_is_better_than_each_part() -> None:
    end = ended(train_run((TEXT,), stop=never, **{**PLAN, "epochs": 9}))
    assert end.cross_validation_loss is not None
    assert end.network_validation_loss is not None
    assert end.ngram_validation_loss is not None
    assert end.cross_validation_loss < min(end.network_validation_loss, end.ngram_validation_loss)


def test_the_network_learns_as_it_does_without_an_ngram_model() -> None:
    plan = {**PLAN, "epochs": 1}
    mixed = epochs(train_run((TEXT,), stop=never, **plan))
    arrays = read(MODEL).arrays
    alone = epochs(train_run((TEXT,), stop=never, **plan, ngram=0))
    model = read(MODEL)
    assert model.mixture is None
    assert all((arrays[name] == model.arrays[name]).all() for name in arrays)
    for ours, theirs in zip(mixed, alone, strict=True):
        assert ours.loss == theirs.loss
        assert ours.network_validation_loss == pytest.approx(theirs.validation_loss, abs=1e-5)
        assert theirs.network_validation_loss == theirs.validation_loss
        assert theirs.ngram_validation_loss is None


@pytest.mark.parametrize("updates", [2, 40, 83])
def test_a_resumed_run_gives_the_same_files(updates: int) -> None:
    train_run((TEXT,), stop=never, **PLAN)
    expected = run_files()
    assert ended(train_run((TEXT,), stop=stop_after(updates), **PLAN)).status == "interrupted"
    resume_run((TEXT,))
    assert run_files() == expected


def test_a_resumed_run_logs_the_reasons_of_all_defaults_in_the_same_order() -> None:
    events = train_run((TEXT,), stop=never, epochs=2)
    assert len(start_of(events).settings.reasons) > 3
    expected = run_files()
    train_run((TEXT,), stop=stop_after(3), epochs=2)
    resume_run((TEXT,))
    assert run_files() == expected


def test_auto_chooses_the_order_in_python_too() -> None:
    settings = start_of(train_run((TEXT,), stop=never, **PLAN)).settings
    assert start_of(train_run((TEXT,), stop=never, **PLAN, ngram="auto")).settings == settings


def test_predictions_that_an_epoch_shows_are_those_of_the_mixture() -> None:
    events = train_run((TEXT,), stop=never, **{**PLAN, "epochs": 1})
    (epoch,), model = epochs(events), read(MODEL)
    assert isinstance(epoch, Epoch)
    (target,) = epoch.target_ids
    data = TrainingData(Corpus((TEXT,)), model.vocabulary, start_of(events).settings)
    (shown,) = data.shown
    (scored,) = score_texts(model, [shown])
    assert scored.ids.tolist() == target
    assert [scored.best.tolist()] == epoch.predicted_ids


def test_where_too_little_is_held_out_there_is_no_ngram_model() -> None:
    events = train_run((TEXT[:700],), stop=never, **PLAN, validation=0.1)
    assert start_of(events).settings.ngram == 0
    assert read(MODEL).mixture is None
    with pytest.raises(UsageError, match="requires at least 100 held-out characters"):
        train_run((TEXT[:700],), stop=never, **PLAN, validation=0.1, ngram=3)


@pytest.mark.parametrize(
    ("texts", "plan", "why"),
    [
        (("hihello",), {"ngram": 3}, "this short text is memorized"),
        ((TEXT,), {"ngram": 3, "validation": 0.0, "sequence_length": 8}, "nothing is held out"),
        ((TEXT,), {"ngram": 3, "stride": 2, "sequence_length": 8}, "--stride"),
    ],
)
def test_an_order_without_held_out_text_is_refused(texts: Any, plan: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        train_run(texts, stop=never, **plan)


def test_text_that_cannot_be_predicted_is_not_predicted_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(np.random.default_rng(3).choice(list("0123456789"), 4001))
    end = ended(train_run((text,), stop=never, **{**PLAN, "epochs": 1}))
    assert isinstance(end, End)
    assert end.cross_validation_loss is not None
    assert end.cross_validation_loss < np.log(10) + 0.05


def test_a_process_without_positions_sends_arrays_of_the_same_types(tmp_path: Path) -> None:
    run = build(plan_of(TEXT, tmp_path / "out", **PLAN), live=False, save_every=60.0)
    assert run.evaluator is not None
    seen = run.evaluator._observe(run.state.learner)
    nothing = Observations.none(PLAN["hidden_size"])
    assert len(seen.log_p) > 100
    for some, none in zip(map(np.asarray, seen), map(np.asarray, nothing), strict=True):
        assert (none.dtype, none.shape) == (some.dtype, (0, *some.shape[1:]))
