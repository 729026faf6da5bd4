"""Run the trials of a comparison: show their events, react to signals, and name the best run."""

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import typer

from charseq.cli import streams
from charseq.cli.job_messages import Comparison
from charseq.cli.jobs import Jobs, cores, start, threads_of_each
from charseq.cli.signals import Stop, handle_signals
from charseq.cli.torchrun_jobs import work_for_process_0, workers
from charseq.cli.training_run import with_progress_bar
from charseq.comparison import NgramResult, Result, Trial, run
from charseq.errors import ExitCode
from charseq.events import End, Event
from charseq.render.base import Form, renderer_for
from charseq.render.comparison import TrialEvent, comparison_view, conditions
from charseq.render.progress_bar import comparison_position
from charseq.render.quantities import count
from charseq.render.visible import visible
from charseq.runs.folder import new_comparison, new_run
from charseq.runs.model_paths import model_path
from charseq.runs.prepare import plan_run
from charseq.settings.train_settings import TrainSettings
from charseq.system.torchrun import Place
from charseq.text.encoding import count_symbols
from charseq.text.shared import shareable
from charseq.text.sources import TextSource, description


def compare_cells(comparison: Comparison, form: Form, jobs: int, here: Place) -> None:
    """Run all trials, show the results, and name the best run; `here` is the place among those of torchrun.

    Raises typer.Exit if it was stopped or all networks diverged, and what a trial raises.
    """
    from charseq.training.torch_requirement import require_torch

    jobs = min(jobs, len(comparison.trials))
    if (jobs == 1 or here.processes > 1) and any(not trial.is_ngram for trial in comparison.trials):
        require_torch()
    if here.rank:
        raise typer.Exit(work_for_process_0(comparison, here))
    if form != "json":
        _report_conditions(comparison, jobs)
    folder = cache(new_comparison)
    with handle_signals() as stop, closing(_events(comparison, jobs, here, stop, folder)) as events:
        results = _show(events, comparison.trials, form, stop)
    if form != "json":
        _report_best(results, folder)
    if stop():
        raise typer.Exit(stop.exit_code)
    networks = [result for result in results if not result.trial.is_ngram]
    if networks and all(result.status == "diverged" for result in networks):
        raise typer.Exit(ExitCode.FAILED)


def _report_best(results: Sequence[Result], folder: Callable[[], Path]) -> None:
    """Name the best run, and count those that another machine has saved in a folder of its own."""
    models = [Path(result.end.model) for result in results if result.end and result.end.model]
    elsewhere = sum(not model.exists() for model in models)
    if elsewhere:
        streams.report(f"{count(elsewhere, 'model')} of {len(models)} saved on other machines", "yellow")
    if len(models) > elsewhere:
        best = visible(str(model_path(str(folder())).parent))
        which = "best network" if any(result.trial.is_ngram for result in results) else "best"
        which += " of this machine" if elsewhere else ""
        several = any(result.end and result.end.epochs > 1 for result in results)
        curves = "\ncurves: charseq plot" if several else ""
        streams.report(f"{which}: {best}   next: charseq predict{curves}")


def _report_conditions(comparison: Comparison, jobs: int) -> None:
    """Report the conditions that all runs share, and the number of processes."""
    vocabulary = comparison.vocabulary
    symbols = count_symbols(comparison.corpus, vocabulary)
    distinct = len(vocabulary.characters)
    validation = description(TextSource(files=comparison.source.validation_files))
    streams.report(conditions(comparison.trials, symbols, distinct, vocabulary.unit, validation))
    if jobs == 1:
        return
    threads = threads_of_each(jobs)
    each = "" if threads is None else f", each with {count(threads, 'thread')}"
    streams.report(f"jobs: {jobs} processes{each}")
    if jobs > cores():
        streams.report(f"--jobs {jobs} exceeds the {count(cores(), 'core')}: every trial is slower", "yellow")


def _events(
    comparison: Comparison, jobs: int, here: Place, stop: Stop, folder: Callable[[], Path]
) -> Generator[TrialEvent, None, None]:
    """Return the events of all trials, from this process or from several others."""
    if jobs > 1 or here.processes > 1:
        shared = replace(comparison, corpus=shareable(comparison.corpus))
        started = workers(shared, here) if here.processes > 1 else start(shared, jobs)
        return Jobs(shared, stop, folder).run(started)
    corpus, vocabulary, source = comparison.corpus, comparison.vocabulary, comparison.source

    def trained(settings: TrainSettings) -> Iterator[Event]:
        from charseq.training.loop import train

        stop.training_started = True  # counting n-grams before has nothing to save
        open_folder = lambda: new_run(settings.cell, comparison=folder())  # noqa: E731 (named for what it opens)
        plan = plan_run(corpus, vocabulary, settings, open_folder=open_folder, source=source)
        return train(plan, stop=stop)

    def counted(settings: TrainSettings) -> NgramResult:
        from charseq.training.ngram import measure

        return measure(corpus, vocabulary, settings)

    return run(comparison.trials, trained, counted, stop)


def _show(events: Iterator[TrialEvent], planned: Sequence[Trial], form: Form, stop: Stop) -> list[Result]:
    """Show every event, and return the results of the runs that ended, in the order of the trials."""
    results: list[Result] = []
    view = renderer_for(form, comparison_view(planned), sys.stdout)
    networks = sum(not trial.is_ngram for trial in planned)
    with with_progress_bar(view, comparison_position(networks)) as renderer:
        stop.screen = renderer.screen
        for result, event in events:
            if isinstance(event, End):
                results.append(result)
            with streams.stop_on_broken_pipe(stop):
                renderer.show((result, event))
    return sorted(results, key=lambda result: planned.index(result.trial))
