"""inspect-shapes: tensors too wide for numbers, and the tensors after the layers at one step."""

import io

import numpy as np
from rich.console import Console

from charseq.inspection.tracing import TracedTensor
from charseq.render.diverging import FEW_STYLES, STYLES, Palette
from charseq.render.tensor_values import values_text
from tests.support.command import Command


def test_a_step_with_a_head_ends_with_its_own_logits_and_loss(charseq: Command) -> None:
    arguments = ("inspect-shapes", "hello", "eol", "--head", "linear", "--values", "--json")
    whole = {r["name"]: r["values"] for r in charseq(*arguments).records if r["step"] is None}
    part = {r["name"]: r for r in charseq(*arguments, "--step", "2").records}
    assert list(part)[-6:] == ["h", "logits", "probabilities", "targets", "weights", "losses"]
    for name in ("logits", "probabilities", "targets", "weights", "losses"):
        assert part[name]["values"] == [row[2] for row in whole[name]]
    assert part["logits"]["axes"] == ["batch", "vocabulary"]
    assert part["weights"]["values"] == [1, 0]
    table = charseq(*arguments[:-1], "--step", "2", "--explain", "--format", "table").output
    assert "W output[t] + b" in table
    lines = [" ".join(line.split()) for line in table.splitlines()]
    targets = lines.index("targets B (2) the id of the next character")
    assert lines[targets + 1 : targets + 3] == ["l 2 l", "l -"]


def test_a_big_tensor_is_a_heat_map_in_the_table_and_complete_in_json(charseq: Command) -> None:
    arguments = ("inspect-shapes", "hello", "--hidden-size", "100", "--values", "--cell", "rnn")
    lines = charseq(*arguments, "--format", "table").output.splitlines()
    caption = next(i for i, line in enumerate(lines) if "500 values from " in line)
    assert lines[caption].endswith(" (1x3)")
    maps = [line.split(maxsplit=1) for line in lines[caption + 1 : caption + 6]]
    assert [label for label, _ in maps] == [*"hello"]
    assert all(set(cells) & set("=#") for _, cells in maps[-2:])
    assert "heat maps: =-. below, :+# above 0" in "\n".join(lines[-2:])
    output = next(r for r in charseq(*arguments, "--json").records if r["name"] == "output")
    assert len(output["values"][0][4]) == 100


def console(colors: str | None) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, no_color=colors is None, color_system=colors)  # type: ignore[arg-type]


def test_a_heat_map_has_the_largest_value_of_each_block_in_its_color() -> None:
    values = np.zeros((1, 131), np.float32)
    values[0, [3, 4, 130]] = [0.2, -0.9, 0.6]
    row = TracedTensor("h", 0, 0, "B H", values)
    for colors, styles in (("256", STYLES), ("standard", FEW_STYLES)):
        text = values_text(row, [["a"]], ["a"], 30, Palette.of(console(colors)))
        caption, cells = text.plain.splitlines()
        assert caption == "131 values from -0.9000 to 0.6000 (1x5)"
        assert cells == " " * 27
        start = len(caption) + 1
        spans = [(span.start - start, str(span.style).removeprefix("not dim ")) for span in text.spans]
        shown = [(place, style) for place, style in spans if style in styles and style]
        assert shown == [(0, styles[0]), (26, styles[5])]
    marks = values_text(row, [["a"]], ["a"], 30, Palette.of(console(None))).plain.splitlines()[1]
    assert marks == "=" + " " * 25 + "+"
