"""charseq score: how surprising texts are to a trained model.  Never imports torch."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import refuse_encoding_of_nothing, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.copies import AgainstOption, CopiesOption
from charseq.cli.options.parsers import number, whole
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelOption,
    ModelOption,
    QuietOption,
    TextOption,
    UnknownOption,
    chosen_format,
    option,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import RequirementNotMet, cannot_combine
from charseq.render.base import renderer_for
from charseq.render.visible import visible
from charseq.settings.setting import ADVANCED, TEXT, Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charseq.inference.scoring import ScoredText, Scorer, TotalScore
    from charseq.model.model_file import Model
    from charseq.render.base import Renderer

EXAMPLES = [
    "charseq score hihello hillo",
    "charseq score hihello --json",
    "charseq score hihello --per-character",
    "printf 'hihello\\nhohello\\n' | charseq score - --lines --sort surprising",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "score", score, EXAMPLES)


def score(
    context: typer.Context,
    positional: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts to score; - is standard input.", show_default=False),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    lines: Annotated[
        bool,
        option("--lines", help="Score each line separately, as a model of lines always does.", panel=TEXT),
    ] = False,
    labels: Annotated[
        bool,
        option(
            "--labels",
            help="Read each line as a label, a tab and a text (requires a model trained with --labels).",
            panel=TEXT,
        ),
    ] = False,
    label: LabelOption = None,
    encoding: EncodingOption = "utf-8",
    unknown: UnknownOption = "error",
    model: ModelOption = None,
    sort: Annotated[
        Literal["surprising", "likely"] | None,
        option("--sort", help="Order: most surprising or most likely first.", default="input order"),
    ] = None,
    threshold: Annotated[
        float | None,
        option(
            "--threshold",
            parser=number(Bounds(0, float("inf"))),
            metavar="BITS",
            help="Show only texts with more bits per character; exit code 3 if there are any.",
        ),
    ] = None,
    adapt: Annotated[
        bool,
        option(
            "--adapt",
            help="Score each window of 32 symbols first, then learn from it (dynamic evaluation). With "
            "--lines, learn from the lines in the order of input. The model file is not changed.",
        ),
    ] = False,
    copies: CopiesOption = False,
    against: AgainstOption = None,
    per_character: Annotated[
        bool,
        option(
            "--per-character",
            help="Plain output: one line per character, with bits and rank; "
            "the end of a line is shown as an empty field.",
        ),
    ] = False,
    batch_size: Annotated[
        int,
        option(
            "--batch-size",
            metavar="N",
            parser=whole(Bounds(1, 10_000)),
            help="Texts per batch; the scores do not depend on it.",
            panel=ADVANCED,
        ),
    ] = 64,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show how surprising texts are to a trained model, character by character.

    Surprisal is in bits: 0 for a certain character, 1 for one of two equally probable ones.  The first
    character of a text has no context and is not scored.  A model of lines also scores the first character
    and the end of each line.
    """
    from charseq import native

    native.share_cores()
    from charseq.cli.copies import copy_search
    from charseq.cli.score_input import ScoreInput
    from charseq.render.scores import score_view

    _refuse_unused(context)
    if not text_input.names_text(positional, text, file):
        raise text_input.missing_text(EXAMPLES[0], " to score")
    path, trained = trained_model(model)
    _check_labels(trained, label, labels=labels)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    strings, files = text_input.texts_and_files(positional, text, file, trained.vocabulary.unit, encoding)
    lines = lines or trained.vocabulary.boundary
    if model is None and sys.stderr.isatty():
        streams.report(visible(str(path)), "dim")
    search = copy_search(context, "--copies", files, path, trained)
    scorer = _scorer(trained, batch_size, adapt=adapt)
    source = ScoreInput(trained, path, unknown, scorer, adapt, label, labels, search, encoding)
    scores = source.scores(strings, files, lines=lines, order=sort)
    view = score_view(trained, lines=lines, per_character=per_character, unknown=unknown, copies=copies)
    with renderer_for(form, view, sys.stdout) as renderer:
        count, above, total = _show(scores, renderer, threshold, lines=lines)
    source.report(count, files)
    _report_total(count if lines and threshold is None and form != "json" else 0, total)
    if search:
        search.report(form, only_hint=form == "plain" or not lines)
    _require_none_above(threshold, above, count, lines=lines)


def _check_labels(model: "Model", label: str | None, *, labels: bool) -> None:
    """Raise UsageError for options that do not suit the labels of a model."""
    from charseq.text.labels import no_labels

    if labels and label is not None:
        raise cannot_combine("--labels", ["--label"], "every line has its label")
    if labels and not model.vocabulary.labels:
        raise no_labels("--labels")
    if not labels:
        model.vocabulary.check_label(label, required=True)


def _require_none_above(threshold: float | None, above: int, count: int, *, lines: bool) -> None:
    """Raise RequirementNotMet if texts are above a threshold."""
    from charseq.render.quantities import count as quantity

    if threshold is not None and above:
        few = f"{above:,} of {quantity(count, 'line' if lines else 'text')}"
        has = "has" if above == 1 else "have"
        raise RequirementNotMet(f"{few} {has} more than {threshold:g} bits per character")


def _report_total(lines: int, total: "TotalScore") -> None:
    """Report the mean of several lines on standard error."""
    from charseq.render.scores import total_sentence

    if lines > 1:
        streams.report(f"all {lines:,} lines: {total_sentence(total)}")


def _refuse_unused(context: typer.Context) -> None:
    """Refuse options that have no effect beside others.  Raises UsageError."""
    refuse_encoding_of_nothing(context)
    values = context.params
    if values["adapt"]:
        refuse_unused(context, "--adapt", {"batch_size"}, "a model that adapts reads one text at a time")
    if values["per_character"]:
        refuse_unused(context, "--per-character", {"copies", "against"}, "copies are those of a whole text")


def _scorer(model: "Model", batch_size: int, *, adapt: bool) -> "Scorer":
    """Return what scores texts.  Raises UsageError for a model that cannot adapt."""
    from charseq.inference.scoring import BatchScorer

    if not adapt:
        return BatchScorer(model, batch_size)
    from charseq.inference.adaptation import AdaptingScorer, require_adaptable

    require_adaptable(model)
    streams.report("adapting to the text: each window is scored first, then learned from", "dim")
    return AdaptingScorer(model)


def _show(
    scores: "Iterator[ScoredText]", renderer: "Renderer[ScoredText]", threshold: float | None, *, lines: bool
) -> "tuple[int, int, TotalScore]":
    """Show the texts above a threshold; return the number of all texts, of these, and the total of lines."""
    from charseq.inference.scoring import TotalScore

    count, above, total = 0, 0, TotalScore()
    for scored in scores:
        count += 1
        if lines:
            total.include(scored.total)
        if threshold is None or (scored.total.bits_per_character or 0.0) > threshold:
            above += 1
            renderer.show(scored)
    return count, above, total
