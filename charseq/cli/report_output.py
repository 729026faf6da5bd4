"""The texts that a report looks into, the file that it is written to, and its progress."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from charseq.cli import streams, text_input
from charseq.errors import UsageError, quoted
from charseq.render.base import NoOutput, Renderer
from charseq.render.visible import visible

if TYPE_CHECKING:
    from charseq.model.model_file import Model

STANDARD_OUTPUT = "-"
EXAMPLE = "charseq report --text hihello"


def destination(output: str | None, folder: Path, *, force: bool) -> Path | None:
    """Return the file to write, by default one in the folder of the run; None is standard output.

    Raises UsageError for a file that exists, unless `force`, and for a path that cannot be a file.
    """
    from charseq.runs.folder import REPORT

    if output == STANDARD_OUTPUT:
        return None
    path = Path(output) if output is not None else (folder if folder.is_dir() else folder.parent) / REPORT
    if path.is_dir():
        raise UsageError(f"{quoted(path)} is a folder", hint="name a file, such as -o report.html")
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {quoted(path.parent)} to write {quoted(path.name)} to",
            hint="create it, or choose another -o",
        )
    if os.path.lexists(path) and not force:
        raise UsageError(
            f"{quoted(path)} already exists", hint="add --force to replace it, or choose another -o"
        )
    return path


def report_choice(folder: Path, named: str | None) -> None:
    """Say on standard error that a run was chosen from those of a comparison."""
    from charseq.runs.folder import MODEL
    from charseq.runs.model_paths import comparison_size

    if others := comparison_size(folder / MODEL, named):
        streams.report(f"{visible(str(folder))}: the best of {others} compared runs", "dim")


def report_damage(damaged: int) -> None:
    """Say on standard error how many lines of the log are skipped."""
    if damaged:
        lines = "1 damaged line" if damaged == 1 else f"{damaged:,} damaged lines"
        streams.report(f"{lines} of the log {'was' if damaged == 1 else 'were'} skipped", "yellow")


def texts(
    strings: Sequence[str] | None, files: Sequence[str] | None, model: "Model | None", encoding: str
) -> list[str]:
    """Return the texts of --text and --file, or none.  Raises TextError, and UsageError without a model."""
    if not text_input.names_text(strings, files):
        return []
    if model is None:
        raise UsageError("--text and --file require a model, and the run has none", hint="omit them")
    unit = model.vocabulary.unit
    return text_input.texts_to_inspect(
        None, strings, files, unit=unit, encoding=encoding, model=model, example=EXAMPLE
    )


def progress() -> Renderer[object]:
    """Return what shows the progress on standard error if that is a terminal, after a second."""
    if streams.is_quiet() or not sys.stderr.isatty():
        return NoOutput()
    from charseq.render.progress_bar import Position, WithProgressBar
    from charseq.render.quantities import duration, percent

    began = time.monotonic()

    def position(step: object) -> Position | None:
        if not isinstance(step, tuple):
            return None
        done, what = step
        left = (time.monotonic() - began) * (1 - done) / done if done > 0 else 0.0
        return done, f"{percent(done, 0)}, {what}, {duration(left)} left"

    return WithProgressBar(NoOutput(), sys.stderr, position)


def write(path: Path | None, page: str) -> None:
    """Write a page to a file at once, and print its path; or write it to standard output.

    Raises CharseqError if the file cannot be written; a file that existed is then unchanged.
    """
    if path is None:
        sys.stdout.write(page)
        return
    from charseq.model.atomic_write import replace

    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(
            f"{quoted(path)} is not a regular file", hint="choose another -o, or - for standard output"
        )
    replace(path, page.encode())
    print(visible(str(path)))  # noqa: T201
