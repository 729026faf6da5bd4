"""charseq replay: show a run's table again, from its log.  Never imports torch."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import completions
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled, seconds_or_zero
from charseq.cli.options.shared import (
    DebugOption,
    FormatOption,
    JSONOption,
    QuietOption,
    chosen_format,
    option,
)

if TYPE_CHECKING:
    from charseq.render.base import Form
    from charseq.runs.log import Log

EXAMPLES = [
    "charseq replay",
    "charseq replay 1 --delay 0.1s",
    "charseq replay --format plain | tail -n 3",
    "charseq replay --json",
]
DELAY = 0.5
"""The default seconds for each epoch on a terminal."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "replay", replay, EXAMPLES)


def replay(
    run: Annotated[
        str | None,
        typer.Argument(
            parser=filled,
            metavar="[RUN]",
            envvar="CHARSEQ_MODEL",
            show_envvar=False,
            help="A run's folder, its name in runs/, or its number.",
            show_default="the newest run",
            autocompletion=completions.logged_runs,
        ),
    ] = None,
    delay: Annotated[
        float | None,
        option(
            "--delay",
            parser=seconds_or_zero,
            metavar="TIME",
            default="0.5s on a terminal, otherwise 0",
            help="Pause after each epoch, such as 0.2s.",
        ),
    ] = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Replay a run's training table, epoch by epoch, from its log.

    On a terminal, keys move it: space pauses and continues, the right and left arrows show the next and the
    previous epoch, + speeds up, - slows down, and q quits. It ends after the last epoch, unless it is paused.
    """
    from charseq.runs.log import Log
    from charseq.runs.log_paths import logged_run

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    log = Log(logged_run(run))
    if form == "json":
        _print_records(log, delay or 0.0)
    elif form == "table" and sys.stdout.isatty():
        from charseq.cli.replay_terminal import play

        play(log, DELAY if delay is None else delay)
    else:
        _print_epochs(log, form, delay or 0.0)


def _print_records(log: "Log", delay: float) -> None:
    """Print the records of a log, with a delay before each epoch but the first."""
    from charseq.cli.replay_messages import report_damage, require_events
    from charseq.events import Epoch
    from charseq.runs.log_lines import json_line

    epochs = records = 0
    for entry in log:
        if not entry.record:
            continue
        try:
            line = json_line(entry.record)
        except ValueError:  # a number that is too large for JSON
            log.damaged += 1
            continue
        if isinstance(entry.event, Epoch):
            _wait(delay if epochs else 0.0)
            epochs += 1
        sys.stdout.write(line + "\n")
        records += 1
    sys.stdout.flush()
    require_events(log, records)
    report_damage(log)


def _print_epochs(log: "Log", form: "Form", delay: float) -> None:
    """Print the epochs of a log as `train` does, with a delay before each but the first."""
    from charseq.cli.replay_messages import report_end, report_start, require_events
    from charseq.events import End, Epoch, Start
    from charseq.render.base import renderer_for
    from charseq.render.training import training_view

    end, epochs = None, 0
    with renderer_for(form, training_view(), sys.stdout) as renderer:
        for entry in log:
            if isinstance(entry.event, Start):
                report_start(log, entry.event)
            elif isinstance(entry.event, Epoch):
                _wait(delay if epochs else 0.0)
                epochs += 1
            end = entry.event if isinstance(entry.event, End) else end
            if entry.event is not None:
                renderer.show(entry.event)
    require_events(log, epochs + (end is not None) + log.is_started)
    report_end(log, end, epochs)


def _wait(seconds: float) -> None:
    if seconds:
        sys.stdout.flush()
        time.sleep(seconds)
