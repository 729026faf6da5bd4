"""charseq train: learn a text, and show what the network predicts after every epoch."""

import sys

import typer

from charseq.cli import streams, texts
from charseq.cli import train_options as options
from charseq.cli.config import ConfigOption
from charseq.cli.options import (
    CellOption,
    DebugOption,
    EmbeddingSizeOption,
    FileOption,
    FormatOption,
    HeadOption,
    InitialStateOption,
    JSONOption,
    LayerNormOption,
    LayersOption,
    LinesOption,
    NormalizeOption,
    ResidualOption,
    SeedOption,
    TextOption,
    TieWeightsOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
    examples,
)
from charseq.errors import UsageError

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
    layers: LayersOption = None,
    dropout: options.DropoutOption = 0.0,
    embedding_size: EmbeddingSizeOption = None,
    head: HeadOption = "linear",
    residual: ResidualOption = None,
    layer_norm: LayerNormOption = None,
    tie_weights: TieWeightsOption = False,
    initial_state: InitialStateOption = "zero",
    epochs: options.EpochsOption = None,
    time_limit: options.TimeLimitOption = None,
    learning_rate: options.LearningRateOption = None,
    schedule: options.ScheduleOption = None,
    optimizer: options.OptimizerOption = "adam",
    clip: options.ClipOption = 1.0,
    batch_size: options.BatchSizeOption = None,
    sequence_length: options.SequenceLengthOption = None,
    stride: options.StrideOption = None,
    patience: options.PatienceOption = None,
    seed: SeedOption = 0,
    device: options.DeviceOption = "auto",
    out: options.OutOption = None,
    force: options.ForceOption = False,
    require_accuracy: options.RequireAccuracyOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Learn a text; after every epoch show what the network predicts."""
    from charseq.cli.follow import follow
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
            "residual": residual,
            "layer_norm": layer_norm,
            "tie_weights": tie_weights,
            "initial_state": initial_state,
            "epochs": epochs,
            "time_limit": time_limit,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "optimizer": optimizer,
            "clip": clip,
            "batch_size": batch_size,
            "sequence_length": sequence_length,
            "stride": stride,
            "patience": patience,
            "seed": seed,
            "device": device,
        },
    )
    settings.network(len(known))
    if force and out is None:
        raise UsageError("--force replaces the run in --out, and there is no --out", hint="add --out FOLDER")

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    follow(corpus, known, settings, lambda: new_run(cell, out, force=force), form, require_accuracy)
