"""Which weights are the best of a run, and when they are saved."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charseq.events import Epoch
from charseq.model.model_file import read
from charseq.runs.folder import new_run
from charseq.settings.defaults import choose_settings
from charseq.text.corpus import Corpus
from charseq.text.vocabulary import Vocabulary
from charseq.training.best_model import SAVING_SHARE, BestModel, Measurement
from charseq.training.evaluation import Evaluation
from tests.support.training import epochs, events_of, learner_of

CORPUS = Corpus(("hihello " * 30,))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A settable time.monotonic(); the first item is the time."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def best_of(*, by_validation: bool, save_every: float = 30.0) -> BestModel:
    vocabulary = Vocabulary.of(CORPUS.sequences)
    settings = choose_settings(
        CORPUS, len(vocabulary), {"hidden_size": 8, "sequence_length": 8, "cell": "gru"}
    )
    learner = learner_of(CORPUS, sequence_length=8, cell="gru")
    return BestModel(CORPUS, vocabulary, settings, learner, "h", save_every, by_validation=by_validation)


def evaluation(*costs: float) -> Evaluation:
    return Evaluation(np.array(costs), np.ones(len(costs), np.int64), np.full(len(costs), 10))


def test_the_initial_weights_are_the_best_of_a_validation_until_they_are_beaten() -> None:
    best = best_of(by_validation=True)
    best.start_from(evaluation(12.0, 14.0))
    assert best.measurement == Measurement(
        validation_loss=1.3, selection_loss=1.3, network_validation_loss=1.3
    )
    best.start_from(evaluation(1.0))
    assert best.measurement.validation_loss == 0.1


def test_initial_weights_are_no_measure_where_the_validation_does_not_choose() -> None:
    best = best_of(by_validation=False)
    best.start_from(evaluation(12.0))
    assert best.measurement == Measurement()


def test_a_measured_epoch_is_not_replaced_by_the_initial_weights() -> None:
    best = best_of(by_validation=True)
    (event,) = epochs(events_of("hihello " * 30, epochs=1, sequence_length=8, hidden_size=8))
    best.update(measured(event, 1.5))
    best.start_from(evaluation(1.0))
    assert best.measurement.validation_loss == 1.5


def measured(event: Epoch, loss: float, number: int = 1) -> Epoch:
    fields: dict[str, Any] = {**vars(event), "validation_loss": loss, "selection_loss": loss, "epoch": number}
    return Epoch(**fields)


def test_a_save_is_due_after_a_pause_that_starts_again_with_every_save(clock: list[float]) -> None:
    best = best_of(by_validation=False)
    run = new_run("gru", Path("out"))
    assert due_after(best, clock, 0, 29, 1) == [False, False, True]
    best.save(run, None)
    assert best.saved
    assert best.save_seconds == 0
    assert read(run.model).network.cell_name == "gru"
    assert due_after(best, clock, 0, 29, 1) == [False, False, True]
    best.postpone()
    assert due_after(best, clock, 0, 29, 1) == [False, False, True]


def due_after(best: BestModel, clock: list[float], *pauses: float) -> list[bool]:
    """Whether a save is due after each of some more seconds."""
    due = []
    for pause in pauses:
        clock[0] += pause
        due.append(best.save_is_due)
    return due


def test_saving_uses_at_most_a_fiftieth_of_the_time(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = best_of(by_validation=False, save_every=0.0)
    assert best.save_seconds > 0
    run = new_run("gru", Path("out"))

    def slow(*_: object) -> None:
        clock[0] += 2

    monkeypatch.setattr("charseq.training.best_model.write", slow)
    best.save(run, None)
    assert best.save_seconds == 2
    assert due_after(best, clock, 2 / SAVING_SHARE - 1, 1) == [False, True]


def test_a_worse_epoch_leaves_the_best_as_it_is_but_measured() -> None:
    best = best_of(by_validation=True)
    best.start_from(evaluation(1.0))
    (event,) = epochs(events_of("hihello " * 30, epochs=1, sequence_length=8, hidden_size=8))
    best.update(measured(event, 1.5))
    losses: dict[str, Any] = {"validation_loss": 0.1, "selection_loss": 0.1, "network_validation_loss": 0.1}
    assert best.measurement == Measurement(**losses, measured=True)


def test_the_best_epoch_of_a_memorized_text_has_the_highest_accuracy_and_then_the_lowest_loss() -> None:
    corpus = Corpus(("hihello",))
    vocabulary = Vocabulary.of(corpus.sequences)
    settings = choose_settings(corpus, len(vocabulary), {"hidden_size": 8, "cell": "gru"})
    learner = learner_of(corpus, cell="gru")
    best = BestModel(corpus, vocabulary, settings, learner, "h", 30.0, by_validation=False)
    (event,) = epochs(events_of("hihello", epochs=1, hidden_size=8))
    ranked = []
    for accuracy, loss in ((0.0, 1.0), (0.5, 2.0), (0.5, 1.9), (0.4, 0.1), (0.5, 1.9)):
        best.update(Epoch(**{**vars(event), "accuracy": accuracy, "loss": loss}))
        ranked.append((best.measurement.accuracy, best.measurement.loss))
    assert ranked == [(0.0, 1.0), (0.5, 2.0), (0.5, 1.9), (0.5, 1.9), (0.5, 1.9)]
