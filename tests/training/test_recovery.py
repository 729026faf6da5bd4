"""What a run continues with after a recovery: the good weights, and half of the scheduled learning rate."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from charseq.runs.resume import load_run
from charseq.text.batches import Batch
from charseq.training.learner import Learner
from charseq.training.reader import States
from tests.support.runs import MODEL, STREAM, never_stop, resume_run, stop_after, train_run

PLAN: dict[str, Any] = {
    "cell": "gru",
    "device": "cpu",
    "hidden_size": 5,
    "sequence_length": 7,
    "batch_size": 2,
    "epochs": 3,
    "learning_rate": 0.01,
    "recoveries": 5,
    "validation": 0,
}


@dataclass
class Update:
    """One update: the learning rate, the states and weights that it starts from, and the weights after it."""

    learning_rate: float
    states: States | None
    before: list[Tensor]
    after: list[Tensor]


@dataclass
class Recorded:
    """All updates in order, of which some report a loss of NaN."""

    diverging: tuple[int, ...] = ()
    """Updates that diverge, counted from 1."""
    updates: list[Update] = field(default_factory=list)

    def __getitem__(self, number: int) -> Update:
        """Return an update, counted from 1."""
        return self.updates[number - 1]

    @property
    def learning_rates(self) -> list[float]:
        return [update.learning_rate for update in self.updates]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Record every update of the test; good weights are copied after every third one."""
    monkeypatch.setattr("charseq.training.divergence.UPDATES_BETWEEN_COPIES", 3)
    found = Recorded()
    plain = Learner.update

    def update(
        learner: Learner, batch: Batch, states: States | None, learning_rate: float
    ) -> tuple[Tensor, Tensor, States]:
        before = learner.parameters.copy()
        loss, correct, after = plain(learner, batch, states, learning_rate)
        found.updates.append(Update(learning_rate, states, before, learner.parameters.copy()))
        diverged = len(found.updates) in found.diverging
        return (torch.full_like(loss, torch.nan) if diverged else loss), correct, after

    monkeypatch.setattr(Learner, "update", update)
    return found


def assert_equal(weights: list[Tensor], expected: list[Tensor]) -> None:
    for found, tensor in zip(weights, expected, strict=True):
        torch.testing.assert_close(found, tensor, rtol=0, atol=0)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_each_recovery_halves_the_scheduled_learning_rate_from_the_next_update_on(
    recorded: Recorded, schedule: str
) -> None:
    train_run((STREAM,), stop=never_stop, **PLAN, schedule=schedule)
    undisturbed = recorded.learning_rates.copy()
    recorded.updates.clear()
    recorded.diverging = (5, 7, 8)
    train_run((STREAM,), stop=never_stop, **PLAN, schedule=schedule)
    halvings = np.searchsorted(recorded.diverging, np.arange(1, len(undisturbed) + 1))
    assert halvings[:9].tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 3]
    assert recorded.learning_rates == [rate * 0.5**n for rate, n in zip(undisturbed, halvings, strict=True)]
    if schedule == "constant":
        assert undisturbed == [0.01] * len(undisturbed)


def test_after_a_recovery_training_continues_from_the_last_good_weights_and_the_initial_states(
    recorded: Recorded,
) -> None:
    recorded.diverging = (2, 5, 8)
    train_run((STREAM,), stop=never_stop, **PLAN)
    for diverged, good in ((2, recorded[1].before), (5, recorded[3].after), (8, recorded[6].after)):
        assert_equal(recorded[diverged + 1].before, good)
        assert recorded[diverged + 1].states is None
        assert recorded[diverged].states is not None
    assert_equal(recorded[5].before, recorded[4].after)


def test_a_run_resumed_after_a_recovery_recovers_from_the_same_good_weights_at_a_quarter_of_the_rate(
    recorded: Recorded,
) -> None:
    recorded.diverging = (4, 6)
    train_run((STREAM,), stop=stop_after(4), **PLAN, schedule="constant")  # a recovery is not counted
    assert len(recorded.updates) == 5
    assert (recorded[4].after[0] != recorded[3].after[0]).any()
    saved = load_run(MODEL).state.tensors
    assert_equal([torch.from_numpy(saved[f"sound.{i}"]) for i in range(2)], recorded[3].after)
    assert_equal([torch.from_numpy(saved[f"weights.{i}"]) for i in range(2)], recorded[5].after)
    resume_run((STREAM,))
    assert_equal(recorded[6].before, recorded[5].after)
    assert_equal(recorded[7].before, recorded[3].after)
    assert recorded.learning_rates[3:8] == [0.01, 0.005, 0.005, 0.0025, 0.0025]


def test_weights_that_diverge_are_never_copied_as_good_ones(recorded: Recorded) -> None:
    recorded.diverging = (6, 8)
    train_run((STREAM,), stop=never_stop, **PLAN)
    assert_equal(recorded[7].before, recorded[3].after)
    assert_equal(recorded[9].before, recorded[3].after)
