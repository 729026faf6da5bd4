"""Tables fit on a screen of 80 columns, and break no name and no number."""

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from charseq.cells import CELLS
from charseq.comparison import Result, Trial
from charseq.events import End
from charseq.render.columns import joined, print_columns
from charseq.render.comparison_table import ComparisonTable
from charseq.settings.train_settings import TrainSettings
from tests.support.command import Command

LONG = "0012-my-cell-with-a-long-name"


def shown(headings: list[str], rows: list[list[str]], width: int = 40, **options: list[str]) -> list[str]:
    output = io.StringIO()
    print_columns(Console(file=output, width=width), headings, rows, **options)  # type: ignore[arg-type]
    return output.getvalue().splitlines()


def write_run(name: str, **end: object) -> None:
    """Write the log of a run."""
    folder = Path("runs", name)
    folder.mkdir(parents=True)
    start = {"event": "start", "cell": "lstm", "hidden_size": 1024, "layers": 2, "characters": 1_000_000}
    last = {"event": "end", "status": "completed", "epochs": 12345, "epoch": 9, "loss": 0.0001234}
    last |= {"accuracy": 0.3333, "validation_loss": 12.34, **end}
    (folder / "log.ndjson").write_text(f"{json.dumps(start)}\n{json.dumps(last)}\n")


def test_a_narrow_table_has_every_column_and_a_gap_of_two() -> None:
    assert shown(["a", "bb"], [["x", "y"]]) == ["a  bb", "x  y"]


def test_a_narrow_screen_leaves_the_least_important_columns_out_and_says_so() -> None:
    rows = [["name", "12345678", "87654321"]]
    assert shown(["n", "first", "last"], rows, 15, droppable=["last", "first"]) == [
        "n     first …",
        "name  12345678",
    ]
    assert shown(["n", "first", "last"], rows, 15, droppable=["first", "last"]) == [
        "n     last …",
        "name  87654321",
    ]


def test_a_column_without_values_is_left_out_first() -> None:
    rows = [["name", "12345678", "-"]]
    assert shown(["n", "first", "last-one"], rows, 15, droppable=["first", "last-one"])[1] == "name  12345678"


def test_a_text_is_folded_between_words() -> None:
    rows = [["name", "some words of a text", "1"]]
    assert shown(["n", "text", "m"], rows, 20, foldable=["text"]) == [
        "n    text          m", "name some words of 1", "     a text"
    ]  # fmt: skip


def test_a_word_that_is_too_long_has_its_own_line() -> None:
    rows = [["sum", "5f199647c1d61d4d4dd7"], ["size", "7"]]
    assert shown(["n", "value"], rows, 22, foldable=["value"]) == [
        "n    value", "sum", "  5f199647c1d61d4d4dd7", "size 7"
    ]  # fmt: skip


def test_a_name_that_is_too_long_is_above_its_values() -> None:
    rows = [["a-name-of-twenty-char", "1"], ["b", "2"]]
    assert shown(["n", "loss"], rows, 21) == ["n loss", "a-name-of-twenty-char", "  1", "b 2"]


def test_wide_characters_are_measured_in_columns() -> None:
    assert shown(["n", "m"], [["한국", "1"], ["ab", "2"]]) == ["n     m", "한국  1", "ab    2"]


@given(
    st.lists(st.lists(st.text("ab -", min_size=1, max_size=30), min_size=3, max_size=3), max_size=4),
    st.integers(20, 60),
)
@example([["aaaa", " aaaaaaaaaa", "a"]], 20)
@example([["aaaaaaaaaaaaaaaaaaaaaaaaa", "a", "a"]], 31)
@example([["aaaaaaaaaaaaaaaaaaaaaaaaaa", "a", "a"]], 31)
def test_no_word_is_split_at_any_width(rows: list[list[str]], width: int) -> None:
    lines = shown(["n", "text", "last"], rows, width, droppable=["last"], foldable=["text"])
    words = {word for line in lines for word in line.split()}
    assert {word for row in rows for word in (*row[0].split(), *row[1].split())} <= words
    assert all(cell_len(line) <= max(width, 32) for line in lines)


def test_items_are_joined_in_lines_that_break_between_them() -> None:
    items = ["0 a", "1 b", "12 c"]
    assert joined("known: ", items, ", ", 15) == "known: 0 a,\n1 b, 12 c"
    assert joined("known: ", items, ", ", 80) == "known: 0 a, 1 b, 12 c"


@pytest.mark.parametrize("name", [LONG, f"0012-compare/{LONG}", f"0012-{'long' * 20}"])
def test_the_list_of_runs_never_splits_a_name(charseq: Command, name: str) -> None:
    write_run("0001-lstm")
    write_run(name, status="diverged", validation_loss=None)
    lines = charseq("runs", "--format", "table").output.splitlines()
    assert sum(f"runs/{name}" in line for line in lines) == 1
    assert any(line.startswith("runs/0001-lstm ") for line in lines)
    assert all(len(line) <= 80 or name in line for line in lines)
    assert "diverged," in " ".join(lines)
    assert not any("…" in line for line in lines[1:])


def test_a_name_of_moderate_length_leaves_space_for_the_loss(charseq: Command) -> None:
    write_run(LONG)
    heading, row, _ = charseq("runs", "--format", "table").output.splitlines()
    assert {"run", "status", "loss"} <= set(heading.split())
    assert {f"runs/{LONG}", "0.0001234"} <= set(row.split())


def test_a_model_is_described_without_a_broken_name_or_hash(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3", "--out", f"runs/{LONG}")
    record = charseq("runs", "show", f"runs/{LONG}", "--json").records[0]
    lines = charseq("runs", "show", f"runs/{LONG}", "--format", "table").output.splitlines()
    assert max(map(len, lines)) <= 80
    for text in (record["model"], record["text_sha256"], *(f"tensor {name}" for name in record["tensors"])):
        assert sum(text in line for line in lines) == 1, text


def test_the_configuration_never_splits_options_values_and_sources(charseq: Command) -> None:
    file = Path("a-folder-with-a-long-name", "and-another-one", "charseq-configuration.toml")
    file.parent.mkdir(parents=True)
    vocabulary = "words " * 30
    file.write_text(f'vocabulary = "{vocabulary}"\n[train]\nout = "runs/{LONG}"\n')
    lines = charseq("config", "show", "train", "--config", str(file), "--format", "table").output.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(str(file) in line for line in lines) == 2
    assert sum(f"runs/{LONG}" in line for line in lines) == 1
    assert sum(line.split()[:1] == ["validation-split"] for line in lines) == 1
    assert "".join(lines).count("words") == 30


def test_the_list_of_cells_leaves_a_line_for_the_prompt_on_80x24(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes standard output for a terminal
    lines = re.sub(r"\x1b\[[\d;]*m", "", charseq("cells", "--format", "table").output).splitlines()
    assert len(lines) <= 23
    assert max(map(cell_len, lines)) <= 80
    assert {line.split()[0] for line in lines if not line.startswith(" ")} >= set(CELLS)
    assert "4H (I + H + 2)" in "\n".join(lines)


def test_a_lower_terminal_has_one_line_a_cell(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("LINES", "16")
    lines = re.sub(r"\x1b\[[\d;]*m", "", charseq("cells", "--format", "table").output).splitlines()
    assert len(lines) <= 15
    assert max(map(cell_len, lines)) <= 80
    assert {line.split()[0] for line in lines} >= set(CELLS)


def test_a_comparison_breaks_no_number() -> None:
    planned = [
        Trial(TrainSettings(cell=cell, seed=seed, epochs=9), 12_345_678)
        for seed in (0, 1)
        for cell in ("rnn-norm", "lstm")
    ]
    output = io.StringIO()
    with ComparisonTable(Console(file=output, width=80), planned) as table:
        for trial in planned:
            end = End(
                status="completed", model=None, epoch=9, epochs=9, loss=0.1234 + trial.settings.seed,
                accuracy=0.5 + 0.1 * trial.settings.seed, validation_loss=None,
                seconds=3700.0 + 100 * trial.settings.seed, passes=9.0,
            )  # fmt: skip
            result = Result(trial, end, 1234 + trial.settings.seed, [1_234_567.0 + trial.settings.seed])
            table.show((result, end))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in output.getvalue()
    assert "0.1234–1.1234" in output.getvalue()
    assert {"rnn-norm", "lstm"} <= {line.split()[0] for line in lines}


def test_the_symbols_of_a_vocabulary_are_beside_their_ids(charseq: Command) -> None:
    text = "the quick brown fox jumps over"
    lines = charseq("inspect-shapes", text, "--format", "table", "--explain").output.splitlines()
    assert max(map(len, lines)) <= 80
    caption = "\n".join(lines[1:6])
    for number, symbol in enumerate(sorted(set(text))):
        assert re.search(rf"(?<!\d){number} {re.escape(symbol if symbol != ' ' else '␣')}(?=\s)", caption)
