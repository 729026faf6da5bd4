"""charseq inspect-neurons: what units do over a text, and what they track.  Never imports torch."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from charseq.cli import streams
from charseq.cli.combinations import on_command_line, refuse_encoding_of_nothing, refuse_unused
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import neurons as options
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    FileOption,
    FormatOption,
    JSONOption,
    LabelOption,
    ModelOption,
    QuietOption,
    TextOption,
    chosen_format,
)
from charseq.cli.trained_model import report_network_alone, trained_model
from charseq.errors import UsageError
from charseq.render.visible import visible
from charseq.text.units import Unit

if TYPE_CHECKING:
    from charseq.cli.neuron_views import NeuronInput

EXAMPLES = [
    "charseq inspect-neurons",
    "charseq inspect-neurons 'hihello' --unit 0,2",
    "charseq inspect-neurons --track 'l+' --top 1 --json",
    "charseq inspect-neurons --select 3:5",
    "charseq inspect-neurons --gates",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "inspect-neurons", inspect_neurons, EXAMPLES)


def inspect_neurons(
    context: typer.Context,
    positional: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="Text to read; - is the lines of standard input. By default, what the model memorized, or "
            "its training text (the first 1,000,000 symbols).",
            show_default=False,
        ),
    ] = None,
    text: TextOption = None,
    file: FileOption = None,
    label: LabelOption = None,
    encoding: EncodingOption = "utf-8",
    model: ModelOption = None,
    unit: options.UnitNumbersOption = None,
    layer: options.UnitLayerOption = None,
    tensor: options.TensorOption = None,
    track: options.TrackOption = None,
    top: options.TopOption = 2,
    select: options.SelectOption = None,
    threshold: options.ThresholdOption = 0.3,
    gates: options.GatesOption = False,
    values: options.UnitValuesOption = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Show what neurons and gates do over a text, and which of them track something.

    A ranking has, for each feature of the text, the units with the largest |r|: r is Pearson's correlation
    of the unit's value v and the feature f after each symbol, cov(v, f) / (sd(v) sd(f)).  For a feature that
    is true or false, it is the point-biserial correlation (Tate 1954).  r > 0: the
    value is higher where the feature is present; r < 0: lower.

    Features: position in line (symbols since the last line end), inside quotes (from the opening mark up to
    the closing one or a blank line), bracket depth (open ( [ {), after a space, upper case, vowel, digit,
    letter, line end, and --track.

    With --unit, the text is colored by a unit: blue below 0, orange above (of a gate: 0.5).  A text of 8,192
    symbols or more is read in up to 128 segments side by side; the 256 symbols before each set its state.
    """
    from charseq import native

    if tensor is None and not gates:
        native.share_cores()
    from charseq.cli.neuron_text import unit_text
    from charseq.cli.neuron_views import NeuronInput

    _refuse_unused(context)
    path, trained = trained_model(model)
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    read_as: dict[str, Any] = {"encoding": encoding, "label": label, "example": EXAMPLES[1]}
    source = NeuronInput(trained, unit_text(positional, text, file, model=trained, path=path, **read_as))
    report_network_alone(path, trained)
    if model is None and sys.stderr.isatty():
        streams.report(visible(str(path)), "dim")
    _show(source, form, context.params)


def _show(source: "NeuronInput", form: Any, options: dict[str, Any]) -> None:
    layer, tensor, top = options["layer"], options["tensor"], options["top"]
    if options["gates"]:
        source.show_gates(form, layer)
    elif options["select"]:
        source.show_selected(form, options["select"], options["threshold"], tensor, layer, top)
    elif options["unit"]:
        source.show_units(form, options["unit"], tensor, layer, values=options["values"])
    else:
        source.show_ranking(form, options["track"], tensor, layer, top, values=options["values"])


def _refuse_unused(context: typer.Context) -> None:
    """Refuse options that have no effect beside others.  Raises UsageError."""
    values = context.params
    if values["positional"] != "-":
        refuse_encoding_of_nothing(context)
    if values["unit"] in get_args(Unit):
        if "unit" in on_command_line(context):
            raise UsageError(
                f"--unit {values['unit']}: the unit of text is that of the model",
                hint="write numbers of hidden units, such as --unit 12, or omit --unit",
            )
        values["unit"] = None
    ranking = {"track", "top"}
    if values["gates"]:
        why = "gates are shown by themselves"
        refuse_unused(context, "--gates", {"unit", "tensor", "select", "threshold", "values", *ranking}, why)
    elif values["select"]:
        refuse_unused(context, "--select", {"unit", "track", "values"}, "it finds units by their values")
    elif values["unit"]:
        refuse_unused(context, "--unit", {"threshold", *ranking}, "the units are given")
    elif "threshold" in on_command_line(context):
        hint = "add --select START:END, or omit --threshold"
        raise UsageError("--threshold requires --select", hint=hint)
