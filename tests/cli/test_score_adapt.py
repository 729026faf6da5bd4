"""charseq score --adapt: a model that learns from each window after it has scored it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

import charseq as package
from charseq.errors import UsageError
from tests.support.command import Command
from tests.support.training import LONG

SQUARES = "".join(f"{i} squared is {i * i}.\n" for i in range(60))
TINY = ["--epochs", "1", "--cell", "gru", "--hidden-size", "13", "--layers", "1"]


@pytest.fixture
def times(charseq: Command) -> Command:
    """Return the command, with a model of longer text, and a text of the same characters that repeats."""
    Path("times.txt").write_text(LONG + SQUARES)
    Path("again.txt").write_text(SQUARES * 3)
    charseq.train("--file", "times.txt", *TINY)
    return charseq


def nats(command: Command, *arguments: str, stdin: bytes = b"") -> list[float]:
    """Return the nats per character of each text."""
    result = command("score", *arguments, "--json", stdin=stdin)
    assert result.status == 0, result.errors
    return [record["nats_per_character"] for record in result.records]


@pytest.mark.parametrize("ngram", ["0", "3"])
def test_a_text_that_repeats_costs_less(times: Command, ngram: str) -> None:
    times.train("--file", "times.txt", *TINY, "--ngram", ngram)
    (fixed,), (adapted,) = (nats(times, "--file", "again.txt", *option) for option in ([], ["--adapt"]))
    assert adapted < 0.8 * fixed


def test_the_same_command_gives_the_same_bytes_and_says_that_it_adapts(times: Command) -> None:
    first, second = (times("score", "--file", "again.txt", "--adapt", "--per-character") for _ in range(2))
    assert first.status == 0
    assert first == second
    assert first.errors == "adapting to the text: each window is scored first, then learned from\n"
    fixed = times("score", "--file", "again.txt", "--per-character")
    assert len(first.output.splitlines()) == len(fixed.output.splitlines())


def test_each_text_starts_from_the_trained_model(times: Command) -> None:
    first, second = nats(times, SQUARES, SQUARES, "--adapt")
    assert first == second


def test_lines_are_learned_from_in_the_order_of_input(times: Command) -> None:
    lines = SQUARES.splitlines()[:20]
    text = "\n".join(lines * 2).encode()
    found = nats(times, "-", "--lines", "--adapt", stdin=text)
    assert sum(found[20:]) < 0.9 * sum(found[:20])
    assert found[:20] == nats(times, "\n".join(lines), "--lines", "--adapt")


def test_sorted_lines_have_the_scores_of_the_order_of_input(times: Command) -> None:
    lines = "\n".join(SQUARES.splitlines()[:20] * 2)
    found = nats(times, lines, "--lines", "--adapt")
    assert nats(times, lines, "--lines", "--adapt", "--sort", "likely") == sorted(found)
    assert nats(times, lines, "--lines", "--adapt", "--sort", "surprising") == sorted(found, reverse=True)


def test_a_model_of_lines_adapts(charseq: Command) -> None:
    names = [f"{a}{b}{c}" * 2 for a in "kmst" for b in "aeiou" for c in "lnr" * 4]
    Path("names.txt").write_text("\n".join(names))
    charseq.train("--file", "names.txt", "--lines", *TINY)
    records = charseq("score", "kalkal", "monmon", *["tirtir"] * 40, "--adapt", "--json").records
    assert {record["characters"] for record in records} == {7}
    assert records[-1]["nats_per_character"] < 0.8 * records[2]["nats_per_character"]


def test_unknown_characters_are_skipped_or_replaced(times: Command) -> None:
    assert times("score", "1 times Q", "--adapt").status == 2
    for unknown in ("skip", "replace"):
        result = times("score", "Q" + SQUARES + "Q", "--adapt", "--unknown", unknown, "--json")
        assert result.status == 0
        assert "2 unknown characters were" in result.errors
        assert result.records[0]["characters"] == len(SQUARES) + (1 if unknown == "replace" else -1)


@pytest.mark.parametrize("options", [["--text", "hihello"], ["--text", "hihello" * 9, "--stride", "3"]])
def test_a_model_of_short_text_is_refused(charseq: Command, options: list[str]) -> None:
    charseq.train(*options, "--epochs", "1")
    result = charseq("score", "hihello", "--adapt")
    assert (result.status, result.output) == (2, "")
    assert "--adapt requires a model that was trained on longer text" in result.errors
    assert "leave --adapt out" in result.errors


def test_a_batch_size_is_refused(times: Command) -> None:
    result = times("score", "1 times 2", "--adapt", "--batch-size", "8")
    assert result.status == 2
    assert "--adapt cannot be combined with --batch-size" in result.errors


def test_python_gives_the_score_of_the_command(times: Command) -> None:
    (record,) = times("score", "--file", "again.txt", "--adapt", "--json").records
    model = package.load()
    text = Path("again.txt").read_text()
    score = model.score(text, adapt=True)
    assert score.nats_per_character == pytest.approx(record["nats_per_character"], rel=1e-12)
    assert [each.nats_per_character for each in model.scores([text, text], adapt=True)] == [
        score.nats_per_character
    ] * 2
    assert model.score(text).nats_per_character == nats(times, "--file", "again.txt")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 2}, "adapt cannot be combined with batch_size"),
        ({"adapt": "yes"}, "adapt"),
    ],
)
def test_wrong_arguments_in_python_are_errors(
    times: Command, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        package.load().scores(["1 times 2"], **{"adapt": True, **arguments})


def test_adapting_loads_no_torch(light_python: str, times: Command) -> None:
    code = (
        "import sys; from charseq.cli.app import run; "
        "status = run(['score', '--file', 'again.txt', '--adapt']); "
        "assert status == 0 and 'torch' not in sys.modules"
    )
    subprocess.run([light_python, "-c", code], check=True, timeout=60, capture_output=True)
