"""When a loss counts as diverged, and which weights are restored."""

import math

import pytest
import torch

from charseq.text.corpus import Corpus
from charseq.training.divergence import (
    DIVERGED_LOSS,
    DIVERGENCE_FACTOR,
    UPDATES_BETWEEN_COPIES,
    DivergenceGuard,
)
from charseq.training.metrics import RunningMetrics
from tests.support.training import learner_of

CPU = torch.device("cpu")
LIMIT = DIVERGENCE_FACTOR * math.log(6)


def guard_of(max_recoveries: int = 2) -> DivergenceGuard:
    return DivergenceGuard(learner_of(Corpus(("hihello",))), 5, CPU, max_recoveries)


def accepted(guard: DivergenceGuard, loss: float, updates: int = 1, positions: int = 10) -> bool:
    return guard.accepts(torch.tensor(loss), RunningMetrics(CPU), positions, updates)


@pytest.mark.parametrize("loss", [math.nan, math.inf, DIVERGED_LOSS])
def test_a_nan_infinite_or_absurd_loss_is_refused_at_the_first_update(loss: float) -> None:
    assert not accepted(guard_of(), loss)
    assert not accepted(guard_of(0), loss)


def test_a_large_loss_counts_as_divergence_only_if_it_lasts_and_a_recovery_is_left() -> None:
    guard, never = guard_of(), guard_of(0)
    sound = [accepted(guard, 3 * LIMIT, update) for update in range(1, 9)]
    assert sound[0]
    assert not sound[-1]
    assert all(accepted(never, 3 * LIMIT, update) for update in range(1, 9))


def test_an_unusual_line_in_a_small_batch_is_not_a_divergence() -> None:
    guard = guard_of()
    assert accepted(guard, 1.0, positions=1000)
    assert all(accepted(guard, 3 * LIMIT, positions=1) for _ in range(100))


def test_weights_are_copied_from_time_to_time_and_restored_with_their_metrics() -> None:
    guard = guard_of()
    assert guard.good_metrics == {"loss": 0.0, "correct": 0.0, "positions": 0}
    metrics = RunningMetrics(CPU, loss=12.0, correct=5.0, positions=6)
    learner = guard._learner
    initial = learner.parameters.copy()
    for flat in learner.parameters.flat:
        flat.add_(1)
    changed = learner.parameters.copy()
    guard.accepts(torch.tensor(1.0), metrics, 10, UPDATES_BETWEEN_COPIES - 1)
    assert all(map(torch.equal, guard.good_weights, initial))
    guard.accepts(torch.tensor(1.0), metrics, 10, UPDATES_BETWEEN_COPIES)
    assert all(map(torch.equal, guard.good_weights, changed))
    assert guard.good_metrics == {"loss": 12.0, "correct": 5.0, "positions": 6}
    for flat in learner.parameters.flat:
        flat.add_(1)
    assert guard.recover()
    assert all(map(torch.equal, learner.parameters.flat, changed))
    assert guard.smoothed_loss == 0


def test_recoveries_are_limited() -> None:
    guard = guard_of(2)
    assert [guard.recover() for _ in range(3)] == [True, True, False]
    assert guard.recoveries == 2
