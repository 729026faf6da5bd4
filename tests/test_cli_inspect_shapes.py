import math

import pytest

from charseq.cells import CELLS
from tests.support import Command


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
    assert lines[0].startswith("rnn: 1 x 2 hidden")
    assert any(line.startswith("0 h h  from_x   batch, hidden") for line in lines)
    assert any(line.startswith("1 e ·  from_x   batch, hidden") for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "value", "remedy"),
    [
        ([], "no text", "charseq inspect-shapes hello"),
        ([""], "empty", "at least one character"),
        (["hello", "--cell", "gur"], "'gur'", "did you mean gru?"),
        (["hello", "--hidden-size", "0"], "0", "range"),
    ],
)
def test_a_mistake_is_answered_with_the_value_and_the_remedy(
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
