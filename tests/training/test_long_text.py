"""Longer text: windows, lines, validation, averages, time."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS
from charseq.events import Progress, Start
from charseq.inference.continuation import continuation
from charseq.inference.sampling import SamplingParams
from charseq.model.numpy_ops import NUMPY, SeededDraw, log_softmax
from charseq.text.batches import Windows
from charseq.text.corpus import Corpus
from charseq.training.learner import Learner
from tests.support.training import LONG, ended, epochs, events_of, learner_of, model


def test_a_longer_text_is_trained_on_in_windows_with_a_validation_loss() -> None:
    events = events_of(LONG, cell="gru", epochs=4, hidden_size=24, ngram=0)
    losses = [event.validation_loss for event in epochs(events)]
    assert all(loss is not None for loss in losses)
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert ended(events).validation_loss == min(losses)  # type: ignore[type-var]
    assert not model().memorized
    assert model().opening == "0"


STACK = {"layers": 2, "residual": True, "layer_norm": True, "tie_weights": True}


LEARNED = {"initial_state": "learned"}


@pytest.mark.parametrize(
    ("cell", "plan"),
    [
        *((name, plan) for name in CELLS for plan in ({}, STACK)),
        *((name, LEARNED) for name, cell in CELLS.items() if cell.learned_start),
    ],
    ids=str,
)
def test_the_validation_loss_is_that_of_the_held_out_tail(cell: str, plan: dict[str, Any]) -> None:
    plan = {**plan, "validation": 0.1, "validation_split": "tail", "ngram": 0}
    events = events_of(LONG, cell=cell, epochs=2, hidden_size=16, **plan)
    trained = model()
    w = trained.weights
    tail = trained.vocabulary.encode(LONG[len(LONG) - round(len(LONG) * 0.1) :])
    xs = trained.network.embed(NUMPY, w, tail[None, :-1])
    hs, _ = trained.network.forward(NUMPY, w, xs, trained.network.initial_states(NUMPY, w, 1))
    log_p = log_softmax(trained.network.read_out(w, hs)[0])
    assert ended(events).validation_loss == pytest.approx(
        -log_p[np.arange(len(tail) - 1), tail[1:]].mean(), abs=1e-4
    )


def test_the_average_of_the_weights_is_evaluated_and_saved() -> None:
    plain = ended(events_of(LONG, cell="gru", epochs=2, hidden_size=16))
    last = model().arrays["layers.0.W_h"]
    events = events_of(LONG, cell="gru", epochs=2, hidden_size=16, average=0.99)
    averaged = model().arrays["layers.0.W_h"]
    assert (averaged != last).any()
    assert ended(events).validation_loss != plain.validation_loss
    corpus = Corpus((LONG,))
    learner = learner_of(corpus, average=0.9)
    first = learner.parameters.copy()
    batch = next(iter(Windows([np.arange(5)], 1, 4)))
    learner.update(batch, None, 0.1)
    present = learner.parameters.copy()
    decay = 2 / 11  # of the first update
    with learner.averaged_weights():
        for flat, before, after in zip(learner.parameters.flat, first, present, strict=True):
            torch.testing.assert_close(flat, decay * before + (1 - decay) * after)
    for flat, after in zip(learner.parameters.flat, present, strict=True):
        torch.testing.assert_close(flat, after, rtol=0, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
@pytest.mark.parametrize("cell", CELLS)
def test_on_a_gpu_bfloat16_reaches_the_loss_of_float32(cell: str) -> None:
    losses = [
        ended(events_of(LONG, cell=cell, epochs=2, hidden_size=16, device="cuda", precision=precision)).loss
        for precision in ("float32", "bfloat16")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=0.1)


def test_a_loss_that_diverges_halves_the_learning_rate() -> None:
    wild: dict[str, Any] = {
        "cell": "rnn-relu",
        "layer_norm": False,
        "learning_rate": 0.2,
        "hidden_size": 64,
        "epochs": 6,
    }
    assert ended(events_of(LONG, **wild)).status == "diverged"
    tamed = ended(events_of(LONG, **wild, recoveries=12))
    assert tamed.status == "completed"
    assert tamed.recoveries > 0
    assert tamed.validation_loss is not None
    assert tamed.validation_loss < 2.5
    rates = [epoch.learning_rate for epoch in epochs(events_of(LONG, **wild, recoveries=12))]
    assert rates[0] <= 0.1


def test_a_constant_text_does_not_run_away() -> None:
    end = ended(events_of("a" * 20_000 + "\n", hidden_size=64, epochs=6))
    assert end.status == "completed"
    assert end.validation_loss is not None
    assert end.validation_loss < 0.1


def test_a_network_that_diverges_in_the_last_updates_of_an_epoch_is_detected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = iter([False])
    monkeypatch.setattr(Learner, "is_finite", property(lambda self: next(broken, True)))
    end = ended(events_of(LONG, cell="gru", hidden_size=8, epochs=2, recoveries=1))
    assert (end.status, end.epochs, end.recoveries) == ("completed", 2, 1)


def test_patience_ends_a_run_that_gets_no_better() -> None:
    noise = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 3000))
    events = events_of(noise, cell="gru", hidden_size=64, learning_rate=0.02, patience=2, epochs=60)
    assert len(epochs(events)) == ended(events).epoch + 2
    assert len(epochs(events)) < 60


def test_a_time_limit_ends_the_run_and_reports_its_last_loss() -> None:
    started = time.monotonic()
    events = events_of(LONG, cell="gru", time_limit=0.7, patience=0)
    assert 0.6 < time.monotonic() - started < 30
    assert ended(events).status == "completed"
    assert epochs(events)


class Clock:
    """A clock by which an update takes a second, and measuring what is held out as long as is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, measuring: float) -> None:
        self._now = 0.0
        monkeypatch.setattr("charseq.system.suspension.time", self)
        for module in ("samples", "best_model"):
            monkeypatch.setattr(f"charseq.training.{module}.time", self)
        for name, seconds in (("update", 1.0), ("evaluate", measuring)):
            monkeypatch.setattr(Learner, name, self._slow(getattr(Learner, name), seconds))

    def monotonic(self) -> float:
        return self._now

    def _slow(self, method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            self._now += seconds
            return method(*arguments)

        return slow


@pytest.mark.parametrize("limit", [20, 29, 31, 37])
def test_a_time_limit_reserves_the_time_of_the_last_evaluation(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    Clock(monkeypatch, measuring=5)
    end = ended(events_of(LONG, cell="gru", hidden_size=5, time_limit=limit))
    assert limit - 5 <= end.seconds <= limit


def test_a_time_limit_in_the_first_epoch_reserves_the_expected_time_of_the_evaluation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Clock(monkeypatch, measuring=182 / 16 / 3)
    end = ended(events_of(LONG, hidden_size=5, time_limit=30, batch_size=1, sequence_length=16, ngram=0))
    assert end.epochs == 0
    assert 0 < end.total_passes == end.passes < 1
    assert 29 <= end.seconds < 31


def test_lines_learn_where_they_begin_and_end() -> None:
    names = ("ada", "grace", "alan", "edsger")
    events = events_of(*names, lines=True, cell="lstm", epochs=600, patience=0, hidden_size=32)
    trained = model()
    assert trained.vocabulary.boundary
    made = {
        "".join(s.character for s in continuation(trained, "", SamplingParams(0.5), sample=i))
        for i in range(20)
    }
    assert made <= set(names)
    assert len(made) > 1
    assert isinstance(events[0], Start)


def test_a_stop_within_the_first_epoch_of_a_long_text_saves_the_model() -> None:
    asked = iter([False] * 9)
    events = events_of(
        LONG, cell="gru", epochs=5, batch_size=1, sequence_length=16, stop=lambda: next(asked, True)
    )
    assert ended(events).status == "interrupted"
    assert not epochs(events)
    fresh = model().network.draw(SeededDraw(0))
    assert (model().arrays["layers.0.W_h"] != fresh["layers.0.W_h"]).any()


def test_progress_within_a_long_epoch_is_reported_and_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.loop.SECONDS_BETWEEN_PROGRESS", 0)
    events = events_of(LONG, cell="gru", epochs=1, batch_size=1, sequence_length=16)
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert "progress" not in Path("out/log.ndjson").read_text()
