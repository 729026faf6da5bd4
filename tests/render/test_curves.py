"""What a drawing of learning curves shows, on the terminal and in a picture."""

import io
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from charseq.errors import UsageError
from charseq.render.curve_chart import print_chart
from charseq.render.curve_picture import picture
from charseq.render.curves import Plot, Point, X, notes, plot_of, thinned
from charseq.runs.curves import Curve, display_names, read_curve
from tests.support.learning_logs import falling, write_log

HOSTILE = "$b_{c}$ [red] \x1b[31m <b>"


def curves_of(*runs: Path) -> list[Curve]:
    return [read_curve(run, name) for run, name in zip(runs, display_names(runs), strict=True)]


def drawn(*runs: Path, x: X | None = None, measures: Sequence[str] = (), log: bool = False) -> Plot:
    return plot_of(curves_of(*runs), x=x, measures=measures, log=log)


def chart(plot: Plot, **more: Any) -> list[str]:
    output = io.StringIO()
    print_chart(plot, output, **more)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def texts(svg: bytes) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def validated(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**epoch, "validation_loss": epoch["loss"] + 0.1, **more} for epoch in falling(count)]


def test_a_memorized_text_shows_loss_and_accuracy_and_longer_text_both_losses() -> None:
    memorized, long = write_log("a", falling(3)), write_log("b", validated(3))
    mixed = write_log("c", validated(3, network_validation_loss=1.0, ngram_validation_loss=1.5))
    assert [panel.label for panel in drawn(memorized).panels] == [
        "training loss (nats per character)", "accuracy (fraction correct)"
    ]  # fmt: skip
    (panel,) = drawn(long).panels
    assert panel.label == "loss (nats per character)"
    assert [line.label for line in panel.lines] == ["training loss", "validation loss"]
    assert [line.label for line in drawn(mixed).panels[0].lines] == [
        "training loss", "validation loss, with n-grams", "validation loss, network alone"
    ]  # fmt: skip
    assert [line.label for line in drawn(long, mixed).panels[0].lines] == ["b", "c"]
    assert drawn(long, mixed).panels[0].label == "validation loss (nats per character)"
    assert drawn(long, memorized).panels[0].label == "training loss (nats per character)"


def test_measures_with_one_unit_share_a_panel() -> None:
    run = write_log("a", validated(3, learning_rate=0.01))
    panels = drawn(run, measures=["learning_rate", "accuracy", "validation_loss", "loss"]).panels
    assert [[line.label for line in panel.lines] for panel in panels] == [
        ["validation loss", "training loss"], ["accuracy"], ["learning rate"]
    ]  # fmt: skip


def test_the_axis_has_epochs_or_passes_where_there_are_measurements_within_epochs() -> None:
    report = {"event": "report", "epoch": 1, "passes": 0.5, "loss": 3.0}
    whole, within = write_log("a", falling(3)), write_log("b", [report, *falling(2)])
    assert drawn(whole).x_label == "epoch"
    assert drawn(whole, within).x_label == "passes over the text"
    points = drawn(within, x="epochs").panels[0].lines[0].points
    assert [x for x, _ in points] == [1, 2]
    assert len(drawn(within, x="passes").panels[0].lines[0].points) == 3
    with pytest.raises(UsageError, match="'c' has not completed an epoch"):
        drawn(write_log("c", [report]), x="epochs")


@pytest.mark.parametrize(
    ("longest", "unit", "last"), [(90, "seconds", 90), (600, "minutes", 10), (14400, "hours", 4)]
)
def test_times_have_a_unit_that_suits_them(longest: float, unit: str, last: float) -> None:
    run = write_log("a", falling(2), passes=2.0)
    with pytest.raises(UsageError, match=r"timing\.ndjson") as caught:
        drawn(run, x="seconds")
    assert "--x passes" in caught.value.hint
    times = (f'{{"line": {n + 1}, "passes": {n}, "seconds": {n * longest / 2}}}\n' for n in (1, 2))
    (run / "timing.ndjson").write_text("".join(times))
    plot = drawn(run, x="seconds")
    assert plot.x_label == f"training time ({unit})"
    assert plot.x_limits == (last / 2, last)
    assert plot.best_at == f"after {last} {unit}"


def test_a_measure_that_a_run_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(UsageError, match="'a' has no validation_loss") as caught:
        drawn(write_log("a", falling(2)), measures=["validation_loss"])
    assert caught.value.hint == "its measures: loss, accuracy (--measure)"


def test_notes_name_other_units_texts_and_runs_that_have_not_ended() -> None:
    runs = (
        write_log("a", falling(2), passes=2.0),
        write_log("b", [*falling(1), {"epoch": 2, "passes": 2.0, "loss": 0.0, "accuracy": 1.0}],
                  start={"unit": "byte", "text": "other"}),
    )  # fmt: skip
    assert notes(curves_of(*runs), drawn(*runs, log=True)) == [
        "the runs have different units of text, so their losses cannot be compared",
        "the runs were trained on different texts, so compare their losses with care",
        "b: unfinished after 2 measurements",
        "1 value of 0 cannot be drawn on a log scale",
    ]
    assert drawn(*runs).panels[0].label == "training loss (nats per symbol)"


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    points = [Point(float(x), math.sin(x)) for x in range(10_000)]
    points[7001] = Point(7001.0, 5.0)
    points[3001] = Point(3001.0, -5.0)
    kept = thinned(iter(points), 50, (0, 9_999))
    assert 50 < len(kept) <= 4 * 51
    assert {points[0], points[-1], points[3001], points[7001]} <= set(kept)
    assert kept == sorted(kept)
    assert thinned(points[:150], 50, (0, 149)) == points[:150]


@pytest.mark.parametrize("plotille", [True, False])
def test_a_chart_fits_the_screen_and_names_axes_curves_and_the_best_epoch(
    plotille: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not plotille:
        monkeypatch.setitem(sys.modules, "plotille", None)
    shown = chart(drawn(write_log("a", falling(17), passes=13.0)))
    assert len(shown) == 23
    assert max(map(len, shown)) <= 80
    assert shown[:2] == ["a: hihello", "training loss (nats per character)"]
    assert shown[-4].strip("└─ ") == "epoch"
    assert shown[-3].split() == ["5", "10", "15"]
    assert shown[-2:] == [
        "a training loss 0.1538   b accuracy 0.928", "* best epoch 13, with the values above"
    ]  # fmt: skip
    drawing = "\n".join(shown[2:-4])
    assert drawing.count("*") == 2
    assert bool(re.search("[⠁-⣿]", drawing)) == plotille
    assert len(chart(drawn(Path("a")), rows_below=2)) == 21


def test_a_curve_falls_from_the_upper_left_to_the_lower_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotille", None)
    epochs = [{"epoch": n, "passes": float(n), "loss": 22.0 - n} for n in range(1, 12)]
    shown = chart(drawn(write_log("a", epochs, passes=11.0), measures=["loss"]))
    rows = [line.partition("│")[2] for line in shown if "│" in line]
    firsts = [row.find("a") for row in rows if "a" in row]
    assert firsts == sorted(firsts)
    assert (firsts[0], "".join(rows).rstrip()[-1]) == (0, "*")
    labels = [
        (float(line.partition("│")[0]), i) for i, line in enumerate(shown) if re.match(r" *\d+ │", line)
    ]
    assert [value for value, _ in labels] == sorted((value for value, _ in labels), reverse=True)
    assert len(labels) > 2


def test_a_missing_value_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotille", None)
    epochs = [{"epoch": n, "passes": float(n), "loss": None if 4 <= n <= 8 else 2.0} for n in range(1, 12)]
    (row,) = (r for r in chart(drawn(write_log("a", epochs), measures=["loss"])) if r.count("a") > 5)
    assert re.search("a {20,}a", row)


def test_several_runs_have_a_letter_each_the_same_in_every_panel() -> None:
    runs = [write_log(f"runs/000{n}-gru", falling(5, first=n), passes=5.0) for n in (2, 3, 5)]
    shown = chart(drawn(*runs))
    assert shown[0] == "3 runs: hihello"
    assert "b 0003-gru 0.6, accuracy 0.833" in "\n".join(shown[-3:])
    drawing = "\n".join(line.partition("│")[2] for line in shown)
    assert {*"abc"} <= set(drawing)
    assert not {*"def"} & set(drawing)


def test_a_chart_for_a_terminal_without_unicode_is_ascii() -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_chart(drawn(write_log("a", falling(5), passes=5.0)), output)
    output.seek(0)
    shown = output.read()
    assert "+---" in shown
    assert shown.count("a") > 20


def test_hostile_names_are_text_on_the_terminal_and_in_a_picture() -> None:
    run = write_log(HOSTILE, falling(3), start={"text": "$x^2$\u202e"}, passes=3.0)
    title = r"$b_{c}$ [red] \x1b[31m <b>: $x^2$\u202e"
    assert chart(drawn(run))[0] == title
    svg, missing = picture(drawn(run), "svg")
    assert title in texts(svg)
    assert missing == ""


def test_names_that_begin_with_an_underscore_are_in_the_legend() -> None:
    runs = write_log("_one", falling(3)), write_log("two", falling(3))
    found = [text.strip("\u200b") for text in texts(picture(drawn(*runs), "svg")[0])]
    assert {"_one", "two"} <= set(found)


def test_a_long_name_is_shortened_in_the_middle() -> None:
    run = write_log("x" * 60 + "-the-end", falling(2))
    assert chart(drawn(run))[0] == "x" * 18 + "..." + "x" * 10 + "-the-end: hihello"


@pytest.mark.parametrize(("form", "count"), [("png", 60), ("svg", 1), ("pdf", 2)])
def test_a_picture_has_its_format(form: str, count: int) -> None:
    data, _ = picture(drawn(write_log("a", falling(count)), log=count == 2, measures=["loss"]), form)
    assert data.startswith({"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF"}[form])


def test_the_legend_of_many_runs_is_inside_the_picture() -> None:
    runs = [write_log(f"{n:04}-a-run-with-{'long-' * 4}name", falling(3)) for n in range(25)]
    root = ElementTree.fromstring(picture(drawn(*runs), "svg")[0])
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    places = {}
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        moved = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", text.attrib.get("transform", ""))
        x, y = moved.groups() if moved else (text.attrib["x"], text.attrib["y"])
        places[text.text or ""] = (float(x), float(y))
    labels = [places[run.name] for run in runs]
    assert all(0 < x < width / 2 and 0 < y < height for x, y in labels)
    assert len(set(labels)) == 25


def test_the_axis_names_a_single_curve_instead_of_a_legend() -> None:
    shown = texts(picture(drawn(write_log("a", falling(5))), "svg")[0])
    assert [text for text in shown if "accuracy" in text] == ["accuracy (fraction correct)"]
    assert "best epoch 5" in shown


@pytest.mark.parametrize("epochs", [1, 7])
def test_a_chart_on_a_narrow_screen_is_no_wider(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    monkeypatch.setenv("LINES", "30")
    assert max(map(len, chart(drawn(write_log("a", falling(epochs)))))) <= 12


def test_the_chart_of_one_epoch_has_its_star_alone() -> None:
    canvas = [line.partition("│")[2] for line in chart(drawn(write_log("a", falling(1)))) if "│" in line]
    assert "".join(canvas).split() == ["*", "*"]


def test_the_best_within_an_epoch_reads_as_in_the_table() -> None:
    partial = [*falling(3), {"epoch": 4, "passes": 3.2999, "loss": 0.1, "accuracy": 0.9}]
    assert drawn(write_log("a", partial, passes=3.2999)).best_at == "after 3.29 epochs"


def test_equal_curves_give_equal_files() -> None:
    plot = drawn(write_log("a", falling(2)), measures=["loss"])
    assert picture(plot, "svg")[0] == picture(plot, "svg")[0]


def test_a_picture_labels_both_axes_and_the_best_epoch() -> None:
    found = texts(picture(drawn(write_log("a", validated(3), passes=2.0)), "svg")[0])
    assert {"a: hihello", "epoch", "loss (nats per character)", "training loss", "best epoch 2"} <= set(found)
    assert [text for text in found if text.isdecimal()] == ["1", "2", "3"]


def test_characters_that_no_font_has_are_returned() -> None:
    run = write_log("a", falling(2), start={"text": "x\u0378y\u0379"})  # unassigned in Unicode
    assert picture(drawn(run), "png")[1] == "\u0378\u0379"


def test_without_matplotlib_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="requires the package matplotlib") as caught:
        picture(drawn(write_log("a", falling(2))), "png")
    assert caught.value.hint == "pip install matplotlib"
