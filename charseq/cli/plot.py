"""charseq plot: learning curves of runs, in the terminal or as a picture.  Never imports torch."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charseq.cli import completions, streams
from charseq.cli.command import add_command
from charseq.cli.config import ConfigOption
from charseq.cli.options import plot as options
from charseq.cli.options.parsers import filled
from charseq.cli.options.shared import (
    DebugOption,
    FormatOption,
    JSONOption,
    QuietOption,
    chosen_format,
    option,
)
from charseq.errors import UsageError, cannot_combine, quoted
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.render.curves import Plot

EXAMPLES = [
    "charseq plot",
    "charseq plot --x seconds --log",
    "charseq plot --measure loss,accuracy --format table",
    "charseq plot --csv > curves.csv",
    "charseq plot --save curves.svg",
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "plot", plot, EXAMPLES)


def plot(
    run: Annotated[
        list[str] | None,
        typer.Argument(
            parser=filled,
            metavar="[RUN]...",
            help="Runs: folders, names in runs/, numbers, or a comparison (all of its runs).",
            show_default="the newest run or comparison",
            autocompletion=completions.runs,
        ),
    ] = None,
    measure: options.MeasureOption = None,
    x: options.XOption = None,
    log: options.LogOption = False,
    save: options.SaveOption = None,
    csv: Annotated[
        bool, option("--csv", help="Print all measurements as comma-separated values, one line each.")
    ] = False,
    format: FormatOption = "auto",
    json: JSONOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Draw the loss and the accuracy of runs over their training.

    The best measurement is marked: the one whose weights are saved.  In a pipe, it prints the measurements as
    tab-separated lines.  Install plotille for a finer drawing in the terminal.
    """
    from charseq.runs.curves import runs_named

    if csv and (json or format != "auto"):
        raise cannot_combine("--csv", ["--json" if json else f"--format {format}"])
    form = chosen_format(format, json=json, terminal=sys.stdout.isatty())
    measures = options.measures_of(measure)
    folders = runs_named(run or ())
    if save is not None:
        _draw(folders, x, measures, log, save=save)
    if csv or form != "table":
        if csv or json or format != "auto" or save is None:
            _print_rows(folders, "csv" if csv else form, measures)
    elif save is None or format == "table":
        _draw(folders, x, measures, log)


def _print_rows(folders: Sequence[Path], form: str, measures: Sequence[str]) -> None:
    """Print every measurement of every run; by default, of all measures."""
    from charseq.render.curve_rows import RunMeasurement, rows_renderer
    from charseq.runs.curves import LogReader

    readers = [LogReader(folder) for folder in folders]
    is_empty = True
    with rows_renderer(form, sys.stdout, measures) as renderer:
        for reader in readers:
            for measurement in reader:
                is_empty = False
                renderer.show(RunMeasurement(str(reader.folder), measurement))
    for reader in readers:
        _report_damage(str(reader.folder), reader.damaged)
    if is_empty:
        raise _nothing_measured(folders)


def _draw(
    folders: Sequence[Path],
    x: "options.X | None",
    measures: Sequence[str],
    log: bool,
    *,
    save: Path | None = None,
) -> None:
    """Draw runs on the terminal, or into a file."""
    from charseq.render.curves import notes, plot_of
    from charseq.runs.curves import display_names, read_curve

    curves = [read_curve(*pair) for pair in zip(folders, display_names(folders), strict=True)]
    measured = [curve for curve in curves if len(curve)]
    for curve in curves:
        _report_damage(curve.name, curve.damaged)
        if not len(curve) and measured:
            why = (
                "was imported, without measurements,"
                if curve.status == "imported"
                else "has no measurements yet"
            )
            streams.report(f"{visible(curve.name)} {why} and is left out", "yellow")
    if not measured:
        raise _nothing_measured(folders)
    drawing = plot_of(measured, x=x, measures=measures, log=log)
    messages = [] if streams.is_quiet() else notes(measured, drawing)
    if save is not None:
        _save(drawing, save)
    else:
        from charseq.render.curve_chart import print_chart

        print_chart(drawing, sys.stdout, rows_below=len(messages))
        sys.stdout.flush()
    for message in messages:
        streams.report(message, "yellow")


def _save(drawing: "Plot", path: Path) -> None:
    """Write a picture.  Raises UsageError or CharseqError."""
    from charseq.model.atomic_write import replace
    from charseq.render.curve_picture import picture

    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"{quoted(path)} is not a regular file", hint="choose another name for --save")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {quoted(path.parent)}", hint="create it, or save elsewhere")
    data, missing = picture(drawing, path.suffix[1:].lower())
    replace(path, data)
    streams.report(f"saved {visible(str(path))}")
    if missing:
        streams.report(
            f"no installed font has the characters {visible(missing)}; boxes stand for them. "
            "Install a font for them, or save the picture as .svg",
            "yellow",
        )


def _report_damage(name: str, lines: int) -> None:
    """Report damaged lines in the log of a run."""
    from charseq.render.quantities import damage_text

    if lines:
        streams.report(f"{visible(name)}: {damage_text(lines)}", "yellow")


def _nothing_measured(folders: Sequence[Path]) -> UsageError:
    names = ", ".join(quoted(folder) for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    return UsageError(
        f"there are no measurements in {names}",
        hint="the first comes after an epoch; a run that ended before has none, and so has an imported model",
    )
