"""Options of plot."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from charseq.cli import completions
from charseq.cli.options.parsers import filled
from charseq.cli.options.shared import option
from charseq.errors import UsageError, quoted
from charseq.suggestions import did_you_mean

X = Literal["epochs", "passes", "seconds"]
PICTURES = (".png", ".svg", ".pdf")
"""The endings of pictures."""


def measures_of(names: str | None) -> list[str]:
    """Return the measures that --measure names, each once; none without the option.  Raises UsageError."""
    from charseq.runs.curves import MEASURES

    if names is None:
        return []
    measures = list(
        dict.fromkeys(name.strip().replace("-", "_") for name in names.split(",") if name.strip())
    )
    if not measures:
        raise UsageError(f"--measure {quoted(names)} names no measure", hint="write --measure loss,accuracy")
    for name in measures:
        if name not in MEASURES:
            meant = did_you_mean(name, [each.replace("_", "-") for each in MEASURES]).replace("-", "_")
            raise UsageError(
                f"there is no measure {quoted(name)}", hint=meant or f"the measures are {', '.join(MEASURES)}"
            )
    return measures


def _picture(text: str) -> Path:
    """Return the path of a picture."""
    path = Path(filled(text))
    if path.suffix.lower() not in PICTURES:
        raise typer.BadParameter(
            f"{quoted(text)} does not end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
        )
    return path


MeasureOption = Annotated[
    str | None,
    option(
        "--measure",
        metavar="NAMES",
        help="What to show, separated by commas: loss, validation_loss, accuracy, validation_accuracy, "
        "network_validation_loss, ngram_validation_loss, cross_validation_loss, selection_loss, "
        "learning_rate.",
        autocompletion=completions.measures,
        default="losses, and the accuracy of memorized text",
    ),
]
XOption = Annotated[
    X | None,
    option("--x", help="Horizontal axis.", default="epochs, or passes if there are measurements within them"),
]
LogOption = Annotated[bool, option("--log", help="Logarithmic scale for losses and learning rates.")]
SaveOption = Annotated[
    Path | None,
    option(
        "--save",
        parser=_picture,
        metavar="FILE",
        help="Write a picture: .png, .svg or .pdf (needs matplotlib).",
    ),
]
