"""charseq report: one self-contained HTML page about a run.  Never imports torch."""

from typing import Annotated

import typer

from charseq.cli import report_output
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options.parsers import filled, number
from charseq.cli.options.shared import (
    DebugOption,
    EncodingOption,
    QuietOption,
    RunArgument,
    file_option,
    option,
    text_option,
)
from charseq.settings.setting import ADVANCED, Bounds

LARGEST_MB = 1000
"""Megabytes of weights: more than a browser runs."""
EXAMPLES = [
    "charseq report",
    "charseq report 0001-gru -o hihello.html",
    "charseq report --text hihello --force",
    "charseq report -o - > page.html",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "report", report, EXAMPLES)


def report(
    run: RunArgument = None,
    output: Annotated[
        str | None,
        option(
            "-o",
            "--output",
            metavar="FILE",
            parser=filled,
            help="The page to write; - is standard output.",
            default="report.html in the run's folder",
        ),
    ] = None,
    force: Annotated[bool, option("--force", help="Replace an existing file.")] = False,
    text: Annotated[
        list[str] | None, text_option("Text for surprisal, units and gradients. May be repeated.")
    ] = None,
    file: Annotated[
        list[str] | None, file_option("File with such text; - is standard input. May be repeated.")
    ] = None,
    max_weights: Annotated[
        float,
        option(
            "--max-weights",
            metavar="MB",
            parser=number(Bounds(0, LARGEST_MB)),
            help="Largest network, in megabytes of weights, that the page contains and runs.",
            panel=ADVANCED,
        ),
    ] = 2.0,
    encoding: EncodingOption = "utf-8",
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Write one HTML page about a run: curves, predictions, surprisal, units and gradients.

    The network runs in the page on any text you type.  The file contains all data and scripts.
    """
    from charseq import native

    native.share_cores()
    from charseq.inspection.reported_run import load
    from charseq.render.html.report import page

    reported = load(run)
    report_output.report_choice(reported.folder, run)
    report_output.report_damage(reported.log.damaged)
    path = report_output.destination(output, reported.folder, force=force)
    texts = report_output.texts(text, file, reported.model, encoding)
    with report_output.progress() as bar:
        for step in page(reported, texts, max_weights=max_weights):
            bar.show(step)
    report_output.write(path, str(step))
