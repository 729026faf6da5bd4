"""charseq inspect-shapes: every tensor of a network run over text.  Never imports torch."""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charseq.cli import streams, text_input
from charseq.cli.combinations import refuse_beside_a_model, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import inspect as options
from charseq.cli.options.settings import Asked, takes_settings
from charseq.cli.options.shared import (
    DebugOption,
    FileOption,
    FormatOption,
    JSONOption,
    NormalizeOption,
    TextOption,
    UnitOption,
    VocabularyOption,
    chosen_format,
)
from charseq.cli.trained_model import trained_model
from charseq.errors import TextError, UsageError, cannot_combine
from charseq.settings.train_settings import TrainSettings

if TYPE_CHECKING:
    from pathlib import Path

    from charseq.inspection.tracing import TracedTensor, TraceInput
    from charseq.model.model_file import Model

EXAMPLES = [
    "charseq inspect-shapes hello",
    "charseq inspect-shapes h --vocabulary helo --cell lstm --values",
    "charseq inspect-shapes hello eol lleo --cell rnn --hidden-size 2 --values",
    "charseq inspect-shapes hello --cell lstm --step 1 --explain --values",
    "charseq inspect-shapes hi --cell rnn --weights --values",
    "charseq inspect-shapes hihello --head linear --json",
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
    given: Annotated[
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
    normalize: NormalizeOption = "none",
    vocabulary: VocabularyOption = "",
    *,
    asked: Asked[TrainSettings],
    bidirectional: options.BidirectionalOption = False,
    model: options.TrainedOption = None,
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

    The network has initial weights, or is a trained one with --model; a trained one is run up to its loss.
    """
    head, seed = asked.explicit.get("head"), asked.settings.seed
    if head and (step is not None or layer is not None):
        part = "--step" if layer is None else "--layer"
        raise cannot_combine(part, ["--head"], "the head comes after all steps and layers")
    plan = {name: value for name, value in asked.explicit.items() if name != "seed"}
    if bidirectional:
        plan["bidirectional"] = True
    if model is not None:
        refuse_beside_a_model({**plan, "vocabulary": vocabulary or None})
        refuse_unused(context, "--model", {"unit", "normalize", "seed"}, "a trained model needs none")
        path, trained = trained_model(model)
        unit = trained.vocabulary.unit
    found = text_input.texts_to_inspect(
        given,
        text,
        file,
        unit=unit,
        vocabulary=None if model is None else trained.vocabulary,
        example=EXAMPLES[0],
    )
    if model is not None:
        inputs, rows = _trained(path, trained, found, weights=weights)
        about = f"trained, {model}"
    else:
        known = {"unit": unit, "normalization": normalize}
        vocabulary = text_input.checked_option(vocabulary, "--vocabulary", unit)
        inputs, rows = _fresh(found, vocabulary, known, plan, seed, weights=weights)
        about = f"fresh weights, seed {seed}"
    rows = _selected(rows, inputs.arrays, step, layer)

    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    from charseq.render.base import renderer_for
    from charseq.render.shapes import shape_view

    has_head = head is not None or model is not None
    view = shape_view(
        inputs, about, values=values, explain=explain, has_head=has_head, bidirectional=bidirectional
    )
    with renderer_for(form, view, sys.stdout) as renderer:
        for row in rows:
            renderer.show(row)
    if model is None:
        streams.report_seed("fresh", seed, in_caption=form == "table")


def _fresh(
    strings: Sequence[str],
    more: str,
    known: Mapping[str, Any],
    plan: Mapping[str, Any],
    seed: int,
    *,
    weights: bool,
) -> "tuple[TraceInput, Sequence[TracedTensor]]":
    """A network with first weights, run over texts whose symbols, and `more`, are its vocabulary."""
    from charseq.cells import cell_named
    from charseq.inspection.tracing import TraceInput, parameter_tensors, trace, trace_bidirectional
    from charseq.model.network import Network
    from charseq.model.numpy_ops import SeededDraw
    from charseq.text.vocabulary import Vocabulary

    given = {name: value for name, value in plan.items() if value is not None}
    cell, head = cell_named(given.pop("cell", "gru")), given.get("head")
    _require_text(strings)
    both_ways = given.pop("bidirectional", False)
    if both_ways and head:
        raise cannot_combine(
            "--bidirectional", [f"--head {head}"], "a network that has read the next character knows it"
        )
    vocabulary = Vocabulary.of([*strings, more], **known)
    hidden_size = given.pop("hidden_size", len(vocabulary) if head == "none" else 2)
    network = Network(cell.name, len(vocabulary), hidden_size, **given)
    if network.layer_norm:
        network.require_layer_norm()
    draw = SeededDraw(seed)
    inputs = TraceInput.of(network, vocabulary, network.draw(draw), strings)
    if not both_ways:
        shown = parameter_tensors(inputs, head=head is not None) if weights else ()
        return inputs, (*shown, *trace(inputs, read_out=head is not None))
    backward = network.draw(draw)
    shown = ()
    if weights:
        shown = parameter_tensors(inputs, head=False, direction="forward")
        shown += parameter_tensors(inputs.reversed(backward), head=False, direction="backward")
    return inputs, (*shown, *trace_bidirectional(inputs, backward))


def _trained(
    path: "Path", trained: "Model", strings: Sequence[str], *, weights: bool
) -> "tuple[TraceInput, Sequence[TracedTensor]]":
    """A trained network, run over texts, or by default over what it learned."""
    from charseq.inspection.tracing import TraceInput, parameter_tensors, trace
    from charseq.text.unknown import INSPECTION

    strings = strings or trained.memorized
    _require_text(strings)
    with INSPECTION.explaining(model=str(path)):
        inputs = TraceInput.of(trained.network, trained.vocabulary, trained.arrays, strings)
    shown = parameter_tensors(inputs, head=True) if weights else ()
    return inputs, (*shown, *trace(inputs, read_out=True))


def _require_text(strings: Sequence[str]) -> None:
    if not strings:
        raise text_input.missing_text(EXAMPLES[0])
    if "" in strings:
        raise TextError("one of the texts is empty", hint="a text needs at least one character")


def _selected(
    rows: "Sequence[TracedTensor]", parameters: Collection[str], step: int | None, layer: int | None
) -> "list[TracedTensor]":
    """The rows of one step and one layer, where they are asked for; a parameter belongs to every step."""
    for name, wanted in (("step", step), ("layer", layer)):
        there = [getattr(row, name) for row in rows if getattr(row, name) is not None]
        if wanted is not None and wanted not in there:
            raise UsageError(
                f"there is no {name} {wanted}; they are counted from 0 to {max(there)}",
                hint=f"use --{name} {max(there)} for the last one",
            )
    return [
        row
        for row in rows
        if (step in (None, row.step) or row.name in parameters) and layer in (None, row.layer)
    ]
