"""charseq train: learn a text, and show what the network predicts after every epoch."""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import typer

from charseq.cli import input_notes, text_input
from charseq.cli.combinations import refuse_encoding_of_nothing, refuse_split_of_nothing
from charseq.cli.command import Command, add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import train as options
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelsOption,
    LinesOption,
    NormalizeOption,
    TextOption,
    UniqueOption,
    UnitOption,
    ValidationFileOption,
    VocabularyOption,
    chosen_format,
)
from charseq.cli.signals import handle_signals
from charseq.settings.train_settings import TrainSettings

EXAMPLES = [
    "charseq train --text hihello --cell lstm",
    "charseq train --text hihello --hidden-size 5 --learning-rate 0.1 --epochs 50",
    "charseq train --resume --epochs 60",
    "charseq train --text 'to be, or not to be' --json | tail -n 1",
    "printf 'ada\\ngrace\\nalan\\n' | charseq train --file - --lines --epochs 100",
    "printf 'x\\tada\\ny\\tbob\\n' | charseq train --file - --labels --epochs 100",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "train", takes_settings(TrainSettings)(train), EXAMPLES, _Train)


class _Train(Command):
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
    labels: LabelsOption = False,
    unique: UniqueOption = False,
    unit: UnitOption = "character",
    encoding: EncodingOption = "utf-8",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    validation_file: ValidationFileOption = None,
    *,
    asked: Asked[TrainSettings],
    from_: options.FromOption = None,
    resume: options.ResumeOption = None,
    save_every: options.SaveEveryOption = 60.0,
    out: options.OutOption = None,
    force: options.ForceOption = False,
    require_accuracy: options.RequireAccuracyOption = None,
    tensorboard: options.TensorBoardOption = None,
    every_epoch: options.EveryEpochOption = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: options.QuietTrainingOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Train a model on a text; after every epoch show what the network predicts."""
    from charseq import native

    native.share_cores()
    from charseq.cli.processes import joined
    from charseq.cli.training_run import Output, follow
    from charseq.render.training import training_view
    from charseq.runs.prepare import prepare
    from charseq.runs.restart import Destination, traced
    from charseq.system.torchrun import place
    from charseq.training.torch_requirement import flops_of_device

    with handle_signals() as stop, joined(stop) as processes:
        refuse_split_of_nothing(context)
        refuse_encoding_of_nothing(context)
        form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
        view = None if quiet and not json and format == "auto" else training_view(every_epoch=every_epoch)
        output = Output(form, view, tensorboard).checked()
        with prepare(
            text_input.text_source(context.params),
            asked.explicit,
            **vars(Destination(out, force, resume, from_).after_restart(place())),
            flops=partial(flops_of_device, asked.explicit, processes.count),
            standard_input=sys.stdin.buffer,
            report=input_notes.report_note,
        ) as plan:
            if form != "json" and not plan.resumed and not plan.settings.stride:
                input_notes.suggest_lines(plan.corpus)
            with traced(plan, place()) as run:
                follow(run, output, require_accuracy, stop, save_every=save_every, processes=processes)
