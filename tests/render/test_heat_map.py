"""The colors of a heat map: legible at every level, in truecolor, 256 and 16 colors, and quiet if certain."""

import io
import math
from itertools import pairwise
from typing import Literal

import pytest
from rich._palettes import EIGHT_BIT_PALETTE, STANDARD_PALETTE, WINDOWS_PALETTE
from rich.color import Color, ColorSystem, ColorType
from rich.color_triplet import ColorTriplet
from rich.console import Console
from rich.palette import Palette
from rich.style import Style

from charseq.render.heat_map import LEVELS, Character, digit_of, heat_map, legend, style_of

XTERM = Palette(
    [
        (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205),
        (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255),
        (255, 0, 255), (0, 255, 255), (255, 255, 255),
    ]
)  # fmt: skip
DARK_TEXT, LIGHT_TEXT = "#d4d4d4", "#282828"
"""The text of a common dark and a common light theme."""
LEGIBLE = 4.5


def rgb(color: Color, palette: Palette) -> ColorTriplet:
    if color.type is ColorType.TRUECOLOR:
        return color.get_truecolor()
    assert color.number is not None
    return palette[color.number]


def luminance(red_green_blue: ColorTriplet) -> float:
    """Source: WCAG 2.2, relative luminance."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in red_green_blue)
    ]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(style: Style, palette: Palette) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    low, high = sorted(luminance(rgb(color, palette)) for color in (style.color, style.bgcolor))
    return (high + 0.05) / (low + 0.05)


def downgraded(style: str, system: ColorSystem) -> Style:
    """Return a style as rich writes it to a terminal with fewer colors."""
    parsed = Style.parse(style)
    assert parsed.color is not None
    assert parsed.bgcolor is not None
    return Style(color=parsed.color.downgrade(system), bgcolor=parsed.bgcolor.downgrade(system))


COLORED = [level for level in LEVELS if level.style]
BASIC = [level for level in LEVELS if "on" in level.basic_style.split()]


def test_every_level_is_legible_in_truecolor_and_in_256_colors() -> None:
    assert len(COLORED) == len(LEVELS) - 1
    for level in COLORED:
        for system in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT):
            assert contrast(downgraded(level.style, system), EIGHT_BIT_PALETTE) >= LEGIBLE, (level, system)


@pytest.mark.parametrize(
    "palette", [STANDARD_PALETTE, WINDOWS_PALETTE, XTERM], ids=["VGA", "Windows", "xterm"]
)
def test_every_level_is_legible_in_16_colors(palette: Palette) -> None:
    assert len(BASIC) == 3
    for level in BASIC:
        assert contrast(Style.parse(level.basic_style), palette) >= LEGIBLE, level


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_certainty_is_quiet_on_dark_and_on_light_screens(system: ColorSystem) -> None:
    styles = [downgraded(level.style, system) for level in COLORED]
    backgrounds = [
        luminance(rgb(style.bgcolor, EIGHT_BIT_PALETTE)) for style in styles if style.bgcolor is not None
    ]
    dark_text, light_text = (luminance(Color.parse(text).get_truecolor()) for text in (DARK_TEXT, LIGHT_TEXT))
    assert LEVELS[0].style == LEVELS[0].basic_style == ""
    assert max(backgrounds) < dark_text
    assert min(backgrounds) > 2 * light_text
    assert backgrounds[-1] == max(backgrounds) > 2 * backgrounds[0]
    assert len(set(backgrounds)) == len(backgrounds)


def test_saturation_rises_with_surprisal() -> None:
    def chroma(style: str) -> int:
        background = Style.parse(style).bgcolor
        assert background is not None
        return max(background.get_truecolor()) - min(background.get_truecolor())

    chromas = [chroma(level.style) for level in COLORED]
    assert all(low < high for low, high in pairwise(chromas))


def test_each_surprisal_has_the_style_of_its_level() -> None:
    assert [style_of(bits) for bits in (0.0, 1.0)] == ["", ""]
    assert [style_of(bits) for bits in (1.01, 4.0, 8.0, 8.01, math.inf)] == [
        LEVELS[number].style for number in (1, 2, 3, 4, 4)
    ]
    assert style_of(3.0, basic=True) == "bright_white on red"
    assert style_of(None) == ""
    assert [digit_of(bits) for bits in (0.4, 1.5, 99.0, None)] == ["0", "2", "9", " "]


@pytest.mark.parametrize(
    ("system", "code"), [("truecolor", "48;2;255;157;46"), ("256", "48;5;214"), ("standard", "103")]
)
def test_a_terminal_gets_the_colors_that_it_has(
    system: Literal["truecolor", "256", "standard"], code: str
) -> None:
    for cached in (Style.parse, Style._add):  # rich stores the codes of a style with it
        cached.cache_clear()
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=system, width=80, _environ={})
    for line in (legend(console), *heat_map([Character("a", 9.0)], console)):
        console.print(line)
    assert output.getvalue().count(code) == 2


def test_without_color_digits_below_show_the_surprisal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=80, _environ={})
    lines = [line.plain for line in heat_map([Character("a", 9.0), Character("b", 0.1)], console)]
    assert lines == ["ab", "90"]
    assert legend(console).plain.startswith("Each digit is a surprisal in bits")
