"""Follow a training run to its end: show its events, heed signals, and end with the status it has earned."""

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from charseq.cli import streams
from charseq.cli.options.shared import Form
from charseq.cli.signals import Stop
from charseq.errors import ExitStatus, RequirementNotMet
from charseq.events import End, Event, Start
from charseq.render.training import JSONLines, PlainLines, Renderer, outcome, summary, warnings
from charseq.render.visible import visible
from charseq.runs.folder import Run
from charseq.runs.resume import Resumption
from charseq.settings.train_settings import TrainSettings
from charseq.text.corpus import AnyCorpus
from charseq.text.sources import STANDARD_INPUT, Given
from charseq.text.vocabulary import Vocabulary

OUTCOME_STYLES = {"completed": "green", "interrupted": "yellow", "diverged": "bold red"}


class Training(NamedTuple):
    """What is to be trained, and where."""

    corpus: AnyCorpus
    vocabulary: Vocabulary
    settings: TrainSettings
    open_run: Callable[[], Run]
    given: Given
    resumed: Resumption | None
    save_every: float
    began: float
    """When reading the text began, on the clock of `running_time`."""


def follow(training: Training, form: Form, require_accuracy: float | None, stop: Stop) -> None:
    """Train, and show every event as `form` has it.

    Raises typer.Exit where the run did not complete, RequirementNotMet below the required accuracy.
    """
    from charseq.training import torch_requirement

    torch_requirement.require_torch()
    from charseq.training.loop import train

    live = form == "table" and sys.stdout.isatty()
    corpus, vocabulary, settings, open_run, given, resumed, save_every, began = training
    events = train(
        corpus,
        vocabulary,
        settings,
        open_run,
        given=given,
        resumed=resumed,
        stop=stop,
        live=live,
        save_every=save_every,
        began=began + min(torch_requirement.loading_seconds, torch_requirement.UNCOUNTED_SECONDS),
    )
    last = _show(events, form, stop)
    if isinstance(last, End):
        if form != "json":
            streams.report(outcome(last), OUTCOME_STYLES[last.status])
        if last.status == "interrupted" and last.model is not None:
            streams.report(_resuming(last.model, given), in_one_line=True)
        _finish(last, stop, require_accuracy)


def _resuming(model: str, given: Given) -> str:
    """The command that goes on with a run."""
    again = [] if STANDARD_INPUT not in given.files else ["--file", STANDARD_INPUT]
    return visible(shlex.join(["charseq", "train", *again, "--resume", str(Path(model).parent)]))


def _show(events: Iterator[Event], form: Form, stop: Stop) -> Event | None:
    """Show every event, and return the last; where nobody reads on, the run is stopped and saved."""
    event = None
    with _renderer(form) as renderer:
        stop.screen = renderer.screen
        for event in events:
            stop.begun = True
            if isinstance(event, Start) and form != "json":
                streams.report(summary(event))
                for warning in warnings(event):
                    streams.report(warning, "yellow")
            with streams.stop_on_broken_pipe(stop):
                renderer.show(event)
    return event


def _renderer(form: Form) -> Renderer:
    if form == "table":
        from rich.console import Console

        from charseq.render.training_table import TrainingTable

        return TrainingTable(Console())
    return JSONLines(sys.stdout) if form == "json" else PlainLines(sys.stdout)


def _finish(end: End, stop: Stop, require_accuracy: float | None) -> None:
    """End with the status that the run has earned."""
    if end.status == "diverged":
        raise typer.Exit(ExitStatus.FAILED)
    if end.status == "interrupted":
        raise typer.Exit(stop.status)
    if require_accuracy is not None and (end.accuracy or 0.0) < require_accuracy:
        highest = end.highest_accuracy
        impossible = highest is not None and highest < require_accuracy
        raise RequirementNotMet(
            f"accuracy {end.accuracy or 0.0:.4f} is below the required {require_accuracy:g}",
            hint=f"this text allows at most {highest:.4f}: change it, or lower --require-accuracy"
            if impossible
            else "train longer (--epochs), or with a larger --hidden-size",
        )
