"""The training loop: a generator of events that writes the model and the log, and never prints."""

import math
from collections.abc import Callable, Generator
from typing import TypeVar

from charseq.events import EndStatus, Epoch, Event, Report, record
from charseq.runs.folder import Run
from charseq.runs.prepare import RunPlan
from charseq.runs.resume import text_record
from charseq.system.suspension import running_time
from charseq.training.builder import TrainingRun, build
from charseq.training.checkpoint import captured
from charseq.training.divergence import has_diverged
from charseq.training.fit import points
from charseq.training.mixture import validation_losses
from charseq.training.processes import ALONE, Processes
from charseq.training.reports import end_event, epoch_event, progress_event, start_event
from charseq.training.schedule import scheduled

SECONDS_BETWEEN_PROGRESS = 0.1
"""Shortest time between two progress events."""
SECONDS_BETWEEN_SAVES = 60.0
"""Default time between two saves of a run."""
POSITIONS_BETWEEN_REPORTS = 1 << 20
"""Training positions between two reports within an epoch: eight times what a validation reads."""
UPDATES_TO_ESTIMATE = 3
"""Updates after which their speed settles how much validation text a run with a time limit evaluates."""
CLEARLY_BETTER = 0.9
"""A run replaces an earlier model before its end if its loss is below this times its initial loss."""

AnyEvent = TypeVar("AnyEvent", bound=Event)


def train(
    plan: RunPlan,
    *,
    stop: Callable[[], bool] = lambda: False,
    live: bool = False,
    save_every: float = SECONDS_BETWEEN_SAVES,
    processes: Processes = ALONE,
) -> Generator[Event, None, None]:
    """Train as planned, and yield every event; the model and the log are written on the way.

    `stop` is called after every update; once it returns True, the run ends as interrupted, its model saved.
    Closing the generator does the same.  With `live`, progress events carry generated text.  The model is
    saved every `save_every` seconds, less often where that would take more than 2 % of the time.
    Where other `processes` train with this one, they follow its orders.
    Raises UsageError for a device that is not available, TextError for a text that differs from that of the
    resumed run, CharseqError where the run cannot be written.
    """
    run = build(plan, live=live, save_every=save_every, processes=processes)
    settings, data, state, budget = plan.settings, run.data, run.state, run.budget
    learner, guard, best = state.learner, state.guard, state.best
    folder = plan.open_folder()
    run.curve += points(folder.earlier_records())
    status: EndStatus | None = None
    ended = False
    next_progress = running_time() + SECONDS_BETWEEN_PROGRESS
    try:
        yield _logged(folder, start_event(run, folder))
        if plan.resumed and run.reason_to_stop():
            status = "completed"

        while status is None:  # one epoch, or what is left of it
            for batch in data.windows.batches(state.epochs, state.batches):
                if _report_is_due(run):
                    report = _evaluate(run, Report)
                    if report is not None:
                        yield _logged(folder, report)
                        state.reset_metrics()
                    elif guard.recover():
                        state.forget()
                    else:
                        status = "diverged"
                        break

                started = running_time()
                state.learning_rate = _learning_rate(run)
                loss, correct, state.carried = learner.update(batch, state.carried, state.learning_rate)
                state.add_update(batch, loss, correct)
                if not guard.accepts(loss, state.metrics, batch.positions, state.updates):
                    if not guard.recover():
                        status = "diverged"
                        break
                    state.forget()
                    continue

                if state.updates == 1:
                    state.initial_loss = float(loss)
                budget.add_update(batch.positions, running_time() - started)
                _limit_evaluation(run, final=state.updates >= UPDATES_TO_ESTIMATE)
                if stop() or budget.is_used_up:
                    break
                if best.save_is_due and learner.is_synchronized:
                    _save(run, folder)
                if not settings.whole and running_time() > next_progress:
                    next_progress = running_time() + SECONDS_BETWEEN_PROGRESS
                    yield progress_event(run)

            epoch_is_complete = state.batches == len(data.windows)
            if status is None and stop() and not (epoch_is_complete and settings.whole):
                status = "interrupted"
            if status is not None:
                break
            epoch = _evaluate(run, Epoch)
            if epoch is None:  # the last updates diverged: continue from good weights, while there is time
                if not guard.recover() or budget.is_used_up:
                    status = "diverged"
                    break
                state.restart_epoch()
                continue
            if epoch_is_complete:
                state.finish_epoch(correct=epoch.accuracy == run.highest_accuracy)
            yield _logged(folder, epoch)
            if stop():
                status = "interrupted"
            elif not epoch_is_complete or run.reason_to_stop():
                status = "completed"

        if status == "diverged" and not best.measurement.epoch:  # save the last good weights, evaluated
            guard.restore_weights()
            state.forget()
            if (epoch := _evaluate(run, Epoch)) is not None:
                yield _logged(folder, epoch)
        _save(run, folder, status)
        ended = True
        yield _logged(folder, end_event(run, folder, status))
    except GeneratorExit:  # the reader of the events has stopped
        if not ended:
            _save(run, folder, "interrupted")
            _logged(folder, end_event(run, folder, "interrupted"))
        raise
    finally:
        folder.close()


def _logged(folder: Run, event: AnyEvent) -> AnyEvent:
    """Write an event to the log, without what differs between two equal runs, and return it."""
    folder.log(record(event, timed=False))
    if isinstance(event, Epoch):
        folder.log_time(event.passes, event.seconds)
    return event


def _report_is_due(run: TrainingRun) -> bool:
    """Return whether enough was read since the last report, and enough is left of the epoch."""
    left = run.data.windows.positions - run.state.positions
    due = run.state.metrics.positions >= POSITIONS_BETWEEN_REPORTS
    return due and 2 * left >= POSITIONS_BETWEEN_REPORTS


def _learning_rate(run: TrainingRun) -> float:
    """Return the rate of the next update: scheduled, and halved once for each recovery."""
    settings = run.plan.settings
    rate = settings.learning_rate / 2**run.state.guard.recoveries
    return scheduled(rate, settings.schedule, run.fraction_done, settings.warm_up)


def _evaluate(run: TrainingRun, kind: type[Epoch]) -> Epoch | None:
    """Evaluate the current network, and keep its weights if they are the best; None if it has diverged."""
    state = run.state
    if not state.metrics.positions:  # a recovery has just restored good weights
        state.reset_metrics(state.guard.good_metrics)
        if not state.metrics.positions:
            return None
    _limit_evaluation(run, final=True)
    state.learner.synchronize()
    with state.learner.averaged_weights():
        event = epoch_event(run, kind)
        if has_diverged(event.loss) or not state.learner.is_finite:
            return None
        state.measured_passes = event.passes
        run.curve += points([event])
        state.best.update(event)
    return event


def _limit_evaluation(run: TrainingRun, *, final: bool) -> None:
    """Estimate from the speed so far how much validation text an evaluation can read; `final` settles it."""
    validation, state = run.data.validation, run.state
    if validation is None or state.evaluated_positions:
        return
    affordable = run.budget.affordable(validation.positions)
    if final:
        validation.limit(affordable)
        state.evaluated_positions = affordable
        if run.log_frequencies is not None:
            state.best.start_from((run.evaluator or validation).by_frequencies(run.log_frequencies))
        elif initial := state.best.initial_weights:
            with state.learner.using(initial):
                evaluated = (run.evaluator or validation).evaluate(state.learner)
            state.best.start_from(evaluated)
            state.parent_loss = validation_losses(evaluated)["validation_loss"]


def _save(run: TrainingRun, folder: Run, status: EndStatus | None = None) -> None:
    """Write the model, and the state to resume from unless the run has diverged.

    A model of an earlier run in the same folder is replaced when this run is complete, or when its loss is
    clearly below that of its initial weights; a diverged run never replaces it.  Elapsed seconds are saved
    only where they matter, so that the same command writes the same file.
    """
    plan, state = run.plan, run.state
    state.learner.synchronize()
    best = state.best.measurement
    current = state.metrics.loss if state.metrics.positions else math.inf
    loss = best.loss if best.measured else current
    better = loss is not None and loss < CLEARLY_BETTER * state.initial_loss
    if folder.replaces and (status == "diverged" or not (better or status == "completed")):
        state.best.postpone()
        return
    saved = None
    if status != "diverged":
        seconds = {}
        if status != "completed" or plan.settings.time_limit:
            seconds["seconds"] = run.budget.seconds
        saved = captured(
            state,
            text=text_record(plan.source, run.data.digests),
            logged=folder.lines,
            finished=status == "completed",
            precision=run.precision,
            **seconds,
        )
    state.best.save(folder, saved, diverged=status == "diverged")
    run.budget.saving = state.best.save_seconds
