"""charseq train: learn a text, and show what the network predicts after every epoch."""

import sys
from collections.abc import Iterator
from typing import Literal

import typer

from charseq.cli import streams, texts
from charseq.cli import train_options as options
from charseq.cli.options import (
    CellOption,
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    LayersOption,
    LinesOption,
    NormalizeOption,
    SeedOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
    examples,
)
from charseq.errors import ExitStatus, RequirementNotMet, UsageError
from charseq.events import End, Event, Start
from charseq.render.training import JSONLines, PlainLines, Renderer, outcome, summary

OUTCOME_STYLES = {"completed": "green", "interrupted": "yellow", "diverged": "bold red"}

EXAMPLES = [
    "charseq train --text hihello --cell lstm",
    "charseq train --text hihello --hidden-size 5 --learning-rate 0.1 --epochs 50",
    "charseq train --text 'to be, or not to be' --json | tail -n 1",
    "printf 'ada\\ngrace\\nalan\\n' | charseq train --file - --lines --epochs 100",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train", epilog=examples(EXAMPLES))(streams.quiet_when_unheard(train))


def train(
    text: TextOption = None,
    file: FileOption = None,
    lines: LinesOption = False,
    unit: UnitOption = "character",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    validation: options.ValidationOption = None,
    cell: CellOption = "gru",
    hidden_size: options.HiddenSizeOption = None,
    layers: LayersOption = 1,
    dropout: options.DropoutOption = 0.0,
    embedding_size: options.EmbeddingSizeOption = 0,
    head: options.HeadOption = "linear",
    epochs: options.EpochsOption = None,
    time_limit: options.TimeLimitOption = None,
    learning_rate: options.LearningRateOption = None,
    schedule: options.ScheduleOption = None,
    optimizer: options.OptimizerOption = "adam",
    clip: options.ClipOption = 1.0,
    batch_size: options.BatchSizeOption = None,
    sequence_length: options.SequenceLengthOption = None,
    patience: options.PatienceOption = None,
    seed: SeedOption = 0,
    device: options.DeviceOption = "auto",
    out: options.OutOption = None,
    force: options.ForceOption = False,
    require_accuracy: options.RequireAccuracyOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    debug: DebugOption = False,
) -> None:
    """Learn a text; after every epoch show what the network predicts."""
    from charseq.runs import new_run
    from charseq.settings import choose
    from charseq.vocabulary import Vocabulary

    corpus = texts.corpus(text, file, lines=lines, unit=unit)
    known = Vocabulary.of([*corpus.sequences, vocabulary], unit=unit, normalization=normalize, boundary=lines)
    settings = choose(
        corpus,
        len(known),
        {
            "validation": validation,
            "cell": cell,
            "hidden_size": hidden_size,
            "layers": layers,
            "dropout": dropout,
            "embedding_size": embedding_size,
            "head": head,
            "epochs": epochs,
            "time_limit": time_limit,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "optimizer": optimizer,
            "clip": clip,
            "batch_size": batch_size,
            "sequence_length": sequence_length,
            "patience": patience,
            "seed": seed,
            "device": device,
        },
    )
    settings.network(len(known))
    if force and out is None:
        raise UsageError("--force replaces the run in --out, and there is no --out", hint="add --out FOLDER")

    from charseq.training.loop import train as events_of

    with streams.stopping() as stop:
        events = events_of(corpus, known, settings, lambda: new_run(cell, out, force=force), stop=stop)
        form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
        last = _show(events, form, stop)
    if isinstance(last, End):
        if form != "json":
            streams.say(outcome(last), OUTCOME_STYLES[last.status])
        _finish(last, stop, require_accuracy)


def _show(
    events: Iterator[Event], form: Literal["table", "plain", "json"], stop: streams.Stop
) -> Event | None:
    """Show every event, and return the last; where nobody reads on, the run is stopped and saved."""
    event = None
    with _renderer(form) as renderer:
        for event in events:
            if isinstance(event, Start) and form != "json":
                streams.say(summary(event))
            if stop.unheard:
                continue
            try:
                renderer.show(event)
            except BrokenPipeError:
                stop.unheard = True
                streams.abandon(sys.stdout)
    return event


def _renderer(form: Literal["table", "plain", "json"]) -> Renderer:
    if form == "table":
        from rich.console import Console

        from charseq.render.training_table import TrainingTable

        return TrainingTable(Console())
    return JSONLines(sys.stdout) if form == "json" else PlainLines(sys.stdout)


def _finish(end: End, stop: streams.Stop, require_accuracy: float | None) -> None:
    """End with the status that the run has earned."""
    if end.status == "diverged":
        raise typer.Exit(ExitStatus.FAILED)
    if end.status == "interrupted":
        raise typer.Exit(stop.status)
    if require_accuracy is not None and (end.accuracy or 0.0) < require_accuracy:
        raise RequirementNotMet(
            f"accuracy {end.accuracy or 0.0:.4f} is below the required {require_accuracy:g}",
            hint="train longer (--epochs), or with a larger --hidden-size",
        )
