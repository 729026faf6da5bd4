"""charseq predict: continue prompts with a trained model.  Never imports torch."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import on_command_line, refuse_all_but, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import predict as options
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    ModelOption,
    TextOption,
    UnknownOption,
    chosen_format,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import UnknownCharacter, UsageError, cannot_combine
from charseq.render.base import Form, renderer_for
from charseq.render.visible import visible
from charseq.settings.generation_settings import GenerationSettings

if TYPE_CHECKING:
    from charseq.cli.prompts import Prompt
    from charseq.inference.decoding import Decoding
    from charseq.inference.requests import Request
    from charseq.model.model_file import Model
    from charseq.text.units import Unit, Unknown

EXAMPLES = [
    "charseq predict",
    "charseq predict h",
    "charseq predict h --length 20 --temperature 0.5 --samples 3",
    "charseq predict h --beam 4 --json",
    "charseq predict h --show-probabilities",
    "printf 'h\\nhi\\n' | charseq predict - --json",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "predict", takes_settings(GenerationSettings)(predict), EXAMPLES)


def predict(
    context: typer.Context,
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]...",
            help="Prompts to continue; - reads one per line from standard input. "
            "By default the first character of the training text, or a new line for a model of lines.",
            show_default=False,
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    lines: options.PromptLinesOption = False,
    escapes: options.EscapesOption = False,
    json_input: options.JSONInputOption = False,
    unknown: UnknownOption = "error",
    model: ModelOption = None,
    *,
    asked: Asked[GenerationSettings],
    only_new: options.OnlyNewOption = False,
    show_probabilities: options.ShowProbabilitiesOption = False,
    interactive: options.InteractiveOption = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Continue prompts with a trained model."""
    from charseq import native

    native.share_cores()
    from charseq.cli.prompts import Prompt, PromptFormat, read_prompts
    from charseq.inference.decoding import Decoding
    from charseq.render.predictions import prediction_view

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    _refuse_unused(context, form)
    path, trained = trained_model(model)
    unit = trained.vocabulary.unit
    top = asked.settings.top if form == "json" else 0 if show_probabilities else None
    settings = _checked(replace(asked.settings, top=top), unit)
    with streams.immediate_interrupt():  # a pattern may take long
        decoding = Decoding.of(trained, settings)
    given = [*(prompts or []), *(text or [])]
    files = list(file or [])
    if not given and not files:
        given, files = text_input.from_environment(None, "TEXT"), text_input.from_environment(None, "FILE")
    if "json_input" in on_command_line(context) and not files and "-" not in given:
        raise UsageError("--json-input requires lines to read", hint="give -, or a --file")
    if interactive:
        _interact(trained, path, given, files, unknown)
        return
    if form != "json":
        _tell_of_choice(path, decoding, settings.seed, newest=model is None)
    line_ends = trained.vocabulary.knows_line_ends
    prompt_format = PromptFormat(unit, lines, escapes, json_input, line_ends)
    requests_of = partial(
        _requests, trained, path, unknown=unknown, seed=settings.seed, length=settings.length
    )
    source = iter([[Prompt("")]])
    if given or files:
        arguments = read_prompts([prompt for prompt in given if prompt != "-"], [], prompt_format)
        deque(requests_of(arguments), maxlen=0)  # raise errors before anything is written
        source = read_prompts(given, files, prompt_format)
    batches = requests_of(source)
    first = next(batches, None)
    if first is None:
        text_input.report_empty([*filter("-".__eq__, given), *files], "predict")
        return
    view = prediction_view(trained, only_new=only_new, escapes=escapes, probabilities=show_probabilities)
    with renderer_for(form, view, sys.stdout) as renderer:
        for requests, changed in chain([first], batches):
            if changed:
                done = "skipped" if unknown == "skip" else f"read as {trained.vocabulary.replacement!r}"
                streams.report_unknown(changed, done)
            for answer in decoding.answers(trained, requests):
                renderer.show(answer)
                if answer.log_probability is not None and form == "table":
                    streams.report(f"log-probability {answer.log_probability:.4f}", "dim")


def _checked(settings: GenerationSettings, unit: "Unit") -> GenerationSettings:
    """Return settings whose strings a model of this unit can use.  Raises UsageError."""
    allow, pattern = settings.allow, settings.pattern
    return replace(
        settings,
        until=[text_input.checked_option(string, "--until", unit) for string in settings.until],
        allow=None if allow is None else text_input.checked_option(allow, "--allow", unit),
        pattern=None if pattern is None else text_input.checked_option(pattern, "--pattern", "character"),
    )


def _refuse_unused(context: typer.Context, form: Form) -> None:
    """Refuse options of the command line that would do nothing beside others.  Raises UsageError."""
    given = context.params
    if given["interactive"]:
        used = {"prompts", "text", "file", "unknown", "model", "interactive", "config", "debug"}
        refuse_all_but(context, "--interactive", used, "it shows what may come next, and you choose")
    if given["greedy"]:
        unused = {"top_k", "top_p", "min_p", "seed"}
        refuse_unused(context, "--greedy", unused, "it always takes the likeliest character")
    if given["beam"]:
        refuse_unused(context, "--beam", {"seed"}, "a search draws nothing at random")
    if form != "json" and "top" in on_command_line(context):
        raise cannot_combine(
            "--top", [f"the {form} format"], "only JSON lists alternatives", hint="add --json"
        )


def _requests(
    trained: "Model",
    path: Path,
    batches: "Iterator[list[Prompt]]",
    *,
    unknown: "Unknown",
    seed: int,
    length: int | None,
) -> "Iterator[tuple[list[Request], int]]":
    """Encode prompts: yield requests, and the number of unknown characters that were skipped or replaced.

    Raises UnknownCharacter, after yielding the prompts before the one with the character.
    """
    from charseq.inference.requests import Request
    from charseq.text.unknown import PROMPT, TEXT_FILE

    for batch in batches:
        requests: list[Request] = []
        changed = 0
        _note_line_ends(trained, batch)
        for prompt in batch:
            interface = TEXT_FILE if prompt.whole_file else PROMPT
            try:
                with interface.explaining(model=str(path)):
                    encoded = trained.vocabulary.encode_text(prompt.text, unknown=unknown, begin=True)
            except UnknownCharacter:
                yield requests, changed
                raise
            changed += encoded.unknown
            requests.append(
                Request.of(
                    trained,
                    encoded,
                    seed=seed if prompt.seed is None else prompt.seed,
                    length=length if prompt.length is None else prompt.length,
                )
            )
        yield requests, changed


def _note_line_ends(trained: "Model", batch: "Sequence[Prompt]") -> None:
    """Show a note if prompts that are files have other line ends than the model's."""
    from charseq.text.unknown import other_line_ends

    notes = (other_line_ends(trained.vocabulary, trained.memorized, p.text) for p in batch if p.whole_file)
    if note := next(filter(None, notes), ""):
        streams.report(note, "yellow")


def _interact(
    trained: "Model", path: Path, given: Sequence[str], files: Sequence[str], unknown: "Unknown"
) -> None:
    """Let someone type, beginning with a prompt."""
    from charseq.cli.interactive import interact
    from charseq.text.unknown import PROMPT

    if len(given) > 1 or files or "-" in given:
        raise UsageError("--interactive begins with one prompt at most", hint="give a single PROMPT, or none")
    prompt = given[0] if given else ""
    with PROMPT.explaining(model=str(path)):
        trained.vocabulary.encode_text(prompt, unknown=unknown)
    interact(trained, str(path), prompt, unknown)


def _tell_of_choice(path: Path, decoding: "Decoding", seed: int, *, newest: bool) -> None:
    """Tell which model it is, and the seed where there is chance; of a greedy one people only are told."""
    if decoding.settings.beam:
        streams.report(f"{visible(str(path))}: beam {decoding.settings.beam}", "dim")
    elif not decoding.sampling.greedy:
        warmth = f"temperature {decoding.sampling.temperature:g}"
        streams.report(f"{visible(str(path))}: {warmth}, seed {seed}", "dim")
    elif newest and sys.stderr.isatty():
        streams.report(visible(str(path)), "dim")
