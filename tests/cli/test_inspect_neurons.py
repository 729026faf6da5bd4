"""charseq inspect-neurons: rankings, strips, values, selective units and gates of trained models."""

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from charseq.model.model_file import write
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.models import lstm_model
from tests.support.planted import bracketed_text, planted_model

MODEL = "planted.safetensors"
TEXT = bracketed_text(1_009, 3)


def write_planted(cell: str = "lstm") -> tuple[int, int]:
    model, counter, brackets = planted_model(cell, Vocabulary.of([TEXT]), 31, 5)
    write(Path(MODEL), model)
    Path("text.txt").write_text(TEXT)
    return counter, brackets


def neurons(charseq: Command, *arguments: str) -> list[dict[str, Any]]:
    result = charseq("inspect-neurons", "--model", MODEL, "--json", *arguments)
    assert result.status == 0, result.errors
    return result.records


def test_the_planted_units_lead_the_ranking(charseq: Command) -> None:
    counter, brackets = write_planted()
    rows = neurons(charseq, "--file", "text.txt", "--top", "1", "--tensor", "c")
    first = {row["feature"]: row for row in rows}
    assert first["position in line"] == {
        "feature": "position in line", "rank": 1, "unit": counter, "layer": 0, "tensor": "c",
        "correlation": pytest.approx(1, abs=1e-3), "direction": "higher",
    }  # fmt: skip
    assert first["bracket depth"]["unit"] == brackets
    assert next(iter(first)) in ("position in line", "bracket depth")
    assert len(rows) == len(first)
    plain = charseq("inspect-neurons", "--model", MODEL, "--file", "text.txt", "--tensor", "c", "--top", "1")
    header, best = (line.split("\t") for line in plain.output.splitlines()[:2])
    assert header == ["feature", "rank", "unit", "layer", "tensor", "correlation", "direction"]
    assert best[1:] == ["1", str(first[best[0]]["unit"]), "0", "c", "+1.0000", "higher"]
    assert "constant in this text: inside quotes\n" in plain.errors


def test_a_pattern_is_a_feature_of_its_own(charseq: Command) -> None:
    _, brackets = write_planted("rnn-relu")
    rows = neurons(charseq, TEXT, "--track", r"\([^()\n]*\)", "--top", "1")
    tracked = next(row for row in rows if row["feature"] == r"match of \([^()\n]*\)")
    assert tracked["unit"] == brackets


def test_the_values_of_units_are_a_line_for_each_symbol(charseq: Command) -> None:
    counter, brackets = write_planted("rnn-relu")
    text = "ab(\nc)"
    rows = neurons(charseq, text, "--unit", f"{counter},{brackets}")
    assert "".join(row["symbol"] for row in rows) == text
    counts = [row["values"][f"0.h.{counter}"] for row in rows]
    assert counts == pytest.approx([1, 2, 3, 0, 1, 2], abs=0.05)
    depths = [row["values"][f"0.h.{brackets}"] for row in rows]
    assert depths == pytest.approx([0, 0, 1, 1, 1, 0], abs=0.05)
    plain = charseq("inspect-neurons", text, "--model", MODEL, "--unit", str(counter)).output.splitlines()
    assert plain[0] == f"position\tsymbol\t0.h.{counter}"
    assert plain[4].startswith("3\t\\n\t")
    ranked = neurons(charseq, text, "--values", "--top", "1")
    assert [row["symbol"] for row in ranked] == [*text]
    table = charseq("inspect-neurons", text, "--model", MODEL, "--unit", "3", "--values", "--format", "table")
    assert table.output.splitlines()[0].split() == ["position", "symbol", "0.h.3"]


def test_without_color_marks_below_the_text_show_the_values(charseq: Command) -> None:
    counter, brackets = write_planted()
    arguments = ("--model", MODEL, "--tensor", "c", "--format", "table")
    one = charseq("inspect-neurons", "abc\nabc", "--unit", f"{counter}", *arguments)
    legend, *lines = one.output.splitlines()
    assert legend.split()[:3] == [f"0.c.{counter}", "-0.03", '"="']
    margin = len(f"0.c.{counter}  ")
    assert [line[margin:].rstrip() for line in lines] == ["abc⏎", ":+#", "abc", ":+#"]
    both = charseq("inspect-neurons", "ab(", "--unit", f"{counter},{brackets}", *arguments)
    assert [line[margin:] for line in both.output.splitlines()[2:]] == ["", "ab(", ":+#", "  #"]


@pytest.mark.parametrize("width", ["20", "40", "80"])
def test_a_long_text_is_wrapped_in_step_with_its_marks(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    write(Path(MODEL), lstm_model())
    text = "헬로\x1b[2J" * 9
    shown = charseq("inspect-neurons", text, "--model", MODEL, "--unit", "0,1", "--format", "table")
    assert shown.status == 0
    assert "\x1b" not in shown.output
    lines = shown.output.splitlines()[2:]
    assert max(map(cell_len, lines)) <= int(width)
    joined = "".join(line[7:] for line in lines if line.startswith("       "))
    assert joined == "헬로\\x1b[2J" * 9
    for start in range(0, len(lines), 4):
        assert cell_len(lines[start + 2]) == cell_len(lines[start + 1]) == cell_len(lines[start + 3])


def test_selective_units_are_listed_with_the_spans_where_else_they_are_on(charseq: Command) -> None:
    _, brackets = write_planted("rnn-relu")
    text = "ab(cd)ab(c)a"
    rows = neurons(charseq, text, "--select", "2:5", "--threshold", "0.5", "--top", "31")
    (row,) = [row for row in rows if row["unit"] == brackets]
    assert row["spans"] == [[8, 10]]
    assert row["elsewhere"] == pytest.approx(2 / 9)
    table = charseq(
        "inspect-neurons", text, "--model", MODEL, "--select", "2:5", "--threshold", "0.5", "--top", "31",
        "--format", "table",
    ).output  # fmt: skip
    assert f"{len(rows)} unit" in table
    assert "8:10 '(c'" in table
    plain = charseq("inspect-neurons", text, "--model", MODEL, "--select", "2:5", "--threshold", "0.5")
    assert plain.output.splitlines()[0].split("\t") == ["unit", "layer", "tensor", "elsewhere", "spans"]
    none = charseq("inspect-neurons", text, "--model", MODEL, "--select", "0:12", "--threshold", "9")
    assert none.status == 0
    assert "no unit is selective for 0:12 at --threshold 9" in none.errors


def test_gates_are_summarized_in_the_table_and_complete_in_json(charseq: Command) -> None:
    counter, _ = write_planted()
    rows = neurons(charseq, TEXT, "--gates")
    assert len(rows) == 3 * 31
    forget = next(row for row in rows if row["tensor"] == "f" and row["unit"] == counter)
    resets = TEXT.count("\n") / len(TEXT)
    assert forget["above"] == pytest.approx(1 - resets)
    assert forget["below"] == pytest.approx(resets)
    table = charseq("inspect-neurons", TEXT, "--model", MODEL, "--gates", "--format", "table").output
    assert [line.split()[:2] for line in table.splitlines()[2:]] == [["0", "i"], ["0", "f"], ["0", "o"]]


def test_without_a_text_the_memorized_or_the_training_text_is_read(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--text", "hey", "--epochs", "2", "--hidden-size", "5")
    rows = charseq("inspect-neurons", "--unit", "0", "--json").records
    assert "".join(row["symbol"] for row in rows) == "hihellohey"
    Path("corpus.txt").write_text("one (two) three\n" * 80)
    charseq.train(
        "--file", "corpus.txt", "--epochs", "1", "--hidden-size", "5", "--ngram", "0", "--cell", "gru"
    )
    result = charseq("inspect-neurons", "--unit", "0", "--json")
    assert len(result.records) == 16 * 80
    assert "reading all of corpus.txt" in result.errors
    Path("corpus.txt").write_text("changed")
    changed = charseq("inspect-neurons")
    assert changed.status == 2
    assert "changed since" in changed.errors
    assert "name the training file with --file" in changed.errors
    Path("corpus.txt").unlink()
    assert "is not found at 'corpus.txt'" in charseq("inspect-neurons").errors
    assert "no text was given" not in charseq("inspect-neurons", "one").errors


def test_lines_and_labels_are_read_as_they_were_trained(charseq: Command) -> None:
    Path("lines.txt").write_text("x\tab\ny\tba\nx\taab\ny\tbba\n")
    charseq.train("--file", "lines.txt", "--labels", "--epochs", "1", "--hidden-size", "5")
    own = charseq("inspect-neurons", "--unit", "0", "--json")
    assert own.status == 0, own.errors
    given = charseq("inspect-neurons", "ab\naab", "--label", "x", "--unit", "0", "--json").records
    assert "".join(row["symbol"] for row in given) == "xabxaab"
    assert "--label" in charseq("inspect-neurons", "ab").errors
    shown = charseq("inspect-neurons", "ab\naab", "--label", "x", "--unit", "0", "--format", "table").output
    assert [line.split()[0] for line in shown.splitlines()[1::2]] == ["xab", "xaab"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ab", "--unit", "31"], "there is no unit 31; units are numbered from 0 to 30"),
        (["ab", "--unit", "x"], "'x' is not a list of units"),
        (["ab", "--layer", "1"], "there is no layer 1; the only layer is 0"),
        (["ab", "--tensor", "z"], "the cell lstm has no tensor 'z'"),
        (["ab", "--track", "("], "'(' is not a regular expression"),
        (["ab", "--select", "1:9"], "--select 1:9: the text has 2 symbols"),
        (["ab", "--select", "2:1"], "'2:1' is not a span"),
        (["ab", "--threshold", "0.1"], "--threshold requires --select"),
        (["ab", "--gates", "--unit", "1"], "--gates cannot be combined with --unit"),
        (["ab", "--select", "0:1", "--values"], "--select cannot be combined with --values"),
        (["ab", "--unit", "1", "--top", "3"], "--unit cannot be combined with --top"),
        (["az"], "U+007A"),
        ([""], "empty"),
        (["--file", "missing.txt"], "missing.txt"),
        (["ab", "--encoding", "cp1252"], "none is read"),
    ],
)
def test_a_mistake_is_named(charseq: Command, arguments: list[str], message: str) -> None:
    write_planted()
    result = charseq("inspect-neurons", "--model", MODEL, *arguments)
    assert result.status == 2
    assert message in result.errors
    assert result.output == ""


def test_a_missing_run_a_cell_without_gates_and_a_text_without_variation_are_named(charseq: Command) -> None:
    assert charseq("inspect-neurons", "ab").status == 2
    write_planted("rnn-relu")
    gates = charseq("inspect-neurons", "ab", "--model", MODEL, "--gates")
    assert gates.status == 2
    assert "the cell rnn-relu has no gates" in gates.errors
    dull = charseq("inspect-neurons", "a", "--model", MODEL)
    assert (dull.status, dull.output) == (0, "")
    assert "give a longer one" in dull.errors
    assert "give a longer one" not in charseq("inspect-neurons", "a", "--model", MODEL, "--quiet").errors


def test_standard_input_is_read_in_its_encoding(charseq: Command) -> None:
    write(Path(MODEL), lstm_model())
    stdin = "헬로\n로".encode("utf-16")
    given = charseq(
        "inspect-neurons", "-", "--encoding", "utf-16", "--model", MODEL, "--unit", "0", "--json", stdin=stdin
    )
    assert "".join(row["symbol"] for row in given.records) == "헬로로"


def test_the_unit_of_text_in_the_environment_is_no_hidden_unit(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_planted()
    monkeypatch.setenv("CHARSEQ_UNIT", "byte")
    ranking = charseq("inspect-neurons", TEXT, "--model", MODEL)
    assert ranking.output.startswith("feature\t")
    monkeypatch.setenv("CHARSEQ_UNIT", "3")
    assert charseq("inspect-neurons", TEXT, "--model", MODEL).output.startswith("position\tsymbol\t0.h.3\n")
    refused = charseq("inspect-neurons", TEXT, "--model", MODEL, "--unit", "byte")
    assert refused.status == 2
    assert "the unit of text is that of the model" in refused.errors


def test_a_network_beside_an_n_gram_model_is_read_alone(charseq: Command) -> None:
    Path("corpus.txt").write_text("one (two) three\n" * 80)
    charseq.train("--file", "corpus.txt", "--epochs", "1", "--hidden-size", "5", "--ngram", "3")
    assert "the network alone" in charseq("inspect-neurons").errors
