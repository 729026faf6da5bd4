"""The list of runs shows which text each run learned."""

import json
from pathlib import Path

import pytest

from charseq.text.sources import TextSource, description
from tests.support.command import Command

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TextSource(("hihello",)), "hihello"),
        (TextSource(("hi", "world", "yes")), "hi and 2 more"),
        (TextSource(("x" * 40,)), "x" * 40),
        (TextSource(("x" * 41,)), "x" * 37 + "..."),
        (TextSource(files=("corpus.txt",)), "corpus.txt"),
        (TextSource(("hi",), ("a.txt", "-")), "hi and 2 more"),
        (TextSource(files=("-",)), "standard input"),
        (TextSource(), ""),
    ],
)
def test_a_source_is_described_by_its_names_or_its_beginning(source: TextSource, expected: str) -> None:
    assert description(source) == expected


def test_a_file_is_listed_by_its_name_in_every_format(charseq: Command) -> None:
    Path("names.txt").write_text("ada\ngrace\n")
    start = charseq.train("--file", "names.txt", "--lines", *FAST)[0]
    assert start["text"] == "names.txt"
    assert charseq("runs", "--json").records[0]["text"] == "names.txt"
    assert charseq("runs").output.splitlines()[1].split("\t")[-1] == "names.txt"
    assert "names.txt" in charseq("runs", "--format", "table").output.splitlines()[1]


def test_the_runs_of_a_comparison_have_their_text(charseq: Command) -> None:
    charseq("compare", "--text", "hihello", "--cells", "gru,none", "--epochs", "1")
    assert [run["text"] for run in charseq("runs", "--json").records] == ["hihello", "hihello"]


def test_a_run_of_an_earlier_version_has_a_dash(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FAST)
    log = Path("runs/0001-gru/log.ndjson")
    start, *others = map(json.loads, log.read_text().splitlines())
    del start["text"]
    log.write_text("".join(json.dumps(event) + "\n" for event in (start, *others)))
    assert charseq("runs").output.splitlines()[1].split("\t")[-1] == "-"
    assert charseq("runs", "--json").records[0]["text"] is None


def test_the_text_of_a_run_is_shown_and_not_obeyed(charseq: Command) -> None:
    charseq.train("--text", "\x1b[2Jx\ny", *FAST)
    for form in ("table", "plain"):
        output = charseq("runs", "--format", form).output
        assert "\x1b" not in output
        assert r"\x1b[2Jx" in output
        assert len(output.splitlines()) == 2


def test_a_resumed_run_keeps_its_text(charseq: Command) -> None:
    charseq.train("--text", "hihello", *FAST)
    charseq.train("--resume", "--epochs", "2")
    assert charseq("runs", "--json").records[0]["text"] == "hihello"
