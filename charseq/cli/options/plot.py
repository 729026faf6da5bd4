"""Options of plot."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from charseq.cli import completions
from charseq.cli.options.parsers import filled
from charseq.cli.options.shared import option
from charseq.errors import quoted
from charseq.suggestions import did_you_mean

X = Literal["epochs", "passes", "seconds"]
PICTURES = (".png", ".svg", ".pdf")
"""The endings of pictures."""


def _measures(text: str) -> list[str]:
    """Return the measures that a list names, each once."""
    from charseq.runs.curves import MEASURES

    names = list(dict.fromkeys(name.strip().replace("-", "_") for name in text.split(",") if name.strip()))
    if not names:
        raise typer.BadParameter(f"{quoted(text)} names no measure; write loss,accuracy")
    for name in names:
        if name not in MEASURES:
            meant = did_you_mean(name, [each.replace("_", "-") for each in MEASURES]).replace("-", "_")
            raise typer.BadParameter(
                f"{quoted(name)} is no measure; {meant or 'the measures are ' + ', '.join(MEASURES)}"
            )
    return names


def _picture(text: str) -> Path:
    """Return the path of a picture."""
    path = Path(filled(text))
    if path.suffix.lower() not in PICTURES:
        raise typer.BadParameter(
            f"{quoted(text)} does not end in {', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
        )
    return path


MeasureOption = Annotated[
    list[str] | None,
    option(
        "--measure",
        parser=_measures,
        metavar="NAMES",
        help="What to draw, separated by commas: loss, validation_loss, accuracy, learning_rate and others.",
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
