"""Several cells under the same conditions."""

from dataclasses import asdict
from typing import Any

import pytest

from charseq.comparison import NgramResult, Result, Spread, Trial, run, spreads, trials
from charseq.errors import UsageError
from charseq.events import End, EndStatus
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import Corpus

SHORT = Corpus(("hihello",))


def planned(*cells: str, seeds: int = 1, match: Any = "hidden", **given: Any) -> list[Trial]:
    return trials(SHORT, 5, given, cells=cells, seeds=seeds, match=match)


def test_all_cells_have_equal_settings() -> None:
    first, *others = (asdict(trial.settings) for trial in planned("rnn", "lstm", "mingru", "mlstm"))
    for other in others:
        assert {name for name in first if first[name] != other[name]} == {"cell"}


def test_no_training_ends_before_the_others() -> None:
    for trial in planned("rnn", "gru"):
        assert not trial.settings.until_learned
        assert trial.settings.patience == 0


def test_every_cell_is_trained_with_every_seed() -> None:
    order = [(t.settings.seed, t.settings.cell) for t in planned("rnn", "gru", seeds=2, seed=7)]
    assert order == [(7, "rnn"), (7, "gru"), (8, "rnn"), (8, "gru")]


@pytest.mark.parametrize("plan", [{}, {"layers": 2}, {"tie_weights": True}, {"embedding_size": 4}])
def test_matched_parameters_are_the_nearest_of_any_hidden_size(plan: dict[str, Any]) -> None:
    lstm, *others = planned(
        "lstm", "rnn", "gru", "mingru", "none", match="parameters", hidden_size=40, **plan
    )
    assert lstm.settings.hidden_size == 40
    for trial in others:
        size = trial.settings.hidden_size
        for neighbour in (size - 1, size + 1):
            tied = {"embedding_size": neighbour} if plan.get("tie_weights") else {}
            given = {**plan, "cell": trial.settings.cell, "hidden_size": neighbour, **tied}
            beside = planned(trial.settings.cell, **{n: v for n, v in given.items() if n != "cell"})[0]
            off = abs(trial.parameters - lstm.parameters)
            assert off <= abs(beside.parameters - lstm.parameters)


def test_parameters_cannot_be_matched_without_a_head() -> None:
    with pytest.raises(UsageError, match="--match parameters with --head none"):
        planned("rnn", "lstm", match="parameters", head="none")


def test_a_misspelled_cell_is_an_error_before_training() -> None:
    with pytest.raises(UsageError, match="'ltsm'"):
        planned("rnn", "ltsm")


def ended(loss: float | None, first_correct: int | None = None, status: EndStatus = "completed") -> Result:
    result = Result(Trial(TrainSettings(), 1), first_correct_epoch=first_correct)
    result.end = End(status, "m", 1, 1, loss, 0.5, None, 2.0)
    return result


def test_incomplete_trials_are_not_averaged() -> None:
    found = spreads([ended(1.0), ended(9.0, status="interrupted"), ended(8.0, status="diverged")])
    assert found["loss"] == Spread(1.0, 1.0, 1.0, 1)


def test_a_spread_has_the_mean_minimum_and_maximum_over_the_seeds_with_a_value() -> None:
    found = spreads([ended(1.0, 5), ended(6.0), ended(2.0, 7)])
    assert found["loss"] == Spread(3.0, 1.0, 6.0, 3)
    assert found["first_right_epoch"] == Spread(6.0, 5, 7, 2)
    assert found["validation_loss"] is None


def test_the_n_gram_model_is_counted_with_every_seed_before_the_cells() -> None:
    corpus = Corpus(("hihello" * 200,))
    planned = trials(corpus, 5, {}, cells=["rnn", "ngram"], seeds=2, match="hidden")
    assert [(t.settings.seed, t.settings.cell) for t in planned] == [
        (0, "ngram"), (0, "rnn"), (1, "ngram"), (1, "rnn"),
    ]  # fmt: skip
    assert [trial.settings.ngram for trial in planned] == [None, 0, None, 0]


def test_after_a_request_to_stop_no_training_follows_an_n_gram_model() -> None:
    planned = [Trial(TrainSettings(cell=cell), 0) for cell in ("ngram", "rnn")]
    counted = NgramResult(2, 5, 1.5, 0.1)
    events = run(planned, lambda settings: iter(()), lambda settings: counted, lambda: True)
    (result, end), *others = events
    assert not others
    assert (result.end, result.parameters, result.completed) == (end, 5, True)
