"""Text colored by units: the colors of 256 and of 16, and the text that they lie on."""

import io
from typing import Literal

import numpy as np
import pytest
from rich.console import Console

from charseq.inspection.activations import Source
from charseq.inspection.neurons import Unit, UnitValues
from charseq.inspection.unit_text import UnitText
from charseq.render.diverging import FEW_STYLES, MARKS, STYLES, Palette, Scale
from charseq.render.unit_strips import Strips, strips
from charseq.text.vocabulary import Vocabulary

Colors = Literal["standard", "256"]
LEVELS = [-3, -2, -1, 0, 1, 2, 3]


def shown_strips(string: str, *rows: list[float], tensor: str = "h", unit: str = "character") -> Strips:
    vocabulary = Vocabulary.of([string], unit=unit)  # type: ignore[arg-type]
    text = UnitText.of(vocabulary, [string])
    units = [Unit(0, tensor, number) for number in range(len(rows))]
    values = UnitValues(len(text), units, [Source(0, tensor)])
    values.values[:] = rows
    return Strips(text, values, gates=("z",))


def console(colors: Colors | None) -> Console:
    output, no_color = io.StringIO(), colors is None
    return Console(file=output, width=40, force_terminal=True, no_color=no_color, color_system=colors)


@pytest.mark.parametrize(("colors", "styles"), [("256", STYLES), ("standard", FEW_STYLES)])
def test_each_character_has_the_color_of_its_level(colors: Colors, styles: tuple[str, ...]) -> None:
    shown = shown_strips("abcdefg", [level / 1.5 for level in LEVELS])
    legend, line = strips(shown, console(colors))
    assert line.plain == "abcdefg"
    assert [str(span.style).removeprefix("not dim").strip() for span in line.spans] == [*styles]
    assert legend.plain.split() == ["0.h.0", "-2", "-1.3", "-0.67", "0", "0.67", "1.3", "2"]


def test_below_and_above_differ_in_color_and_the_center_is_the_background() -> None:
    for styles in (STYLES, FEW_STYLES):
        below, center, above = set(styles[:3]), styles[3], set(styles[4:])
        assert center == ""
        assert not below & above
        assert all(" on " in style for style in below | above)  # text and background: for light and dark
    assert len(set(MARKS)) == len(MARKS) == 7


def test_a_gate_is_centered_at_a_half() -> None:
    shown = shown_strips("abc", [0.0, 0.5, 1.0], tensor="z")
    assert shown.scale(0) == Scale(0.5, 0.5)
    assert shown.scale(0).levels(shown.values.values[0]).tolist() == [-3, 0, 3]
    constant = shown_strips("abc", [0.0, 0.0, 0.0])
    assert constant.scale(0).levels(constant.values.values[0]).tolist() == [0, 0, 0]


def test_several_units_are_aligned_below_each_other_and_wide_characters_count_twice() -> None:
    shown = shown_strips("대한\n민국!", [1, 0, 0, -1, 0, 0.3], [0, 1, 0, 0, 0, 0])
    lines = [line.plain for line in strips(shown, console(None))]
    assert lines[2:] == [
        "", "       대한⏎", "0.h.0  #    ", "0.h.1    #  ",
        "", "       민국!", "0.h.0  =   :", "0.h.1       ",
    ]  # fmt: skip


def test_bytes_are_shown_as_characters_with_the_value_of_their_last_byte() -> None:
    shown = shown_strips("é\udcff", [-1, 1, 0], unit="byte")
    text, marks = [line.plain for line in strips(shown, console(None))][1:]
    assert text.strip() == "é\\xff"
    assert marks == "0.h.0  #    "


def test_levels_are_clipped_and_the_palette_names_its_sides() -> None:
    assert Scale(0, 1).levels(np.array([-9.0, 9.0])).tolist() == [-3, 3]
    assert Palette.of(console("256")).sides == "blue below, orange above"
    assert Palette.of(console(None)).sides == "=-. below, :+# above"
