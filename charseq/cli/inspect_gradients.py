"""charseq inspect-gradients: how far back the gradient of the last character's loss reaches, cell by cell."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import on_command_line, refuse_beside_a_model, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.inspect import TrainedOption
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    CellsOption,
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelOption,
    NormalizeOption,
    TextOption,
    UnitOption,
    cells_of,
    chosen_format,
    option,
)
from charseq.cli.trained_model import report_network_alone, trained_model
from charseq.errors import TextError, UsageError
from charseq.settings.setting import MODEL
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from charseq.inspection.gradient_flow import GradientFlow
    from charseq.text.vocabulary import Vocabulary

EXAMPLES = [
    "charseq inspect-gradients 'the quick brown fox jumps over the lazy dog'",
    "charseq inspect-gradients hihello --cells rnn,lstm,gru,none --hidden-size 8",
    "charseq inspect-gradients hihello --cells all --first-weights charseq --json",
]
DEFAULTS = {"hidden_size": "32", "layers": "1"}
"""The defaults of a network with initial weights."""
EXAMPLE = "charseq inspect-gradients 'to be, or not to be'"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = takes_settings(TrainSettings, only=(*DEFAULTS, "seed"), defaults=DEFAULTS)(inspect_gradients)
    add_command(app, "inspect-gradients", command, EXAMPLES)


def inspect_gradients(
    context: typer.Context,
    positional: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="Text whose last character is predicted.", show_default=False),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    unit: UnitOption = "character",
    encoding: EncodingOption = "utf-8",
    normalize: NormalizeOption = "none",
    cells: CellsOption = None,
    *,
    asked: Asked[TrainSettings],
    first_weights: Annotated[
        Literal["textbook", "charseq"] | None,
        option(
            "--first-weights",
            help="Initial weights: uniform, as in textbooks, or charseq's own for training.",
            default="textbook",
            panel=MODEL,
        ),
    ] = None,
    model: TrainedOption = None,
    label: LabelOption = None,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show how far back the gradient of the last character's loss reaches, for each cell.

    Each bar is the norm of the gradient with respect to the state after a time step.  Bars that shrink
    towards the beginning show a vanishing gradient.
    """
    from charseq.render.base import renderer_for
    from charseq.render.gradients import GRADIENTS
    from charseq.text.vocabulary import Vocabulary

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    strings = [] if positional is None else [positional]
    read_as: dict[str, Any] = {"unit": unit, "encoding": encoding, "example": EXAMPLE}
    texts = partial(text_input.texts_to_inspect, strings, text, file, **read_as)
    if model is not None:
        own = {"cells": cells, "first_weights": first_weights}
        refuse_beside_a_model({**own, **{name: asked.explicit.get(name) for name in DEFAULTS}})
        refuse_unused(context, "--model", {"unit", "normalize", "seed"}, "a trained model has its own")
        flows: Iterable[GradientFlow] = _flow_of_model(model, texts, label)
    elif "label" in on_command_line(context):
        raise UsageError("--label requires a trained model with labels", hint="add --model")
    else:
        string = _one(texts())
        vocabulary = Vocabulary.of([string], unit=unit, normalization=normalize)
        flows = _flows_of_cells(cells_of(cells), vocabulary, string, asked, first_weights)
    with renderer_for(form, GRADIENTS, sys.stdout) as renderer:
        for flow in flows:
            renderer.show(flow)
    if model is None:
        streams.report_seed(first_weights or "textbook", asked.settings.seed, in_caption=form == "table")


def _flow_of_model(model: str, texts: "Callable[..., list[str]]", label: str | None) -> "list[GradientFlow]":
    """Return the gradient flow of a trained model over one text, by default the one that it memorized."""
    from charseq.text.unknown import INSPECTION
    from charseq.training.torch_requirement import require_torch

    path, trained = trained_model(model)
    trained.vocabulary.check_label(label, required=True)
    string = _one(texts(model=trained))
    require_torch("inspect-gradients")
    from charseq.training.gradient_flow import trained_flow

    with INSPECTION.explaining(model=str(path)):
        flow = trained_flow(trained, string, about=f"trained, {model}", label=label)
    report_network_alone(path, trained)
    return [flow]


def _flows_of_cells(
    cells: "Sequence[str]",
    vocabulary: "Vocabulary",
    string: str,
    asked: Asked[TrainSettings],
    first_weights: str | None,
) -> "Iterator[GradientFlow]":
    """Yield the gradient flow of each cell with initial weights."""
    from charseq.training.torch_requirement import require_torch

    require_torch("inspect-gradients")
    from charseq.training.gradient_flow import untrained_flows

    return untrained_flows(
        cells,
        vocabulary,
        string,
        hidden_size=asked.explicit.get("hidden_size", 32),
        layers=asked.explicit.get("layers", 1),
        textbook=first_weights != "charseq",
        seed=asked.settings.seed,
    )


def _one(strings: "Sequence[str]") -> str:
    if len(strings) != 1:
        raise TextError(f"inspect-gradients takes one text, not {len(strings)}", hint=f"give one: {EXAMPLE}")
    return strings[0]
