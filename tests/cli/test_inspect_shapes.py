import math

import numpy as np
import pytest
from rich.cells import cell_len

from charseq.cells import CELLS
from tests.support.command import Command


def test_with_no_option_every_tensor_is_listed(charseq: Command) -> None:
    result = charseq("inspect-shapes", "hello")
    header, first, *rest = result.output.splitlines()
    assert header.split("\t") == ["name", "layer", "step", "axes", "shape"]
    assert first.split("\t") == ["input", "-", "-", "batch,sequence,input", "(1, 5, 4)"]
    assert rest[-1].split("\t") == ["state.h", "0", "-", "batch,hidden", "(1, 2)"]


@pytest.mark.parametrize("cell", CELLS)
def test_the_contracts_example_is_the_lessons_first_case(charseq: Command, cell: str) -> None:
    records = charseq(
        "inspect-shapes", "h", "--vocabulary", "helo", "--hidden-size", "2", "--cell", cell, "--json"
    ).records
    by_name = {record["name"]: record for record in records}
    assert by_name["input"]["shape"] == [1, 1, 4]
    assert by_name["output"]["shape"] == [1, 1, 2]
    assert by_name["output"]["axes"] == ["batch", "sequence", "hidden"]
    assert by_name["input"]["step"] is None
    assert by_name["h"]["step"] == 0
    assert "values" not in by_name["h"]


def test_a_batch_of_unequal_strings_is_padded_with_exact_zeros(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", "eol", "lleo", "--values", "--json").records
    output = next(record for record in records if record["name"] == "output")
    assert output["shape"] == [3, 5, 2]
    assert output["values"][1][3:] == [[0, 0], [0, 0]]
    assert output["values"][2][4] == [0, 0]
    assert output["values"][0][4] != [0, 0]


def test_values_follow_from_the_seed(charseq: Command) -> None:
    arguments = ("inspect-shapes", "hello", "--values", "--json")
    assert charseq(*arguments).output == charseq(*arguments).output
    assert charseq(*arguments).output != charseq(*arguments, "--seed", "1").output


def test_values_obey_the_equations_of_the_cell(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", "--cell", "lstm", "--values", "--json").records
    at_step_1 = {record["name"]: record["values"][0] for record in records if record["step"] == 1}
    before = next(r for r in records if r["name"] == "c" and r["step"] == 0)["values"][0]
    for k in range(2):
        c = at_step_1["f"][k] * before[k] + at_step_1["i"][k] * at_step_1["g"][k]
        assert at_step_1["c"][k] == pytest.approx(c, abs=1e-6)
        assert at_step_1["h"][k] == pytest.approx(at_step_1["o"][k] * math.tanh(c), abs=1e-6)


def test_texts_come_from_options_files_and_lines_of_standard_input(charseq: Command) -> None:
    def batch(*arguments: str, stdin: bytes = b"") -> int:
        return int(charseq("inspect-shapes", "--json", *arguments, stdin=stdin).records[0]["shape"][0])

    assert batch("hello", "--text", "eol") == 2
    assert batch("-", stdin=b"hello\neol\nlo\n") == 3
    assert batch("--file", "-", stdin=b"hello") == 1


def test_the_table_shows_what_is_read_at_each_step(charseq: Command) -> None:
    result = charseq("inspect-shapes", "he", "h", "--cell", "rnn", "--format", "table", "--values")
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines[0] == "rnn: 1 layer of 2 hidden units, initial weights, seed 0"
    assert lines[1] == "vocabulary of 2 symbols: 0 e  1 h"
    assert lines[2] == "axes: B batch 2, T sequence 2, I input 2, H hidden 2, V vocabulary 2"
    assert "step 0, reading h h" in lines
    step = lines.index("step 1, reading e ∅")
    assert lines[step + 1].startswith("  x_proj     B H    (2, 2)     e ")
    assert lines[step + 2].split() == ["∅", "0.0000", "0.0000"]
    assert "∅ marks positions past the end of a text" in lines[-1]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "value", "remedy"),
    [
        ([], "no text", "charseq inspect-shapes hello"),
        ([""], "empty", "at least one character"),
        (["hello", "--cell", "gur"], "'gur'", "did you mean 'gru'?"),
        (["hello", "--hidden-size", "0"], "0", "range"),
    ],
)
def test_a_mistake_is_reported_with_the_value_and_the_remedy(
    charseq: Command, arguments: list[str], value: str, remedy: str
) -> None:
    result = charseq("inspect-shapes", *arguments)
    assert result.status == 2
    assert value in result.errors
    assert remedy in result.errors


def test_hostile_text_is_shown_and_never_obeyed(charseq: Command) -> None:
    for form in ("table", "plain", "json"):
        result = charseq("inspect-shapes", "\x1b[2J[red]\u202e", "--format", form)
        assert result.status == 0
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output


def test_the_table_has_no_details_unless_they_are_asked_for(charseq: Command) -> None:
    result = charseq("inspect-shapes", "he", "--cell", "rnn", "--format", "table")
    assert [" ".join(line.split()) for line in result.output.splitlines()[2:6]] == [
        "input batch, sequence, input (1, 2, 2)",
        "initial.h batch, hidden (1, 2)",
        "step 0, reading h",
        "x_proj batch, hidden (1, 2)",
    ]


def test_a_wide_table_has_the_names_of_axes_beside_equations(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    result = charseq("inspect-shapes", "he", "--format", "table", "--explain")
    assert "batch, 3*hidden" in result.output
    assert "axes:" not in result.output


@pytest.mark.parametrize("cell", CELLS)
def test_explain_derives_the_parameters_and_says_every_equation(charseq: Command, cell: str) -> None:
    told = charseq("inspect-shapes", "he", "--cell", cell, "--explain", "--format", "table").output
    told = " ".join(told.split())
    assert f": {CELLS[cell].formula()} = " in told
    assert all(f"{name} {param.axes}" in told for name, param in CELLS[cell].params.items())
    records = charseq(
        "inspect-shapes", "he", "--cell", cell, "--explain", "--head", "linear", "--json"
    ).records
    assert all(record["equation"] for record in records)


def test_explain_counts_as_the_lesson_does(charseq: Command) -> None:
    told = charseq("inspect-shapes", "hello", "--cell", "lstm", "--explain", "--format", "table").output
    told = " ".join(told.split())
    assert "layer 0: W_x 4H I, W_h 4H H, b_x 4H, b_h 4H: 4H (I + H + 2) = 8 * (4 + 2 + 2) = 64" in told
    told = charseq(
        "inspect-shapes", "hello", "--head", "linear", "--layers", "2", "--layer-norm",
        "--embedding-size", "3", "--explain", "--format", "table",
    ).output  # fmt: skip
    assert "embedding: W V E: V E = 4 * 3 = 12" in told
    assert "layer 1, norm: gain H, bias H: 2H = 4" in told
    assert "head: W V H, b V: V (H + 1) = 4 * (2 + 1) = 12" in told


def test_one_step_and_one_layer_can_be_chosen(charseq: Command) -> None:
    arguments = ("inspect-shapes", "hello", "--layers", "3", "--json")
    records = charseq(*arguments, "--step", "4", "--layer", "2").records
    assert {(record["step"], record["layer"]) for record in records} == {(4, 2)}
    assert [record["name"] for record in records] == ["x_gates", "h_gates", "r", "z", "n", "h"]
    for option, most in (("--step", 4), ("--layer", 2)):
        result = charseq(*arguments, option, "7")
        assert result.status == 2
        existing = f"{option[2:]}s are numbered from 0 to {most}" if most else f"the only {option[2:]} is 0"
        assert f"; {existing}\n" in result.errors


def test_a_bidirectional_run_is_for_looking_only(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", "--bidirectional", "--json").records
    shapes = {record["name"]: record["shape"] for record in records}
    assert shapes["output.forward"] == shapes["output.backward"] == [1, 5, 2]
    assert shapes["output"] == [1, 5, 4]
    assert [r["direction"] for r in records if r["name"] == "state.h"] == ["forward", "backward"]
    assert "direction" not in records[0]
    plain = charseq("inspect-shapes", "hello", "--bidirectional").output.splitlines()
    assert plain[0].split("\t")[-1] == "direction"
    result = charseq("inspect-shapes", "hello", "--bidirectional", "--head", "linear")
    assert result.status == 2
    assert "--bidirectional cannot be combined with --head linear" in result.errors


def test_without_a_head_the_hidden_size_is_the_vocabularys(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", "--head", "none", "--json").records
    shapes = {record["name"]: record["shape"] for record in records}
    assert shapes["output"] == shapes["logits"] == [1, 5, 4]
    assert "flattened" not in shapes
    assert shapes["loss"] == []


def test_a_trained_model_is_shown_over_its_training_text(charseq: Command) -> None:
    end = charseq.train("--text", "hihello", "--cell", "lstm", "--hidden-size", "5")[-1]
    records = charseq("inspect-shapes", "--model", "runs/0001-lstm", "--values", "--json").records
    by_name = {record["name"]: record for record in records}
    assert by_name["input"]["shape"] == [1, 7, 5]
    assert by_name["loss"]["values"] == pytest.approx(end["loss"], rel=1e-4)
    likeliest = [row.index(max(row)) for row in by_name["probabilities"]["values"][0]]
    assert likeliest[:6] == by_name["targets"]["values"][0][:6]
    other = charseq("inspect-shapes", "hell", "--model", "runs/0001-lstm", "--json").records
    assert other[0]["shape"] == [1, 4, 5]


def test_beside_a_model_no_other_network_can_be_chosen(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1")
    result = charseq(
        "inspect-shapes", "hi", "--model", "runs/0001-gru", "--layers", "2", "--hidden-size", "3"
    )
    assert result.status == 2
    assert "--model cannot be combined with --hidden-size and --layers" in result.errors


@pytest.mark.parametrize("width", ["20", "40", "80", "160"])
def test_the_table_fits_the_screen(charseq: Command, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    told = charseq("inspect-shapes", "héllo 한글", "eo", "--values", "--explain", "--format", "table").output
    assert max(map(cell_len, told.splitlines())) <= int(width)


def test_the_parameters_are_shown_as_a_model_file_holds_them(charseq: Command) -> None:
    records = charseq("inspect-shapes", "he", "--cell", "rnn", "--weights", "--values", "--json").records
    by_name = {record["name"]: record for record in records}
    assert by_name["layers.0.W_x"]["axes"] == ["hidden", "input"]
    assert by_name["layers.0.W_x"]["layer"] == 0
    w, b = (by_name[name]["values"] for name in ("layers.0.W_x", "layers.0.b_x"))
    e, h = (next(r for r in records if r["name"] == "x_proj" and r["step"] == t)["values"][0] for t in (1, 0))
    for k in range(2):
        assert h[k] == pytest.approx(w[k][1] + b[k])
        assert e[k] == pytest.approx(w[k][0] + b[k])
    assert not [name for name in by_name if name.startswith("head.")]


def test_both_directions_have_weights_of_their_own_and_are_counted_twice(charseq: Command) -> None:
    arguments = ("inspect-shapes", "he", "--bidirectional", "--weights", "--explain")
    records = [r for r in charseq(*arguments, "--json", "--values").records if r["name"] == "layers.0.W_x"]
    assert [record["direction"] for record in records] == ["forward", "backward"]
    assert records[0]["values"] != records[1]["values"]
    told = charseq(*arguments, "--format", "table").output
    assert "and the same number for the other direction" in told
    assert "h after the first character" in told


def test_a_residual_connection_is_described_as_it_is_computed(charseq: Command) -> None:
    records = charseq(
        "inspect-shapes", "he", "--cell", "rnn", "--layers", "3", "--residual", "--layer-norm",
        "--hidden-size", "7", "--explain", "--values", "--json",
    ).records  # fmt: skip
    said = {(r["name"], r["layer"]): r["equation"] for r in records}
    assert said["sum", 1] == "h of layer 0 + h"
    assert said["sum", 2] == "sum of layer 1 + h"
    assert said["normalized", 0].startswith("gain * (h - mean(h))")
    assert said["normalized", 1].startswith("gain * (sum - mean(sum)) / sqrt(variance(sum) + 1e-05)")

    def h(layer: int) -> np.ndarray:
        steps = [r["values"] for r in records if r["name"] == "h" and r["layer"] == layer]
        return np.stack(steps, 1)

    held = {(r["name"], r["layer"]): np.array(r["values"]) for r in records if r["step"] is None}
    np.testing.assert_allclose(held["sum", 1], h(0) + h(1), atol=1e-6)
    np.testing.assert_allclose(held["sum", 2], held["sum", 1] + h(2), atol=1e-6)
    v = held["sum", 1]
    centred = v - v.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(held["normalized", 1], expected, atol=1e-5)


def test_logits_are_below_their_symbols_and_targets_beside_theirs(charseq: Command) -> None:
    told = charseq("inspect-shapes", "a b", "--head", "linear", "--values", "--format", "table").output
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "vocabulary of 3 symbols: 0 ␣ 1 a 2 b" in lines
    assert any(line.endswith("logits B T V (1, 3, 3) ␣ a b") for line in lines)
    targets = lines.index("targets B T (1, 3) a 0 ␣")
    assert lines[targets + 1 : targets + 3] == ["␣ 2 b", "b -"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "runs/0001-gru", "--cell", "gru"],
        ["--model", "runs/0001-gru", "--vocabulary", "z"],
        ["--head", "linear", "--layer", "0"],
        ["--json", "--format", "table"],
    ],
)
def test_options_that_contradict_each_other_are_refused(charseq: Command, arguments: list[str]) -> None:
    charseq.train("--text", "hihello", "--epochs", "1")
    result = charseq("inspect-shapes", "hi", *arguments)
    assert result.status == 2
    assert all(argument in result.errors for argument in arguments if argument[:2] == "--")
