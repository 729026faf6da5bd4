"""charseq train: learn a text, and show what the network predicts after every epoch."""

import sys
from functools import partial
from itertools import chain
from typing import Any

import typer

from charseq.cli import streams, texts
from charseq.cli import train_options as options
from charseq.cli.config import ConfigOption
from charseq.cli.options import (
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
from charseq.cli.settings_options import takes_settings
from charseq.errors import UsageError

EXAMPLES = [
    "charseq train --text hihello --cell lstm",
    "charseq train --text hihello --hidden-size 5 --learning-rate 0.1 --epochs 50",
    "charseq train --text 'to be, or not to be' --json | tail -n 1",
    "printf 'ada\\ngrace\\nalan\\n' | charseq train --file - --lines --epochs 100",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = streams.quiet_when_unheard(takes_settings(train))
    app.command("train", epilog=examples(EXAMPLES))(command)


def train(
    text: TextOption = None,
    file: FileOption = None,
    lines: LinesOption = False,
    unit: UnitOption = "character",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    cell: CellOption = None,
    given: Any = None,
    patience: options.PatienceOption = None,
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
    from charseq.cli.follow import follow
    from charseq.defaults import choose
    from charseq.runs import new_run
    from charseq.vocabulary import Vocabulary

    if force and out is None:
        raise UsageError("--force replaces the run in --out, and there is no --out", hint="add --out FOLDER")
    with texts.corpus_of_any_size(text, file, lines=lines, unit=unit, normalization=normalize) as corpus:
        every = chain(corpus.pieces(), [vocabulary])
        known = Vocabulary.of(every, unit=unit, normalization=normalize, boundary=lines)
        asked = {**given, "cell": cell, "patience": patience}
        settings = choose(corpus, len(known), asked, power=lambda: _power_of(given["device"]))
        settings.network(len(known))
        form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
        run = partial(new_run, settings.cell, out, force=force)
        follow(corpus, known, settings, run, form, require_accuracy)


def _power_of(device: str) -> float:
    """What the device can do; asked only where sizes depend on it, for it takes torch to know."""
    from charseq.training.device import power_of

    return power_of(device)
