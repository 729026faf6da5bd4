"""Learning curves as a picture, drawn with matplotlib."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from charseq.errors import UsageError
from charseq.render.curves import Line, Panel, Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f")
"""Colors that the color-blind tell apart (Okabe and Ito 2008)."""
DASHES: Sequence[Any] = ("-", (0, (5, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)))
"""Styles of lines, which tell curves apart without color."""
MARKERS = "os^Dv"
FEW_POINTS = 40
"""Measurements up to which each has a marker."""
MARKERS_PER_CURVE = 10
"""Markers of a curve with more measurements."""
MAX_LABEL = 36
"""Characters of the label of a vertical axis in one line."""
INCHES, ROW_INCHES = 8.0, 4.2
DOTS_PER_INCH = 150
MAX_LEGEND_ABOVE = 4
"""Curves of a panel up to which its legend is above it; a longer one is below the panels."""
LEGEND_CELLS = 84
"""Columns of text that fit in a line of a legend."""
HANDLE_CELLS = 8
"""Columns of the sample of a curve beside its label, with the distance to the next."""
LEGEND_ROW_INCHES = 0.25
FONTS = (
    "DejaVu Sans", "Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "Noto Sans CJK SC",
    "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei",
    "PingFang SC", "WenQuanYi Micro Hei", "Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew",
    "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS", "Unifont", "Noto Emoji", "Symbola",
)  # fmt: skip
"""Fonts in which characters are looked for, in this order."""
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 11,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "charseq",  # the same curves give the same file
    "text.parse_math": False,  # the name of a run may contain $
    "text.usetex": False,
}
DATES = {"svg": "Date", "pdf": "CreationDate"}
"""The dates in the metadata of a format, which are left out."""


def picture(plot: Plot, form: str) -> tuple[bytes, str]:
    """Return a picture in a format, png, svg or pdf, and the characters that no installed font has.

    Raises UsageError without the package matplotlib.
    """
    try:
        from matplotlib import font_manager, style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise UsageError("--save requires the package matplotlib", hint="pip install matplotlib") from None

    installed = set(font_manager.get_font_names())
    fonts = {"font.family": [name for name in FONTS if name in installed]}
    data = io.BytesIO()
    with style.context(["default", {**STYLE, **fonts}]), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = len(plot.panels)
        height = ROW_INCHES if rows == 1 else 0.72 * rows * ROW_INCHES
        below = sum(_legend_rows(panel) for panel in plot.panels if _has_legend(panel, plot))
        figure = Figure(figsize=(INCHES, height + LEGEND_ROW_INCHES * below))
        FigureCanvasAgg(figure)
        figure.set_layout_engine("constrained")
        figure.suptitle(plot.title, fontsize=13)
        all_axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        for panel, axes in zip(plot.panels, all_axes, strict=True):
            _draw(panel, axes, plot)
        _label_positions(all_axes[-1], plot)
        metadata = {DATES[form]: None} if form in DATES else None
        figure.savefig(data, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
    return data.getvalue(), _missing(caught) if form != "svg" else ""


def _draw(panel: Panel, axes: "Axes", plot: Plot) -> None:
    """Draw a panel, its curves, its best measurements and its legend."""
    for line in panel.lines:
        _draw_line(panel, axes, line, several=plot.several_runs)
    if panel.is_log:
        _use_log_scale(axes, *panel.limits)
    elif panel.is_fraction:
        axes.set_ylim(-0.03, 1.03)
    else:
        axes.set_ylim(*panel.limits)
    label = panel.label + (", log scale" if panel.is_log else "")
    axes.set_ylabel(label.replace(" (", "\n(") if len(label) > MAX_LABEL else label)
    if not _has_legend(panel, plot):
        return
    handles, labels = axes.get_legend_handles_labels()
    if plot.is_named_by_axis(panel):
        handles, labels = [], []
    if panel is plot.panels[0] and any(line.best for line in panel.lines):
        handles += axes.plot([], [], "*", color="black", markersize=11)
        labels += [f"best {plot.best_at}"]
    layout: dict[str, Any] = {"ncols": _legend_columns(labels), "handlelength": 3}
    if _legend_rows(panel) and axes.figure:
        axes.figure.legend(handles, labels, loc="outside lower center", **layout)
    elif handles:
        layout |= {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
        axes.legend(handles, labels, **layout)


def _has_legend(panel: Panel, plot: Plot) -> bool:
    """Return whether a panel has a legend: the curves of several runs have the labels of the first panel."""
    return panel is plot.panels[0] or not plot.several_runs


def _legend_rows(panel: Panel) -> int:
    """Return the number of lines of a legend below the panels; 0 for one above its panel."""
    if len(panel.lines) <= MAX_LEGEND_ABOVE:
        return 0
    labels = [line.label for line in panel.lines]
    return math.ceil((len(labels) + 1) / _legend_columns(labels))


def _legend_columns(labels: Sequence[str]) -> int:
    """Return the number of columns of a legend."""
    widest = HANDLE_CELLS + max(map(cell_len, labels), default=0)
    return max(1, min(len(labels), LEGEND_CELLS // widest))


def _draw_line(panel: Panel, axes: "Axes", line: Line, *, several: bool) -> None:
    """Draw a curve; the color stands for the run, or for the measure of a single run."""
    number = line.run if several else line.measure
    dashes = line.measure or (line.run // len(COLORS) if several else 0)
    points = line.points
    every = 1 if len(points) <= FEW_POINTS else len(points) // MARKERS_PER_CURVE
    axes.plot(
        [point.x for point in points],
        [point.y for point in points],
        color=COLORS[number % len(COLORS)],
        linestyle=DASHES[dashes % len(DASHES)],
        marker=MARKERS[number % len(MARKERS)],
        markevery=(number % every, every),
        markersize=4.5,
        label=f"\u200b{line.label}" if line.label.startswith("_") else line.label,  # _names would be hidden
    )
    if line.best and panel.shows(line.best.y):
        color = COLORS[number % len(COLORS)]
        edge: dict[str, Any] = {"markeredgecolor": "black", "zorder": 5, "clip_on": False}
        axes.plot(line.best.x, line.best.y, "*", color=color, markersize=14, **edge)


def _use_log_scale(axes: "Axes", low: float, high: float) -> None:
    """Give the vertical axis a log scale, with labels as people write numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    if high < 3 * low:
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_minor_locator(NullLocator())
    elif high < 100 * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))


def _label_positions(axes: "Axes", plot: Plot) -> None:
    """Label the horizontal axis; epochs have whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(plot.x_label)
    low, high = plot.x_limits
    axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    axes.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=plot.is_whole, min_n_ticks=1)
    )


def _missing(caught: Sequence[warnings.WarningMessage]) -> str:
    """Return the characters that matplotlib found no glyph for."""
    codes = [str(each.message).split()[1] for each in caught if str(each.message).startswith("Glyph ")]
    return "".join(dict.fromkeys(chr(int(code)) for code in codes if code.isdecimal()))
