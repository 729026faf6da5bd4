"""charseq inspect-shapes: every tensor of a network run over text.  Never imports torch."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import on_command_line, refuse_beside_a_model, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import inspect as options
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelOption,
    NormalizeOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
)
from charseq.cli.trained_model import report_network_alone, trained_model
from charseq.errors import UsageError, cannot_combine
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from charseq.inspection.networks import Trace

EXAMPLES = [
    "charseq inspect-shapes hello",
    "charseq inspect-shapes h --vocabulary helo --cell lstm --values",
    "charseq inspect-shapes hello eol lleo --cell rnn --hidden-size 2 --values",
    "charseq inspect-shapes hello --cell lstm --step 1 --explain --values",
    "charseq inspect-shapes hi --cell rnn --weights --values",
    "charseq inspect-shapes hihello --head linear --json",
    "charseq inspect-shapes hihello --head linear --step 2 --values",
    "charseq inspect-shapes hello --layers 3 --bidirectional",
]
DEFAULTS = {
    "cell": "gru",
    "hidden_size": "2; the vocabulary size with --head none",
    "layers": "1",
    "embedding_size": "0",
    "head": "no output layer",
    "residual": "off",
    "layer_norm": "off",
}
"""The defaults of a network with initial weights."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = takes_settings(TrainSettings, only=(*DEFAULTS, "seed"), defaults=DEFAULTS)(inspect_shapes)
    add_command(app, "inspect-shapes", command, EXAMPLES)


def inspect_shapes(
    context: typer.Context,
    positional: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Texts, run as one batch; - reads one per line from standard input.",
            show_default=False,
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    unit: UnitOption = "character",
    encoding: EncodingOption = "utf-8",
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    *,
    asked: Asked[TrainSettings],
    bidirectional: options.BidirectionalOption = False,
    model: options.TrainedOption = None,
    label: LabelOption = None,
    weights: options.WeightsOption = False,
    values: options.ValuesOption = False,
    explain: options.ExplainOption = False,
    step: options.StepOption = None,
    layer: options.LayerOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show every tensor of a network run over a text: name, axes, shape and, with --values, values.

    The network is untrained unless --model names a trained one, which is run through to the loss.
    """
    from charseq.inspection.networks import trace_initial
    from charseq.render.base import renderer_for
    from charseq.render.shapes import shape_view
    from charseq.text.vocabulary import Vocabulary

    seed, head = asked.settings.seed, asked.explicit.get("head")
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    _refuse_unused(context, asked)
    read_as: dict[str, Any] = {"unit": unit, "encoding": encoding, "example": EXAMPLES[0]}
    texts = partial(text_input.texts_to_inspect, positional, text, file, **read_as)
    if model is not None:
        trace, about = _trace_model(model, texts, label, weights=weights), f"trained, {model}"
    else:
        strings, extra = texts(), text_input.checked_option(vocabulary, "--vocabulary", unit)
        symbols = Vocabulary.of([*strings, extra], unit=unit, normalization=normalize)
        trace = trace_initial(
            strings, symbols, _network(asked), seed=seed, bidirectional=bidirectional, weights=weights
        )
        about = f"initial weights, seed {seed}"
    has_head = head is not None or model is not None
    view = shape_view(
        trace.inputs, about, values=values, explain=explain, has_head=has_head, bidirectional=bidirectional
    )
    with renderer_for(form, view, sys.stdout) as renderer:
        for tensor in trace.select(step, layer):
            renderer.show(tensor)
    if model is None:
        streams.report_seed("initial", seed, in_caption=form == "table")


def _refuse_unused(context: typer.Context, asked: Asked[TrainSettings]) -> None:
    """Refuse options that have no effect beside others.  Raises UsageError."""
    values = context.params
    if values["head"] and values["layer"] is not None:
        raise cannot_combine("--layer", ["--head"], "the head follows all layers")
    if values["model"] is not None:
        others = {name: values[name] or None for name in ("bidirectional", "vocabulary")}
        refuse_beside_a_model({**_network(asked), **others})
        refuse_unused(context, "--model", {"unit", "normalize", "seed"}, "a trained model has its own")
    elif "label" in on_command_line(context):
        raise UsageError("--label requires a trained model with labels", hint="add --model")


def _network(asked: Asked[TrainSettings]) -> dict[str, Any]:
    """Return the explicit settings of the network."""
    return {name: value for name, value in asked.explicit.items() if name != "seed"}


def _trace_model(
    model: str, texts: "Callable[..., list[str]]", label: str | None, *, weights: bool
) -> "Trace":
    """Trace a trained model over texts, by default over those that it memorized."""
    from charseq.inspection.networks import trace_model
    from charseq.text.unknown import INSPECTION

    path, trained = trained_model(model)
    trained.vocabulary.check_label(label, required=True)
    with INSPECTION.explaining(model=str(path)):
        trace = trace_model(trained, texts(model=trained), weights=weights, label=label)
    report_network_alone(path, trained)
    return trace
