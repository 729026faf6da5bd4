"""charseq inspect-loss: the sequence loss, position by position.  Never imports torch."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import on_command_line, refuse_all_but, refuse_beside_a_model, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.inspect import TrainedOption
from charseq.cli.options.parsers import filled
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelOption,
    NormalizeOption,
    QuietOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
    option,
)
from charseq.cli.trained_model import report_network_alone, trained_model
from charseq.errors import UsageError, cannot_combine
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from charseq.render.losses import LossView

EXAMPLES = [
    "charseq inspect-loss --logits '[[0.2, 0.7], [0.6, 0.2]]' --targets '1 1'",
    "charseq inspect-loss --logits '[[1,0], [0,1]]' --targets 0,0 --weights 1,0",
    "charseq inspect-loss hihello --cell lstm --hidden-size 5",
    "charseq inspect-loss hello eol --json",
]
DEFAULTS = {
    "cell": "gru",
    "hidden_size": "2; the vocabulary size with --head none",
    "layers": "1",
    "embedding_size": "0",
    "head": "linear",
    "residual": "off",
    "layer_norm": "off",
}
"""The defaults of a network with initial weights."""
BY_HAND = "By hand"
"""A panel of the help."""
USED_BY_HAND = {"logits", "targets", "weights", "format", "json", "quiet", "config", "debug"}
"""The parameters that have an effect beside --logits."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = takes_settings(TrainSettings, only=(*DEFAULTS, "seed"), defaults=DEFAULTS)(inspect_loss)
    add_command(app, "inspect-loss", command, EXAMPLES)


def inspect_loss(
    context: typer.Context,
    positional: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Texts, padded to one batch; - reads one per line from standard input.",
            show_default=False,
        ),
    ] = None,
    logits: Annotated[
        str | None,
        option(
            "--logits",
            parser=filled,
            metavar="JSON",
            help="Logits: a list with one row of logits per position, or a list of such lists for a batch.",
            panel=BY_HAND,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        option(
            "--targets",
            parser=filled,
            metavar="NUMBERS",
            help="Correct class of each position, from 0; semicolons separate the rows of a batch.",
            panel=BY_HAND,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        option(
            "--weights",
            parser=filled,
            metavar="NUMBERS",
            help="Weight of each position, written like --targets; 0 masks a position.",
            default="1 for all",
            panel=BY_HAND,
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
    model: TrainedOption = None,
    label: LabelOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Compute the sequence loss step by step, of a text or of logits and targets given by hand.

    The cross-entropy of a position is -log(softmax(logits)[target]), in nats.  The loss is the mean of the
    cross-entropies, weighted by position.  Padding, and a last character without a target, have weight 0.
    """
    from charseq.cli.loss_input import loss_by_hand
    from charseq.render.base import renderer_for
    from charseq.render.losses import LossView, loss_view

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    _refuse_unused(context, asked)
    if logits is not None:
        view = LossView(loss_by_hand(logits, targets, weights))
    else:
        read_as: dict[str, Any] = {"unit": unit, "encoding": encoding, "example": EXAMPLES[2]}
        texts = partial(text_input.texts_to_inspect, positional, text, file, **read_as)
        view = _model_view(model, texts, label) if model else _initial_view(texts, context.params, asked)
    with renderer_for(form, loss_view(view), sys.stdout) as renderer:
        renderer.show(view)
    if logits is None and model is None:
        streams.report_seed("initial", asked.settings.seed, in_caption=form == "table")


def _refuse_unused(context: typer.Context, asked: Asked[TrainSettings]) -> None:
    """Refuse options that have no effect beside others.  Raises UsageError."""
    values = context.params
    if values["logits"] is not None:
        if values["positional"]:
            raise cannot_combine("--logits", ["TEXT"], "logits belong to no text")
        refuse_all_but(context, "--logits", USED_BY_HAND, "logits belong to no text and no network")
        return
    for name in ("targets", "weights"):
        if name in on_command_line(context):
            raise UsageError(
                f"--{name} requires --logits", hint="add --logits; the targets of a text are its characters"
            )
    if values["model"] is not None:
        refuse_beside_a_model({**_network(asked), "vocabulary": values["vocabulary"] or None})
        refuse_unused(context, "--model", {"unit", "normalize", "seed"}, "a trained model has its own")
    elif "label" in on_command_line(context):
        raise UsageError("--label requires a trained model with labels", hint="add --model")


def _network(asked: Asked[TrainSettings]) -> dict[str, Any]:
    """Return the explicit settings of the network."""
    return {name: value for name, value in asked.explicit.items() if name != "seed"}


def _initial_view(
    texts: "Callable[..., list[str]]", values: dict[str, Any], asked: Asked[TrainSettings]
) -> "LossView":
    """Return the loss of a network with initial weights over texts."""
    from charseq.inspection.networks import initial_loss
    from charseq.render.losses import LossView
    from charseq.render.quantities import count
    from charseq.text.vocabulary import Vocabulary

    unit, seed = values["unit"], asked.settings.seed
    strings, extra = texts(), text_input.checked_option(values["vocabulary"], "--vocabulary", unit)
    vocabulary = Vocabulary.of([*strings, extra], unit=unit, normalization=values["normalize"])
    inputs, loss = initial_loss(strings, vocabulary, {"head": "linear", **_network(asked)}, seed=seed)
    network = inputs.network
    size = f"{count(network.layers, 'layer')} of {count(network.hidden_size, 'hidden unit')}"
    return LossView(loss, inputs, f"{network.cell.name}: {size}, initial weights, seed {seed}")


def _model_view(model: str, texts: "Callable[..., list[str]]", label: str | None) -> "LossView":
    """Return the loss of a trained model over texts, by default over those that it memorized."""
    from charseq.inspection.networks import model_loss
    from charseq.render.losses import LossView
    from charseq.render.visible import visible
    from charseq.text.unknown import INSPECTION

    path, trained = trained_model(model)
    trained.vocabulary.check_label(label, required=True)
    with INSPECTION.explaining(model=str(path)):
        inputs, loss = model_loss(trained, texts(model=trained), label=label)
    report_network_alone(path, trained)
    return LossView(loss, inputs, f"{trained.network.cell.name}, trained, {visible(str(path))}")
