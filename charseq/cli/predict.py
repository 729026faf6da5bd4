"""charseq predict: continue prompts with a trained model.  Never imports torch."""

import sys
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import (
    on_command_line,
    refuse_all_but,
    refuse_encoding_of_nothing,
    refuse_unused,
)
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import predict as options
from charseq.cli.options.copies import AgainstOption, ShowCopiesOption
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FormatOption,
    JSONOption,
    ModelOption,
    QuietOption,
    UnknownOption,
    chosen_format,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import UsageError, cannot_combine
from charseq.render.base import Form, renderer_for
from charseq.render.visible import visible
from charseq.settings.generation_settings import GenerationSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from charseq.inference.decoding import Decoding
    from charseq.inference.requests import Answer
    from charseq.model.model_file import Model
    from charseq.render.base import View
    from charseq.text.units import Unknown

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
    text: options.PromptTextOption = None,
    file: options.PromptFileOption = None,
    lines: options.PromptLinesOption = False,
    escapes: options.EscapesOption = False,
    json_input: options.JSONInputOption = False,
    encoding: EncodingOption = "utf-8",
    unknown: UnknownOption = "error",
    model: ModelOption = None,
    *,
    asked: Asked[GenerationSettings],
    only_new: options.OnlyNewOption = False,
    show_probabilities: options.ShowProbabilitiesOption = False,
    show_copies: ShowCopiesOption = False,
    against: AgainstOption = None,
    interactive: options.InteractiveOption = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Continue prompts with a trained model."""
    from charseq import native

    native.share_cores()
    from charseq.cli.copies import copy_search
    from charseq.cli.prompt_requests import RequestSource
    from charseq.cli.prompts import PromptFormat

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    _refuse_unused(context, form)
    path, trained = trained_model(model)
    top = asked.settings.top if form == "json" else 0 if show_probabilities else None
    decoding = _decoding(trained, replace(asked.settings, top=top))
    strings, files = text_input.named_texts(prompts, text, file)
    _require_input(context, strings, files)
    if interactive:
        _interact(trained, path, strings, unknown, decoding.settings.label)
        return
    search = copy_search(context, "--show-copies", [*strings, *files], path, trained)
    if form != "json":
        _report_decoding(path, decoding, newest=model is None)
    symbols = trained.vocabulary
    prompt_format = PromptFormat(symbols.unit, encoding, lines, escapes, json_input, symbols.knows_line_ends)
    batches = RequestSource(trained, path, decoding.settings, unknown).batches(strings, files, prompt_format)
    answers = chain.from_iterable(decoding.answers(trained, batch) for batch in batches)
    view = _view(context, trained, decoding.settings)
    _show(search.answers(answers, form) if search else answers, view, form)


def _view(context: typer.Context, trained: "Model", settings: GenerationSettings) -> "View[Answer]":
    """Return how answers are shown: with their labels, unless --label names the only one."""
    from charseq.render.predictions import prediction_view

    values = context.params
    return prediction_view(
        trained,
        only_new=values["only_new"],
        escapes=values["escapes"],
        probabilities=values["show_probabilities"],
        with_label=settings.label is None and not values["only_new"],
        copies=values["show_copies"],
    )


def _show(answers: "Iterable[Answer]", view: "View[Answer]", form: Form) -> None:
    """Show answers as they are generated; a table has a log-probability below each."""
    with renderer_for(form, view, sys.stdout) as renderer:
        for answer in answers:
            renderer.show(answer)
            if answer.log_probability is not None and form == "table":
                streams.report(f"log-probability {answer.log_probability:.4f}", "dim")


def _decoding(model: "Model", settings: GenerationSettings) -> "Decoding":
    """Return the decoding of settings whose strings the model can use.  Raises UsageError."""
    from charseq.inference.decoding import Decoding

    label, allow, pattern, unit = settings.label, settings.allow, settings.pattern, model.vocabulary.unit
    checked = replace(
        settings,
        until=[text_input.checked_option(string, "--until", unit) for string in settings.until],
        label=None if label is None else text_input.checked_option(label, "--label", unit),
        allow=None if allow is None else text_input.checked_option(allow, "--allow", unit),
        pattern=None if pattern is None else text_input.checked_option(pattern, "--pattern", "character"),
    )
    with streams.immediate_interrupt():  # a pattern may take long
        return Decoding.of(model, checked)


def _refuse_unused(context: typer.Context, form: Form) -> None:
    """Refuse options that have no effect beside others.  Raises UsageError."""
    refuse_encoding_of_nothing(context)
    values = context.params
    if values["interactive"]:
        used = {"prompts", "text", "file", "unknown", "model", "label", "interactive", "quiet"}
        used |= {"config", "debug"}
        refuse_all_but(context, "--interactive", used, "you choose the characters")
    if values["greedy"]:
        unused = {"top_k", "top_p", "min_p", "seed"}
        refuse_unused(context, "--greedy", unused, "greedy decoding does not sample")
    if values["beam"]:
        refuse_unused(context, "--beam", {"seed"}, "beam search does not sample")
    if form != "json" and "top" in on_command_line(context):
        raise cannot_combine(
            "--top", [f"the {form} format"], "only JSON lists alternatives", hint="add --json"
        )


def _require_input(context: typer.Context, strings: "Sequence[str]", files: "Sequence[str]") -> None:
    """Refuse --json-input without lines, and --interactive with several prompts.  Raises UsageError."""
    if "json_input" in on_command_line(context) and not files and "-" not in strings:
        raise UsageError("--json-input requires lines to read", hint="give -, or a --file")
    if context.params["interactive"] and (len(strings) > 1 or files or "-" in strings):
        raise UsageError("--interactive begins with one prompt at most", hint="give a single PROMPT, or none")


def _interact(
    trained: "Model", path: "Path", strings: "Sequence[str]", unknown: "Unknown", label: str | None
) -> None:
    """Run the interactive terminal, beginning with the prompt, if any."""
    from charseq.cli.interactive import interact
    from charseq.text.unknown import PROMPT

    trained.vocabulary.check_label(label, required=True)
    prompt = strings[0] if strings else ""
    with PROMPT.explaining(model=str(path)):
        trained.vocabulary.encode_text(prompt, unknown=unknown)
    interact(trained, str(path), prompt, unknown, label)


def _report_decoding(path: "Path", decoding: "Decoding", *, newest: bool) -> None:
    """Report the model and the sampling with its seed; for greedy decoding only the model, on a terminal."""
    model, settings = visible(str(path)), decoding.settings
    if settings.beam:
        streams.report(f"{model}: beam {settings.beam}", "dim")
    elif not decoding.sampling.greedy:
        temperature = f"temperature {decoding.sampling.temperature:g}"
        streams.report(f"{model}: {temperature}, seed {settings.seed}", "dim")
    elif newest and sys.stderr.isatty():
        streams.report(model, "dim")
