"""A diverging scale for the values of neurons: blue below and orange above the background, or marks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text

from charseq.model.numpy_ops import Floats
from charseq.render.heat_map import has_color

STEPS = 3
"""Levels on each side of the center."""
STYLES = (
    "black on color(33)",
    "black on color(74)",
    "black on color(67)",
    "",
    "black on color(137)",
    "black on color(172)",
    "black on color(208)",
)
"""The styles of the levels from far below to far above, for terminals of 256 colors or more.

All are of medium lightness, on dark and on light screens; saturation rises with the distance.
"""
FEW_STYLES = (
    "bright_white on blue",
    "black on cyan",
    "black on cyan",
    "",
    "black on yellow",
    "black on yellow",
    "bright_white on red",
)
"""The same for terminals of 16 colors."""
MARKS = "=-. :+#"
"""The marks of the levels, without color."""


@dataclass(frozen=True)
class Scale:
    """The value that has the color of the background, and the distance from it of the strongest colors."""

    center: float
    reach: float

    @classmethod
    def of(cls, values: Floats, *, is_gate: bool = False) -> "Scale":
        """Return a scale around 0 for values; for a gate, whose values are from 0 to 1, around 0.5."""
        if is_gate:
            return cls(0.5, 0.5)
        return cls(0.0, float(np.abs(values).max(initial=0)) or 1.0)

    def levels(self, values: Floats) -> npt.NDArray[Any]:
        """Return the level of each value, from -STEPS to STEPS."""
        levels = np.rint((values - self.center) / self.reach * STEPS)
        return np.asarray(np.clip(levels, -STEPS, STEPS).astype(np.int8))


@dataclass(frozen=True)
class Palette:
    """The styles of the levels on a terminal; without color, levels have marks."""

    styles: tuple[str, ...]
    """Empty without color."""

    @classmethod
    def of(cls, console: Console) -> "Palette":
        """Return the palette that a console can show."""
        if not has_color(console):
            return cls(())
        return cls(STYLES if console.color_system in ("256", "truecolor") else FEW_STYLES)

    @property
    def has_color(self) -> bool:
        """Whether levels differ in color."""
        return bool(self.styles)

    def style(self, level: int) -> str:
        """Return the style of a level; empty without color."""
        return self.styles[level + STEPS] if self.styles else ""

    def cell(self, level: int) -> tuple[str, str]:
        """Return one column that shows a level by itself, and its style."""
        return (" ", self.style(level)) if self.styles else (MARKS[level + STEPS], "")

    @property
    def sides(self) -> str:
        """Which colors or marks are below the center, and which above."""
        return "blue below, orange above" if self.styles else f"{MARKS[:3]} below, {MARKS[4:]} above"

    def legend(self, scale: Scale) -> Text:
        """Return the meaning of the colors or marks: the value at the middle of each level."""
        text = Text("", "" if self.styles else "dim")
        for level in range(-STEPS, STEPS + 1):
            value = f"{scale.center + level * scale.reach / STEPS:.2g}"
            if self.styles:
                text.append(f" {value} ", self.style(level) or "dim").append(" ")
            else:
                text.append(f'{value} "{MARKS[level + STEPS]}"' + "  " * (level < STEPS))
        return text
