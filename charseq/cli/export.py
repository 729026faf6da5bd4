"""charseq export: a trained model for other programs.  Never imports torch."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from charseq.cli import report_output, streams
from charseq.cli.combinations import refuse_unused
from charseq.cli.command import Command, add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled
from charseq.cli.options.shared import DebugOption, Format, QuietOption, RunArgument, option
from charseq.cli.termination import unwind_on_termination
from charseq.cli.trained_model import report_hardly_trained
from charseq.errors import UsageError
from charseq.render.visible import visible

FormatName = Literal["safetensors", "torch", "onnx", "html"]
WeightsType = Literal["float32", "float16", "int8"]
EXAMPLES = [
    "charseq export",
    "charseq export 0001-gru -o shared && charseq import shared",
    "charseq export 0001-gru --format onnx",
    "charseq export --format html -o model.html",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "export", export, EXAMPLES, _Export)


class _Export(Command):
    """A command whose --format shares its variable with the output format of the other commands."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if parameter.name == "format":
                known: Any = parameter.resolve_envvar_value
                parameter.resolve_envvar_value = partial(_unless_of_output, known)  # type: ignore[method-assign]


def _unless_of_output(resolve: Any, context: Any) -> str | None:
    """Return the value of the variable, or None where it is an output format of other commands."""
    value = resolve(context)
    return None if value in get_args(Format) else value


def export(
    context: typer.Context,
    run: RunArgument = None,
    format: Annotated[
        FormatName,
        option(
            "--format",
            help="safetensors: a folder to share, which 'charseq import' reads. torch: a state_dict and code "
            "that loads it. onnx: a model of one step and a model of a sequence. html: a page that runs the "
            "model.",
        ),
    ] = "safetensors",
    weights: Annotated[
        WeightsType | None,
        option("--weights", help="Type of the weights in an HTML page.", default="float16"),
    ] = None,
    output: Annotated[
        str | None,
        option(
            "-o",
            "--output",
            metavar="PATH",
            parser=filled,
            help="Folder to write; for html, the file, where - is standard output.",
            default="RUN-FORMAT, or RUN.html, in the current folder",
        ),
    ] = None,
    force: Annotated[bool, option("--force", help="Replace an existing export of the same format.")] = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Export a trained model to share it or to use it in other programs."""
    from charseq.export import formats
    from charseq.export.output import require_free, write
    from charseq.inspection.reported_run import load_trained

    chosen = formats.FORMATS[format]
    chosen.require_package()
    if format != "html":
        _refuse_page_options(context, format, output)
    reported, model = load_trained(run)
    is_printed = output == report_output.STANDARD_OUTPUT
    path = None if is_printed else Path(output or formats.default_name(reported, chosen))
    if path:
        require_free(path, is_folder=chosen.is_folder, force=force)
    report_output.report_choice(reported.folder, run)
    report_hardly_trained(reported.folder, model, newest=run is None)
    with unwind_on_termination():
        written = formats.export(format, reported, model, weights=weights)
        left = write(path, written.files, is_folder=chosen.is_folder, force=force) if path else ()
    for note in (*formats.notes(reported), *written.notes, *left):
        streams.report(note)
    if path:
        print(visible(str(path)))  # noqa: T201
    else:
        sys.stdout.buffer.write(*written.files.values())


def _refuse_page_options(context: typer.Context, format: str, output: str | None) -> None:
    """Refuse what only a page can have: --weights, and standard output.  Raises UsageError."""
    why, hint = "its weights are float32", "omit --weights, or add --format html"
    refuse_unused(context, f"--format {format}", {"weights"}, why, hint=hint)
    if output == report_output.STANDARD_OUTPUT:
        raise UsageError(
            f"--format {format} writes a folder, which standard output cannot be",
            hint="name the folder with -o, or add --format html",
        )
