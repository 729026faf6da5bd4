"""How much time a run has left for training and for evaluations."""

from charseq.settings.train_settings import TrainSettings
from charseq.system.suspension import running_time
from charseq.training.time_budget import EVALUATION_COST, EVALUATION_SHARE, TimeBudget


def budget_of(limit: float) -> TimeBudget:
    settings = TrainSettings(time_limit=limit)
    return TimeBudget(settings, 100, began=running_time(), sampling=0.0, saving=0.0)


def test_an_evaluation_reads_as_many_positions_as_fit_into_its_share_of_the_time() -> None:
    budget = budget_of(100.0)
    budget.add_update(1000, 1.0)
    assert budget.affordable(10**9) == int(EVALUATION_SHARE * 100 / (EVALUATION_COST / 1000))
    assert budget.affordable(7) == 7


def test_an_update_that_took_no_measurable_time_is_no_error() -> None:
    budget = budget_of(1.0)
    budget.add_update(1000, 0.0)
    assert budget.affordable(50) == 50


def test_a_new_run_has_time_and_one_past_its_limit_has_none() -> None:
    assert not budget_of(100.0).is_used_up
    settings = TrainSettings(time_limit=1.0)
    late = TimeBudget(settings, 100, began=running_time() - 2, sampling=0.0, saving=0.0)
    assert late.is_used_up
    assert late.fraction_done(1) == 1.0
