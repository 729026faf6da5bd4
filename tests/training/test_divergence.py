"""When a loss counts as diverged, and which weights are restored."""

import math

import pytest
import torch

from charseq.text.corpus import Corpus
from charseq.training.divergence import DIVERGED_LOSS, RUNAWAY, UPDATES_BETWEEN_COPIES, Watch
from charseq.training.metrics import Tally
from tests.support.training import learner_of

CPU = torch.device("cpu")
LIMIT = RUNAWAY * math.log(6)


def watch_of(most: int = 2) -> Watch:
    return Watch(learner_of(Corpus(("hihello",))), 5, CPU, most)


def seen(watch: Watch, loss: float, updates: int = 1, positions: int = 10) -> bool:
    return watch.is_sound(torch.tensor(loss), Tally(CPU), positions, updates)


@pytest.mark.parametrize("loss", [math.nan, math.inf, DIVERGED_LOSS])
def test_a_loss_that_no_network_has_is_found_at_the_first_update(loss: float) -> None:
    assert not seen(watch_of(), loss)
    assert not seen(watch_of(0), loss)


def test_a_large_loss_counts_where_it_lasts_and_only_where_it_can_be_recovered_from() -> None:
    watch, never = watch_of(), watch_of(0)
    sound = [seen(watch, 3 * LIMIT, update) for update in range(1, 9)]
    assert sound[0]
    assert not sound[-1]
    assert all(seen(never, 3 * LIMIT, update) for update in range(1, 9))


def test_an_odd_line_in_a_small_batch_is_no_divergence() -> None:
    watch = watch_of()
    assert seen(watch, 1.0, positions=1000)
    assert all(seen(watch, 3 * LIMIT, positions=1) for _ in range(100))


def test_weights_are_set_aside_now_and_then_and_restored_with_their_tally() -> None:
    watch = watch_of()
    assert watch.sound_tally == {"cost": 0.0, "right": 0.0, "places": 0}
    tally = Tally(CPU, cost=12.0, right=5.0, places=6)
    learner = watch._learner
    initial = learner.parameters.copy()
    for flat in learner.parameters.flat:
        flat.add_(1)
    changed = learner.parameters.copy()
    watch.is_sound(torch.tensor(1.0), tally, 10, UPDATES_BETWEEN_COPIES - 1)
    assert all(map(torch.equal, watch.sound, initial))
    watch.is_sound(torch.tensor(1.0), tally, 10, UPDATES_BETWEEN_COPIES)
    assert all(map(torch.equal, watch.sound, changed))
    assert watch.sound_tally == {"cost": 12.0, "right": 5.0, "places": 6}
    for flat in learner.parameters.flat:
        flat.add_(1)
    assert watch.recover()
    assert all(map(torch.equal, learner.parameters.flat, changed))
    assert watch.smoothed == 0


def test_there_are_no_more_recoveries_than_are_allowed() -> None:
    watch = watch_of(2)
    assert [watch.recover() for _ in range(3)] == [True, True, False]
    assert watch.recoveries == 2
