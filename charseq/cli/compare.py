"""charseq compare: several cells on the same text under the same conditions, in one table."""

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cells import NGRAM
from charseq.cli import completions, input_notes, streams, text_input
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
from charseq.cli.signals import handle_signals
from charseq.errors import ExitCode, UsageError
from charseq.render.base import Form, renderer_for
from charseq.render.visible import visible
from charseq.settings.setting import LARGEST_SEED, MODEL, TRAINING, Bounds
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from charseq.cli.signals import Stop
    from charseq.comparison import NgramResult, Result, Trial
    from charseq.events import Event
    from charseq.settings.train_settings import TrainSettings
    from charseq.text.corpus import AnyCorpus
    from charseq.text.sources import TextSource
    from charseq.text.vocabulary import Vocabulary

EXAMPLES = [
    "charseq compare --text hihello --cells rnn,lstm,gru,none",
    "charseq compare --text 'to be, or not to be' --seeds 2 --epochs 50",
    "charseq compare --text hihello --cells lstm,mingru --match parameters --json",
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
    from charseq.comparison import trials
    from charseq.runs.folder import runs_folder

    refuse_split_of_nothing(context)
    refuse_encoding_of_nothing(context)
    runs_folder()  # refused now rather than after torch was loaded
    _check_seeds(asked.settings.seed, seeds)
    source = text_input.text_source(context.params)
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
            input_notes.report_lines(corpus)
        if form != "json" and not asked.settings.stride:
            input_notes.suggest_lines(corpus)
        _compare(corpus, vocabulary_, source, planned, form)


def _check_seeds(first: int, count: int) -> None:
    """Raise UsageError if a seed would be too large."""
    if first + count - 1 > LARGEST_SEED:
        raise UsageError(
            f"--seeds {count} with --seed {first} exceeds the largest seed, {LARGEST_SEED:,}",
            hint="use a smaller --seed",
        )


def _options(context: typer.Context, asked: Asked[TrainSettings]) -> dict[str, object]:
    """Return the settings that are set, with None for --ngram auto, which differs here from no --ngram."""
    source = context.get_parameter_source("ngram")
    ngram = {} if source is None or source.name == "DEFAULT" else {"ngram": context.params["ngram"]}
    return {**asked.explicit, **ngram}


def _compare(
    corpus: "AnyCorpus",
    vocabulary: "Vocabulary",
    source: "TextSource",
    planned: "Sequence[Trial]",
    form: Form,
) -> None:
    """Train every cell, show the results, and name the best run."""
    from charseq.comparison import run
    from charseq.render.comparison import conditions
    from charseq.runs.folder import new_comparison, new_run
    from charseq.runs.model_paths import model_path
    from charseq.runs.prepare import plan_run
    from charseq.text.encoding import count_symbols
    from charseq.text.sources import TextSource, description
    from charseq.training.torch_requirement import require_torch

    if any(not trial.is_ngram for trial in planned):
        require_torch()
    if form != "json":
        symbols = count_symbols(corpus, vocabulary)
        distinct = len(vocabulary.characters)
        validation = description(TextSource(files=source.validation_files))
        streams.report(conditions(planned, symbols, distinct, vocabulary.unit, validation))
    folder = cache(new_comparison)
    with handle_signals() as stop:

        def trained(settings: "TrainSettings") -> "Iterator[Event]":
            from charseq.training.loop import train

            stop.training_started = True  # counting n-grams before has nothing to save
            open_folder = lambda: new_run(settings.cell, comparison=folder())  # noqa: E731 (named for what it opens)
            plan = plan_run(corpus, vocabulary, settings, open_folder=open_folder, source=source)
            return train(plan, stop=stop)

        def counted(settings: "TrainSettings") -> "NgramResult":
            from charseq.training.ngram import measure

            return measure(corpus, vocabulary, settings)

        results = _show(run(planned, trained, counted, stop), planned, form, stop)
    if form != "json" and any(result.end and result.end.model for result in results):
        best = visible(str(model_path(str(folder())).parent))
        which = "best network" if any(trial.is_ngram for trial in planned) else "best"
        several = any(result.end and result.end.epochs > 1 for result in results)
        curves = "\ncurves: charseq plot" if several else ""
        streams.report(f"{which}: {best}   next: charseq predict{curves}")
    if stop():
        raise typer.Exit(stop.exit_code)
    networks = [result for result in results if not result.trial.is_ngram]
    if networks and all(result.status == "diverged" for result in networks):
        raise typer.Exit(ExitCode.FAILED)


def _show(
    events: "Iterator[tuple[Result, Event]]", planned: "Sequence[Trial]", form: Form, stop: "Stop"
) -> "list[Result]":
    """Show every event, and return the results of the runs that ended."""
    from charseq.cli.training_run import with_progress_bar
    from charseq.events import End
    from charseq.render.comparison import comparison_view
    from charseq.render.progress_bar import comparison_position

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
    return results
