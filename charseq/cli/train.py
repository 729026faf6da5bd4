"""charseq train: learn a text, and show what the network predicts after every epoch."""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from charseq.cli import streams, text_input
from charseq.cli.combinations import exclusive, refuse_split_of_nothing
from charseq.cli.config import ConfigOption
from charseq.cli.options import train as options
from charseq.cli.options.settings import takes_settings
from charseq.cli.options.shared import (
    CellOption,
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    LinesOption,
    NormalizeOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
    examples,
)
from charseq.cli.signals import stopping
from charseq.errors import UsageError

if TYPE_CHECKING:
    from charseq.runs.resume import Resumption

EXAMPLES = [
    "charseq train --text hihello --cell lstm",
    "charseq train --text hihello --hidden-size 5 --learning-rate 0.1 --epochs 50",
    "charseq train --resume --epochs 60",
    "charseq train --text 'to be, or not to be' --json | tail -n 1",
    "printf 'ada\\ngrace\\nalan\\n' | charseq train --file - --lines --epochs 100",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = streams.quiet_on_broken_pipe(takes_settings(train))
    app.command("train", cls=_Train, epilog=examples(EXAMPLES))(command)


class _Train(TyperCommand):
    """A command whose --resume may stand alone, which typer does not know."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the newest run where --resume names none."""
        return super().parse_args(ctx, [*_named(args)])


def _named(arguments: list[str]) -> Iterator[str]:
    from charseq.runs.folder import NEWEST

    for argument, after in pairwise([*arguments, "-"]):
        yield argument
        if argument == "--resume" and after.startswith("-"):
            yield NEWEST


def train(
    context: typer.Context,
    text: TextOption = None,
    file: FileOption = None,
    lines: LinesOption = False,
    unit: UnitOption = "character",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    cell: CellOption = None,
    given: Any = None,
    patience: options.PatienceOption = None,
    resume: options.ResumeOption = None,
    save_every: options.SaveEveryOption = "60s",  # type: ignore[assignment]
    out: options.OutOption = None,
    force: options.ForceOption = False,
    require_accuracy: options.RequireAccuracyOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Learn a text; after every epoch show what the network predicts."""
    from charseq import native

    native.share_cores()
    from charseq.cli.training_run import Training, follow
    from charseq.runs.folder import new_run, require_new, resumed_run, runs_folder
    from charseq.settings.defaults import choose
    from charseq.system.suspension import running_time

    refuse_split_of_nothing(context)
    exclusive(resume=resume, out=out)
    exclusive(resume=resume, force=force)
    if force and out is None:
        raise UsageError("--force replaces the run in --out, and there is no --out", hint="add --out FOLDER")
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    asked = {**given, "cell": cell, "patience": patience}
    source = text_input.given(text, file, lines=lines, unit=unit, normalization=normalize, extra=vocabulary)
    resumed = None
    if resume is not None:
        resumed = _resumption(resume, _given(context, asked)).with_text(source)
        source = resumed.given
    elif out is not None:
        require_new(out, force=force)
    else:
        runs_folder()  # refused now rather than after torch was loaded
    began = running_time()
    with stopping() as stop, source.opened(sys.stdin.buffer, report_mark=text_input.report_mark) as corpus:
        known = source.vocabulary(corpus)
        if resumed:
            settings, run = resumed.settings, partial(resumed_run, resumed.folder, resumed.logged)
        else:
            settings = choose(corpus, len(known), asked, power=lambda: _power_of(given["device"]))
            from charseq.model.network import Network

            Network.of(settings, len(known))
            if form != "json" and not settings.stride:
                text_input.suggest_lines(corpus)
            run = partial(new_run, settings.cell, out, force=force)
        training = Training(corpus, known, settings, run, source, resumed, save_every, began)
        follow(training, form, require_accuracy, stop)


def _given(context: typer.Context, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Of some options those that someone gave, wherever."""
    sources = {name: context.get_parameter_source(name) for name in asked}
    return {name: asked[name] for name, source in sources.items() if source and source.name != "DEFAULT"}


def _resumption(run: str, given: Mapping[str, Any]) -> "Resumption":
    """The run to go on with, with the settings that are given anew."""
    from charseq.runs.resume import named_run, resumption

    return resumption(named_run(run)).with_changes(given)


def _power_of(device: str) -> float:
    """What the device can do; asked only where sizes depend on it, for it takes torch to know."""
    from charseq.training.torch_requirement import require_torch

    require_torch()
    from charseq.training.device import power_of

    return power_of(device)
