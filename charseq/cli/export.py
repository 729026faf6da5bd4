"""charseq export: a trained model for other programs.  Never imports torch."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from charseq.cli import completions, report_output, streams
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled
from charseq.cli.options.shared import DebugOption, QuietOption, option
from charseq.render.visible import visible

FormatName = Literal["safetensors", "torch", "onnx", "html"]
EXAMPLES = [
    "charseq export",
    "charseq export 0001-gru --format onnx",
    "charseq export --format html -o model.html",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "export", export, EXAMPLES)


def export(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            parser=filled,
            envvar="CHARSEQ_MODEL",
            show_envvar=False,
            help="A run's folder, its name in runs/ or its number, or a model file.",
            show_default="the newest run",
            autocompletion=completions.models,
        ),
    ] = None,
    format: Annotated[
        FormatName,
        option(
            "--format",
            help="safetensors: a folder to share, which 'charseq import' reads. torch: a state_dict and code "
            "that loads it. onnx: models of one step and of a sequence. html: a page that runs the model.",
        ),
    ] = "safetensors",
    output: Annotated[
        str | None,
        option(
            "-o",
            "--output",
            metavar="PATH",
            parser=filled,
            help="The folder, or for html the file, to write.",
            default="the run's name and the format, in the current folder",
        ),
    ] = None,
    force: Annotated[bool, option("--force", help="Replace an existing export.")] = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a trained model for other programs, or to share it."""
    from charseq.export import formats
    from charseq.export.output import require_free, write
    from charseq.inspection.reported_run import load_trained

    chosen = formats.FORMATS[format]
    chosen.require_package()
    reported, model = load_trained(run)
    report_output.report_choice(reported.folder, run)
    path = Path(output or f"{Path(reported.name).stem}{chosen.suffix}")
    require_free(path, is_folder=chosen.is_folder, force=force)
    written = formats.export(format, reported, model)
    write(path, written.files, is_folder=chosen.is_folder, force=force)
    for note in written.notes:
        streams.report(note)
    print(visible(str(path)))  # noqa: T201
