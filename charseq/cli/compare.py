"""charseq compare: several cells on the same text under the same conditions, in one table."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cells import NGRAM
from charseq.cli import completions, input_notes, text_input
from charseq.cli.combinations import refuse_encoding_of_nothing, refuse_split_of_nothing
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import whole
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
    QuietOption,
    TextOption,
    UniqueOption,
    UnitOption,
    ValidationFileOption,
    VocabularyOption,
    cells_of,
    chosen_format,
    option,
)
from charseq.errors import UsageError
from charseq.settings.setting import LARGEST_SEED, MODEL, TRAINING, Bounds
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from charseq.text.corpus import AnyCorpus

EXAMPLES = [
    "charseq compare --text hihello --cells rnn,lstm,gru,none",
    "charseq compare --text 'to be, or not to be' --seeds 2 --epochs 50",
    "charseq compare --text hihello --cells lstm,mingru --match parameters --json",
    "charseq compare --text hihello --seeds 3 --jobs 2",
    "seq 500 | charseq compare --file - --lines --cells ngram,lstm --epochs 3",
]
DEFAULTS = {
    "layers": "1",
    "dropout": "0",
    "residual": "off",
    "layer_norm": "off",
    "ngram": "0",
    "epochs": "from the text",
}
"""The defaults that are the same for every cell."""
MOST_JOBS = 1024
"""The largest number of processes."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = takes_settings(TrainSettings, without=("cell", "patience"), defaults=DEFAULTS)(compare)
    add_command(app, "compare", command, EXAMPLES)


def compare(
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
    cells: Annotated[
        str | None,
        option(
            "--cells",
            metavar="NAMES",
            help="Recurrent cells, separated by commas, or all; ngram for the n-gram model alone.",
            autocompletion=completions.compared_cells,
            default="rnn,lstm,gru; with ngram for longer text",
            panel=MODEL,
        ),
    ] = None,
    match: Annotated[
        Literal["hidden", "parameters"],
        option(
            "--match",
            help="What to hold equal: the hidden size, or about the number of parameters of the first cell.",
            panel=MODEL,
        ),
    ] = "hidden",
    *,
    asked: Asked[TrainSettings],
    seeds: Annotated[
        int,
        option(
            "--seeds",
            metavar="N",
            parser=whole(Bounds(1, 10_000)),
            help="Number of random seeds (runs per cell).",
            panel=TRAINING,
        ),
    ] = 1,
    jobs: Annotated[
        int,
        option(
            "--jobs",
            metavar="N",
            parser=whole(Bounds(1, MOST_JOBS)),
            help="Number of processes, each with one run at a time and an equal share of the cores. With "
            "--time-limit, runs at the same time slow each other down.",
            panel=TRAINING,
        ),
    ] = 1,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Train several cells on the same text under the same conditions, and show the results in one table.

    All cells have the same text, validation split and seeds, and the same number of updates, or with
    --time-limit the same time.  No run stops early.  Every run is saved.

    For longer text, the first row is an n-gram model of the same training text: it shows what counting
    achieves without a network, and is not saved.  --ngram N sets its order, and mixes each network with it.
    """
    from charseq import native

    native.share_cores()
    from charseq.cli.comparison_run import compare_cells
    from charseq.cli.job_messages import Comparison
    from charseq.cli.torchrun_jobs import checked_place
    from charseq.comparison import trials

    refuse_split_of_nothing(context)
    refuse_encoding_of_nothing(context)
    _check(asked.settings.seed, seeds)
    source = text_input.text_source(context.params)
    here = checked_place(source, jobs)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    with source.opened(sys.stdin.buffer, report=input_notes.report_note) as corpus:
        vocabulary_ = source.vocabulary(corpus)
        planned = trials(
            corpus,
            len(vocabulary_),
            _options(context, asked),
            cells=cells_of(cells, others=(NGRAM,)),
            seeds=seeds,
            match=match,
            with_ngram=cells is None or cells.strip() == "all",
        )
        if form != "json":
            _report_notes(corpus, asked.settings)
        compare_cells(Comparison(corpus, vocabulary_, source, planned), form, jobs, here)


def _check(first: int, count: int) -> None:
    """Raise UsageError for seeds that would be too large, and where the folder of runs cannot be."""
    from charseq.runs.folder import runs_folder

    runs_folder()  # refused now rather than after torch was loaded
    if first + count - 1 > LARGEST_SEED:
        raise UsageError(
            f"--seeds {count} with --seed {first} exceeds the largest seed, {LARGEST_SEED:,}",
            hint="use a smaller --seed",
        )


def _report_notes(corpus: "AnyCorpus", settings: TrainSettings) -> None:
    """Report how the lines of the text are read."""
    input_notes.report_lines(corpus)
    if not settings.stride:
        input_notes.suggest_lines(corpus)


def _options(context: typer.Context, asked: Asked[TrainSettings]) -> dict[str, object]:
    """Return the settings that are set, with None for --ngram auto, which differs here from no --ngram."""
    source = context.get_parameter_source("ngram")
    ngram = {} if source is None or source.name == "DEFAULT" else {"ngram": context.params["ngram"]}
    return {**asked.explicit, **ngram}
