"""charseq inspect-gradients: how far back the gradient of the last character's loss reaches, cell by cell."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import refuse_beside_a_model, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.inspect import TrainedOption
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    CellsOption,
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    NormalizeOption,
    TextOption,
    UnitOption,
    cells_of,
    chosen_format,
    option,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import TextError
from charseq.settings.setting import MODEL
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from charseq.inspection.gradient_flow import GradientFlow

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
    given: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="Text whose last character is predicted.", show_default=False),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    unit: UnitOption = "character",
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
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show how far back the gradient of the last character's loss reaches, for each cell.

    Each bar is the norm of the gradient with respect to the state after a time step.  Bars that shrink
    towards the beginning show a vanishing gradient.
    """
    network, seed = asked.explicit, asked.settings.seed
    if model is not None:
        own = {"cells": cells, "first_weights": first_weights}
        refuse_beside_a_model({**own, **{name: network.get(name) for name in DEFAULTS}})
        refuse_unused(context, "--model", {"unit", "normalize", "seed"}, "a trained model needs none")
        path, trained = trained_model(model)
        unit = trained.vocabulary.unit
    positional = [] if given is None else [given]
    found = text_input.texts_to_inspect(
        positional,
        text,
        file,
        unit=unit,
        vocabulary=None if model is None else trained.vocabulary,
        example=EXAMPLE,
    )
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())

    from charseq.render.base import renderer_for
    from charseq.render.gradients import GRADIENTS
    from charseq.text.unknown import INSPECTION
    from charseq.text.vocabulary import Vocabulary
    from charseq.training.torch_requirement import require_torch

    flows: Iterable[GradientFlow]
    if model is not None:
        learned = _one(found or trained.memorized)

        require_torch("inspect-gradients")
        from charseq.training.gradient_flow import trained_flow

        with INSPECTION.explaining(model=str(path)):
            flows = [trained_flow(trained, learned, about=f"trained, {model}")]
    else:
        names = cells_of(cells)
        vocabulary = Vocabulary.of([_one(found)], unit=unit, normalization=normalize)

        require_torch("inspect-gradients")
        from charseq.training.gradient_flow import untrained_flows

        flows = untrained_flows(
            names,
            vocabulary,
            found[0],
            hidden_size=network.get("hidden_size", 32),
            layers=network.get("layers", 1),
            textbook=first_weights != "charseq",
            seed=seed,
        )
    with renderer_for(form, GRADIENTS, sys.stdout) as renderer:
        for flow in flows:
            renderer.show(flow)
    if model is None:
        streams.report_seed(first_weights or "textbook", seed, in_caption=form == "table")


def _one(strings: Sequence[str]) -> str:
    if not strings:
        raise text_input.missing_text(EXAMPLE)
    if len(strings) != 1:
        raise TextError(
            f"gradients are followed through one text, and there are {len(strings)}",
            hint=f"give one: {EXAMPLE}",
        )
    return strings[0]
