"""Options of inspect-neurons."""

import re
from typing import Annotated, get_args

import typer

from charseq.cli.options.parsers import filled, number, whole
from charseq.cli.options.shared import option
from charseq.settings.setting import LARGEST_COUNT, Bounds
from charseq.text.units import Unit

UNITS = "Units"
"""A panel of the help."""


def _units(text: str) -> str:
    """Check a list of units: 12 or 3,12,40.

    The units of text (byte, ...) pass, because CHARSEQ_UNIT and a configuration file set those of `train`.
    """
    if text in get_args(Unit):
        return text
    if not re.fullmatch(r"\s*\d{1,18}\s*(,\s*\d{1,18}\s*)*", str(text)):
        raise typer.BadParameter(f"'{text}' is not a list of units; write 12, or 3,12,40")
    return str(text)


def _span(text: str) -> str:
    """Check a span: 4:9."""
    match = re.fullmatch(r"\s*(\d{1,12})\s*:\s*(\d{1,12})\s*", str(text))
    if not match or int(match[1]) >= int(match[2]):
        raise typer.BadParameter(
            f"'{text}' is not a span; write START:END, positions from 0, such as 4:9 (the end is excluded)"
        )
    return str(text)


UnitNumbersOption = Annotated[
    str | None,
    option(
        "--unit",
        parser=_units,
        metavar="N,...",
        help="Color the text by the value of these units, from 0.",
        panel=UNITS,
    ),
]
UnitLayerOption = Annotated[
    int | None,
    option(
        "--layer",
        metavar="N",
        parser=whole(Bounds(0, LARGEST_COUNT)),
        help="Layer, from 0.",
        default="all; with --unit, the last",
        panel=UNITS,
    ),
]
TensorOption = Annotated[
    str | None,
    option(
        "--tensor",
        parser=filled,
        metavar="NAME",
        help="Tensor, named as in inspect-shapes: h, c, a gate such as i or z; or all.",
        default="the state; with --unit, h",
        panel=UNITS,
    ),
]
TrackOption = Annotated[
    str | None,
    option(
        "--track",
        parser=filled,
        metavar="REGEX",
        help="Another feature: inside a match of a regular expression (Python's syntax).",
        panel=UNITS,
    ),
]
TopOption = Annotated[
    int,
    option(
        "--top",
        metavar="N",
        parser=whole(Bounds(1, LARGEST_COUNT)),
        help="Units per feature in the ranking; with --select, selective units to show.",
        panel=UNITS,
    ),
]
SelectOption = Annotated[
    str | None,
    option(
        "--select",
        parser=_span,
        metavar="START:END",
        help="Find the units that are on throughout these positions and off right before and after them, and "
        "where else they are on (as in LSTMVis, Strobelt et al. 2018).",
        panel=UNITS,
    ),
]
ThresholdOption = Annotated[
    float,
    option(
        "--threshold",
        parser=number(Bounds(float("-inf"), float("inf"))),
        metavar="FLOAT",
        help="Value from which a unit is on, with --select.",
        panel=UNITS,
    ),
]
GatesOption = Annotated[
    bool,
    option(
        "--gates",
        help="Show the mean of each gate, and how often it is below 0.1 and above 0.9 (saturated).",
        panel=UNITS,
    ),
]
UnitValuesOption = Annotated[
    bool, option("--values", help="Show the values of the units of --unit, or of the ranking.", panel=UNITS)
]
