"""What a training state carries from batch to batch and from epoch to epoch."""

from typing import Any

from charseq.text.corpus import Corpus
from charseq.training.state import TrainingState
from tests.support.training import state_of


def state_in_an_epoch(**counters: Any) -> TrainingState:
    state = state_of(Corpus(("hihello",)), **counters)
    state.reset_metrics({"loss": 3.0, "correct": 0.0, "positions": 2})
    state.carried = ()
    return state


def test_a_report_resets_the_metrics_and_keeps_the_carried_states() -> None:
    state = state_in_an_epoch(epochs=1, batches=4, positions=40)
    state.reset_metrics()
    assert state.carried == ()
    assert state.metrics.positions == 0
    assert (state.epochs, state.batches, state.positions) == (1, 4, 40)


def test_an_epoch_begins_from_the_initial_states() -> None:
    state = state_in_an_epoch(epochs=1, batches=4, positions=40, correct_epochs=2)
    state.finish_epoch(correct=True)
    assert state.carried is None
    assert state.metrics.positions == 0
    assert (state.epochs, state.batches, state.positions, state.correct_epochs) == (2, 0, 0, 3)
    state.finish_epoch(correct=False)
    assert (state.epochs, state.correct_epochs) == (3, 0)


def test_a_new_state_has_read_and_measured_nothing() -> None:
    state = state_of(Corpus(("hihello",)))
    assert (state.epochs, state.batches, state.positions, state.updates) == (0, 0, 0, 0)
    assert (state.measured_passes, state.correct_epochs) == (0.0, 0)


def test_epochs_with_an_error_between_them_are_not_counted_together_as_correct() -> None:
    state = state_of(Corpus(("hihello",)))
    counted = []
    for correct in (True, True, False, True):
        state.finish_epoch(correct=correct)
        counted.append(state.correct_epochs)
    assert counted == [1, 2, 0, 1]
