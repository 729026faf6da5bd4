"""Train to the end: show its events, react to signals, and exit with the right code."""

import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import typer

from charseq.cli import streams
from charseq.cli.signals import Stop
from charseq.errors import ExitCode, RequirementNotMet
from charseq.events import End, Epoch, Event, Start
from charseq.render.base import Form, NoOutput, Renderer, View, renderer_for
from charseq.render.progress_bar import Position, WithProgressBar, training_position
from charseq.render.tensorboard import WithTensorBoard, prepare_folder
from charseq.render.training_outcome import OUTCOME_STYLES, outcome
from charseq.render.training_summary import summary, warnings
from charseq.render.visible import visible
from charseq.runs.log import Log
from charseq.runs.prepare import RunPlan
from charseq.text.sources import STANDARD_INPUT, TextSource

if TYPE_CHECKING:
    from charseq.training.processes import Processes

T = TypeVar("T")


class Output(NamedTuple):
    """Where the events of a run go."""

    form: Form
    view: View[Event] | None = None
    """The renderers of standard output, which receives nothing without them."""
    tensorboard: Path | None = None
    """The folder of event files for TensorBoard, if they are written."""

    def checked(self) -> "Output":
        """Return the same after checking that the event files can be written.  Raises CharseqError."""
        if self.tensorboard is not None:
            prepare_folder(self.tensorboard)
        return self

    def renderer(self) -> Renderer[Event]:
        """Return the renderer of standard output."""
        return renderer_for(self.form, self.view, sys.stdout) if self.view else NoOutput[Event]()


def follow(
    plan: RunPlan,
    output: Output,
    require_accuracy: float | None,
    stop: Stop,
    *,
    save_every: float,
    processes: "Processes",
) -> None:
    """Train as planned, and show every event.

    Raises typer.Exit where the run did not complete, RequirementNotMet below the required accuracy.
    """
    from charseq.training.torch_requirement import require_torch

    require_torch()
    from charseq.training.loop import train

    form = output.form
    live = form == "table" and sys.stdout.isatty() and output.view is not None
    renderer = with_progress_bar(output.renderer(), training_position)
    events = None if output.tensorboard is None else WithTensorBoard(renderer, output.tensorboard)
    training = train(plan, stop=stop, live=live, save_every=save_every, processes=processes)
    last, measurements = _show(training, form, events or renderer, stop)
    if events and events.error:
        streams.report(f"{events.error.message}\n  {events.error.hint}", "yellow", error=True)
    if isinstance(last, End):
        if form != "json":
            error = last.status == "diverged"
            several = max(measurements, last.epochs) > 1
            streams.report(outcome(last, has_curves=several), OUTCOME_STYLES[last.status], error=error)
        if last.status == "interrupted" and last.model is not None and plan.source is not None:
            streams.report("interrupted; to resume:" if form == "json" else "to resume:")
            streams.report(_resuming(last.model, plan.source), in_one_line=True)
        _finish(last, stop, require_accuracy)


def _resuming(model: str, given: TextSource) -> str:
    """Return the command that resumes a run."""
    again = [] if STANDARD_INPUT not in given.files else ["--file", STANDARD_INPUT]
    return visible(shlex.join(["charseq", "train", *again, "--resume", str(Path(model).parent)]))


def with_progress_bar(renderer: Renderer[T], position: Callable[[T], Position | None]) -> Renderer[T]:
    """Return a renderer that also shows a bar on standard error, if only that is a terminal."""
    if sys.stdout.isatty() or not sys.stderr.isatty() or streams.is_quiet():
        return renderer
    return WithProgressBar(renderer, sys.stderr, position)


def _show(
    events: Iterator[Event], form: Form, renderer: Renderer[Event], stop: Stop
) -> tuple[Event | None, int]:
    """Show every event; return the last one and the number of measurements.

    A closed pipe stops and saves the run.
    """
    event, measurements = None, 0
    with renderer:
        stop.screen = renderer.screen
        for event in events:
            stop.training_started = True
            measurements += isinstance(event, Epoch)
            if isinstance(event, Start) and form != "json":
                for number, message in enumerate([summary(event), *warnings(event)]):
                    streams.report(message, "yellow" if number else "")
                    if not streams.is_quiet():
                        renderer.note_message(message)
            with streams.stop_on_broken_pipe(stop):
                renderer.show(event)
                if isinstance(event, Start) and event.resumed and form == "table":
                    for entry in Log(Path(event.run)):
                        if entry.event is not None:
                            renderer.add_earlier(entry.event)
    return event, measurements


def _finish(end: End, stop: Stop, require_accuracy: float | None) -> None:
    """Raise what gives the exit code of the run."""
    if end.status == "diverged":
        raise typer.Exit(ExitCode.FAILED)
    if end.status == "interrupted":
        raise typer.Exit(stop.exit_code)
    if require_accuracy is not None and (end.accuracy or 0.0) < require_accuracy:
        highest = end.highest_accuracy
        impossible = highest is not None and highest < require_accuracy
        raise RequirementNotMet(
            f"accuracy {end.accuracy or 0.0:.4f} is below the required {require_accuracy:g}",
            hint=f"this text allows at most {highest:.4f}: change it, or lower --require-accuracy"
            if impossible
            else "train longer (--epochs), or with a larger --hidden-size",
        )
