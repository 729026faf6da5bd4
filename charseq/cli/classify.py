"""charseq classify: the most likely label of texts, with a trained model.  Never imports torch."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import refuse_encoding_of_nothing
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    ModelOption,
    QuietOption,
    TextOption,
    UnknownOption,
    chosen_format,
    option,
)
from charseq.cli.trained_model import trained_model
from charseq.render.base import renderer_for
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.cli.classify_input import ClassifyInput
    from charseq.render.base import Renderer
    from charseq.render.classifications import Result

EXAMPLES = [
    "printf 'x\\tab\\ny\\tba\\n' | charseq train --file - --labels --epochs 100",
    "charseq classify ab ba",
    "printf 'ab\\nba\\n' | charseq classify - --json",
    "printf 'x\\tab\\ny\\tba\\n' | charseq classify - --accuracy",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "classify", classify, EXAMPLES)


def classify(
    context: typer.Context,
    positional: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="Texts to classify; - is standard input.", show_default=False
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    accuracy: Annotated[
        bool,
        option(
            "--accuracy",
            help="Each line of the input is a label, a tab and a text; report how many labels are predicted "
            "correctly.",
        ),
    ] = False,
    prior: Annotated[
        Literal["training", "uniform"],
        option(
            "--prior",
            help="Probability of a label before its text is read: its share of training lines, or uniform.",
        ),
    ] = "training",
    encoding: EncodingOption = "utf-8",
    unknown: UnknownOption = "error",
    model: ModelOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show the most likely label of each text, for a model trained with --labels.

    The probability of a label is P(label) P(text | label), divided by its sum over all labels.  Every line
    of the input is a text, even an empty one.
    """
    from charseq import native

    native.share_cores()
    from charseq.cli.classify_input import ClassifyInput
    from charseq.inference.classification import Classifier
    from charseq.render.classifications import classification_view

    refuse_encoding_of_nothing(context)
    if not text_input.names_text(positional, text, file):
        raise text_input.missing_text(EXAMPLES[1], " to classify")
    path, trained = trained_model(model)
    classifier = Classifier(trained, prior)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    strings, files = text_input.texts_and_files(positional, text, file, trained.vocabulary.unit, encoding)
    if model is None and sys.stderr.isatty():
        streams.report(visible(str(path)), "dim")
    source = ClassifyInput(classifier, path, unknown, accuracy, encoding)
    view = classification_view(trained.vocabulary.label_names)
    with renderer_for(form, view, sys.stdout) as renderer:
        _show(source, strings, files, renderer)
    source.report()


def _show(
    source: "ClassifyInput", strings: list[str], files: list[str], renderer: "Renderer[Result]"
) -> None:
    """Show the label of each text, and the accuracy after the last one, if the input has labels."""
    from charseq.inference.classification import Confusions

    confusions = Confusions()
    for classified in source.texts(strings, files):
        renderer.show(classified)
        if classified.actual is not None:
            confusions.add(classified.actual, classified.classification.label)
    if confusions.texts:
        renderer.show(confusions)
