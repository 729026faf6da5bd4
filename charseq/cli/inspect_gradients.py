"""charseq inspect-gradients: how far back the gradient of the last character's loss reaches, cell by cell."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import refuse_unused
from charseq.cli.config import ConfigOption
from charseq.cli.options.inspect import TrainedOption
from charseq.cli.options.shared import (
    MODEL,
    CellsOption,
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    LayersOption,
    NormalizeOption,
    SeedOption,
    TextOption,
    UnitOption,
    cells_of,
    chosen_format,
    examples,
    option,
    refuse_beside_a_model,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import TextError

if TYPE_CHECKING:
    from charseq.inspection.gradient_flow import GradientFlow

EXAMPLES = [
    "charseq inspect-gradients 'the quick brown fox jumps over the lazy dog'",
    "charseq inspect-gradients hihello --cells rnn,lstm,gru,none --hidden-size 8",
    "charseq inspect-gradients hihello --cells all --first-weights charseq --json",
]


EXAMPLE = "charseq inspect-gradients 'to be, or not to be'"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command = streams.quiet_on_broken_pipe(inspect_gradients)
    app.command("inspect-gradients", epilog=examples(EXAMPLES))(command)


def inspect_gradients(
    context: typer.Context,
    given: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]", help="The text whose last character is predicted.", show_default=False
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    unit: UnitOption = "character",
    normalize: NormalizeOption = "none",
    cells: CellsOption = None,
    hidden_size: Annotated[
        int | None,
        option(
            "--hidden-size",
            metavar="N",
            min=1,
            max=100_000,
            help="Length of a cell's output.",
            show_default="32",
            panel=MODEL,
        ),
    ] = None,
    layers: LayersOption = None,
    first_weights: Annotated[
        Literal["textbook", "charseq"] | None,
        option(
            "--first-weights",
            help="Uniform matrices, as textbooks have them, or those that charseq starts to learn from.",
            show_default="textbook",
            panel=MODEL,
        ),
    ] = None,
    model: TrainedOption = None,
    seed: SeedOption = 0,
    format: FormatOption = "auto",
    json: JSONOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show how far back the gradient of the last character's loss reaches, for each cell.

    For every step, the norm of the loss's gradient by the state after it: a bar that shrinks to the left is a
    gradient that vanishes.
    """
    if model is not None:
        own = {"cells": cells, "hidden_size": hidden_size, "layers": layers, "first_weights": first_weights}
        refuse_beside_a_model(own)
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
            hidden_size=hidden_size or 32,
            layers=layers or 1,
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
