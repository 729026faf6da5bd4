"""charseq score: how surprising texts are to a trained model.  Never imports torch."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import number, whole
from charseq.cli.options.shared import (
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    ModelOption,
    TextOption,
    UnknownOption,
    chosen_format,
    option,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import RequirementNotMet, UsageError
from charseq.render.base import renderer_for
from charseq.render.visible import visible
from charseq.settings.setting import ADVANCED, TEXT, Bounds

if TYPE_CHECKING:
    from charseq.inference.scoring import ScoredText
    from charseq.text.units import Unit

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
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts to score; - is standard input.", show_default=False),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    lines: Annotated[
        bool,
        option("--lines", help="Score each line separately, as a model of lines always does.", panel=TEXT),
    ] = False,
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
    per_character: Annotated[
        bool, option("--per-character", help="Plain output: one line per character, with bits and rank.")
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
    from charseq.cli.score_input import ScoreInput
    from charseq.render.scores import score_view

    if not text_input.names_text(given, text, file):
        raise text_input.missing_text(EXAMPLES[0], " to score")
    path, trained = trained_model(model)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    strings, files = _sources(given, text, file, trained.vocabulary.unit)
    lines = lines or trained.vocabulary.boundary
    if model is None and sys.stderr.isatty():
        streams.report(visible(str(path)), "dim")
    source = ScoreInput(trained, path, unknown, batch_size)
    scores = (source.lines if lines else source.texts)(strings, files)
    if sort:
        if files and not lines:
            raise UsageError("--sort ranks texts and lines, not files", hint="add --lines")
        scores = iter(sorted(map(source.without_surprisals, scores), key=_by(sort)))
    view = score_view(trained, lines=lines, per_character=per_character, unknown=unknown)
    seen = past = 0
    with renderer_for(form, view, sys.stdout) as renderer:
        for scored in scores:
            seen += 1
            if threshold is None or (scored.total.bits_per_character or 0.0) > threshold:
                past += 1
                renderer.show(scored)
    if source.unknown_characters:
        done = "skipped" if unknown == "skip" else "taken for the least likely"
        streams.report_unknown(source.unknown_characters, done)
    if seen and source.empty:
        text_input.report_empty(source.empty, "score")
    if not seen:
        if not files:
            raise UsageError("the text has only empty lines", hint="give one with characters, or a --file")
        text_input.report_empty(files, "score", only_empty_lines=source.has_lines)
    if threshold is not None and past:
        raise RequirementNotMet(
            f"{past:,} of {seen:,} {'lines' if lines else 'texts'} past {threshold:g} bits a character"
        )


def _sources(
    given: list[str] | None, text: list[str] | None, file: list[str] | None, unit: "Unit"
) -> tuple[list[str], list[str]]:
    """The texts and files of the command, or of the environment where it names none.  Raises TextError."""
    named = [*(given or []), *(text or [])]
    files = [*(file or []), *(name for name in given or [] if name == "-")]
    if not named and not files:
        named, files = text_input.from_environment(None, "TEXT"), text_input.from_environment(None, "FILE")
    if files.count("-") > 1:
        raise UsageError("standard input can be read only once", hint="give - a single time")
    strings = text_input.arguments([name for name in named if name != "-"], unit=unit)
    return strings, files


def _by(order: str) -> "Callable[[ScoredText], float]":
    """What lines are sorted by; those without a character to score come last."""
    sign = -1 if order == "surprising" else 1

    def key(scored: "ScoredText") -> float:
        bits = scored.total.bits_per_character
        return float("inf") if bits is None else sign * bits

    return key
