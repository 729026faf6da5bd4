import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.command import Command

PLAIN = "bits\tnats\tperplexity\tcharacters\tline\ttext"


@pytest.fixture
def hihello(charseq: Command) -> Command:
    charseq.train("--text", "hihello", "--cell", "lstm")
    return charseq


@pytest.fixture
def names(charseq: Command) -> Command:
    names = [f"{a}{b}{c}" for a in "kmt" for b in "aeo" for c in ("na", "ra", "lo")]
    Path("names.txt").write_text("".join(f"{name}\n" for name in names))
    options = ["--epochs", "40", "--hidden-size", "32", "--validation", "0.1", "--validation-split", "tail"]
    charseq.train("--file", "names.txt", "--lines", *options)
    return charseq


def rows(output: str) -> list[list[str]]:
    head, *lines = output.splitlines()
    assert head == PLAIN
    found = [line.split("\t") for line in lines]
    return [[*row[:4], row[5]] for row in found]


def test_the_json_is_as_the_contract_has_it(hihello: Command) -> None:
    (record,) = hihello("score", "hihello", "--json").records
    assert record["text"] == "hihello"
    assert record["characters"] == 6
    assert [place["character"] for place in record["per_character"]] == list("ihello")
    assert all(place["rank"] == 1 for place in record["per_character"])
    bits = sum(place["bits"] for place in record["per_character"]) / 6
    assert record["bits_per_character"] == pytest.approx(bits)
    assert record["nats_per_character"] == pytest.approx(bits * math.log(2))
    assert record["perplexity"] == pytest.approx(2**bits)


@pytest.mark.parametrize(
    "options",
    [
        ["--text", "hihello", "--text", "hey you"],
        ["--text", "to be, or not to be", "--cell", "lstm", "--layers", "2", "--layer-norm"],
        ["--text", "가나다라 가나", "--unit", "byte"],
        ["--text", "hihello", "--head", "none", "--cell", "rnn", "--epochs", "20"],
    ],
)
def test_the_sum_over_a_text_is_the_loss_that_training_reports(charseq: Command, options: list[str]) -> None:
    end = charseq.train(*options)[-1]
    texts = [value for flag, value in pairwise(options) if flag == "--text"]
    records = charseq("score", *texts, "--json").records
    places = sum(record["characters"] for record in records)
    nats = sum(record["nats_per_character"] * record["characters"] for record in records)
    assert nats / places == pytest.approx(end["loss"], abs=1e-5)


def test_the_score_of_held_out_text_is_the_validation_loss(charseq: Command) -> None:
    text = "".join(f"{i} squared is {i * i}.\n" for i in range(200))
    Path("squares.txt").write_text(text)
    options = ["--epochs", "2", "--hidden-size", "24", "--patience", "0", "--validation-split", "tail"]
    end = charseq.train("--file", "squares.txt", *options)[-1]
    Path("last.txt").write_text(text[len(text) - round(len(text) * 0.1) :])
    (record,) = charseq("score", "--file", "last.txt", "--json").records
    assert record["nats_per_character"] == pytest.approx(end["validation_loss"], abs=1e-5)


def test_the_score_of_held_out_lines_is_the_validation_loss(names: Command) -> None:
    (end,) = (
        json.loads(line) for line in Path("runs/0001-rnn-norm/log.ndjson").read_text().splitlines()[-1:]
    )
    lines = Path("names.txt").read_text().splitlines()
    held_out = lines[round(len(lines) * 0.9) :]
    records = names("score", *held_out, "--json").records
    assert [record["characters"] for record in records] == [len(line) + 1 for line in held_out]
    assert records[0]["per_character"][-1]["character"] == ""
    nats = sum(record["nats_per_character"] * record["characters"] for record in records)
    assert nats / sum(r["characters"] for r in records) == pytest.approx(end["validation_loss"], abs=1e-5)


def test_in_a_pipe_a_text_is_a_line_of_measures(hihello: Command) -> None:
    (likely, odd) = rows(hihello("score", "hihello", "hillo").output)
    assert likely[3:] == ["6", "hihello"]
    assert float(likely[0]) < 0.5 < 5 < float(odd[0])
    assert float(likely[1]) == pytest.approx(float(likely[0]) * math.log(2), abs=2e-4)


def test_every_character_is_a_line_where_they_are_asked_for(hihello: Command) -> None:
    head, *lines = hihello("score", "hih", "ho", "--per-character").output.splitlines()
    assert head == "line\tcharacter\tbits\trank\tlikeliest"
    assert [line.split("\t")[:2] for line in lines] == [["1", "i"], ["1", "h"], ["2", "o"]]
    assert int(lines[2].split("\t")[3]) > 1


def test_the_line_of_a_character_is_that_of_the_text(hihello: Command) -> None:
    options = ["score", "-", "--lines", "--sort", "surprising", "--per-character"]
    _, *lines = hihello(*options, stdin=b"hi\n\nhol\n").output.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["3", "o"], ["3", "l"], ["1", "i"]]


def test_a_byte_that_is_not_a_character_is_shown_as_a_byte(charseq: Command) -> None:
    charseq.train("--text", "가가", "--unit", "byte", "--epochs", "3")
    _, *lines = charseq("score", "a가"[1:], "--per-character").output.splitlines()
    assert [line.split("\t")[1] for line in lines] == [r"\xb0", r"\x80"]


def test_lines_are_scored_one_by_one_and_sorted(names: Command) -> None:
    text = b"kana\nkkkk\nmera\n\noaoa\n"
    in_order = [row[4] for row in rows(names("score", "-", stdin=text).output)]
    assert in_order == ["kana", "kkkk", "mera", "oaoa"]
    for order, first in (("surprising", {"kkkk", "oaoa"}), ("likely", {"kana", "mera"})):
        found = rows(names("score", "-", "--sort", order, stdin=text).output)
        assert {row[4] for row in found[:2]} == first
        bits = [float(row[0]) for row in found]
        assert bits == sorted(bits, reverse=order == "surprising")
        records = names("score", "-", "--sort", order, "--json", stdin=text).records
        assert [record["text"] for record in records] == [row[4] for row in found]
        assert {record["number"] for record in records} == {1, 2, 3, 5}


def test_a_threshold_shows_only_what_is_past_it_and_sets_the_status(names: Command) -> None:
    result = names("score", "-", "--threshold", "4", stdin=b"kana\nkkkk\nmera\n")
    assert [row[4] for row in rows(result.output)] == ["kkkk"]
    assert result.status == 3
    assert "1 of 3 lines has more than 4 bits per character" in result.errors
    quiet = names("score", "-", "--threshold", "40", stdin=b"kana\nkkkk\nmera\n")
    assert (quiet.status, quiet.output, quiet.errors) == (0, "", "")


def test_a_file_is_one_text_and_with_lines_many(hihello: Command) -> None:
    Path("text.txt").write_text("hihellohi")
    (row,) = rows(hihello("score", "--file", "text.txt").output)
    assert row[3:] == ["8", "text.txt"]
    found = rows(hihello("score", "--file", "text.txt", "--lines", "hello").output)
    assert [row[4] for row in found] == ["hello", "hihellohi"]
    whole = hihello("score", "-", stdin=b"hihellohi")
    assert rows(whole.output)[0][:4] == row[:4]


def test_a_file_of_any_size_is_scored_in_pieces(hihello: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("long.txt").write_text("hihello" * 500)
    expected = hihello("score", "--file", "long.txt", "--json").output
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 100)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 97)
    assert hihello("score", "--file", "long.txt", "--json").output == expected
    assert len(json.loads(expected)["per_character"]) == 3499


def test_unknown_characters_are_an_error_skipped_or_replaced(hihello: Command) -> None:
    result = hihello("score", "hiz")
    assert result.status == 2
    assert "'z' (U+007A), character 3 of 'hiz'" in result.errors
    for way, read in (("skip", "ih"), ("replace", "i\ufffdh")):
        result = hihello("score", "hizh", "hi", "--unknown", way, "--json")
        first, second = result.records
        assert (first["text"], first["unknown"], second["unknown"]) == ("hizh", 1, 0)
        assert "".join(place["character"] for place in first["per_character"]) == read
        assert "1 unknown character was" in result.errors
    Path("text.txt").write_text("zhizh")
    again = hihello("score", "--file", "text.txt", "--unknown", "skip", "--threshold", "0")
    assert "2 unknown characters were skipped" in again.errors
    (record,) = hihello("score", "--file", "text.txt", "--unknown", "skip", "--json").records
    assert (record["text"], record["unknown"], record["characters"]) == ("zhizh", 2, 2)
    lines = hihello(
        "score", "--file", "text.txt", "--unknown", "skip", "--format", "table"
    ).output.splitlines()
    assert lines[2] == "hih"


def test_a_replaced_character_counts_as_the_least_likely_one(hihello: Command) -> None:
    (record,) = hihello("score", "hihz", "--unknown", "replace", "--json").records
    last = record["per_character"][-1]
    every = [hihello("score", f"hih{c}", "--json").records[0]["per_character"][-1] for c in "ehilo"]
    assert last["bits"] == max(place["bits"] for place in every)
    assert (last["rank"], last["character"], last["likeliest"]) == (5, "\ufffd", "e")
    (whole,) = hihello("score", "-", "--unknown", "replace", "--json", stdin=b"hihz").records
    assert whole["per_character"] == record["per_character"]
    output = hihello("score", "zhihz", "--unknown", "replace", "--format", "table").output
    assert output.splitlines()[1] == "\ufffdhih\ufffd"


def test_a_line_has_its_number(hihello: Command) -> None:
    output = hihello("score", "-", "--lines", "--sort", "surprising", stdin=b"hi\n\nhello\nhohoho\n").output
    assert {tuple(line.split("\t")[4:]) for line in output.splitlines()[1:]} == {
        ("1", "hi"), ("3", "hello"), ("4", "hohoho")
    }  # fmt: skip


def test_lines_before_one_that_cannot_be_read_are_scored(hihello: Command) -> None:
    result = hihello("score", "-", "--lines", stdin=b"hi\nhello\nhiz\nhe\n")
    assert [row[4] for row in rows(result.output)] == ["hi", "hello"]
    assert result.status == 2
    assert "line 3: 'z' (U+007A)" in result.errors


def test_lines_of_a_pipe_are_scored_as_they_come(names: Command) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "charseq", "score", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"kana", b"mera"):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            if line == b"kana":
                assert process.stdout.readline().decode().rstrip() == PLAIN
            assert process.stdout.readline().endswith(b"\t" + line + b"\n")
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_text_of_one_character_has_no_measure(hihello: Command) -> None:
    assert rows(hihello("score", "h").output) == [["-", "-", "-", "0", "h"]]
    (record,) = hihello("score", "h", "--json").records
    assert record["nats_per_character"] is record["perplexity"] is None
    assert record["per_character"] == []


def test_without_color_digits_and_a_more_probable_character_are_below(hihello: Command) -> None:
    legend, text, digits, instead, sentence = hihello(
        "score", "hilloo", "--format", "table"
    ).output.splitlines()
    assert "0 = certain" in legend
    assert text == "hilloo"
    assert digits[0] == " "
    assert digits[1] in "01"
    assert "9" in digits
    assert instead[2] == "h"
    assert sentence.startswith("5 characters: ")


def test_the_bits_of_each_line_come_before_it(names: Command) -> None:
    _, first, *_ = names("score", "kana", "--format", "table").output.splitlines()
    bits, text = first.split()
    assert text == "kana⏎"
    assert 0 < float(bits) < 4


@pytest.mark.parametrize("threshold", [(), ("--threshold", "3")])
@pytest.mark.parametrize("source", [("-",), ("--file", "-"), ("-", "--lines"), ("-", "--json")])
def test_empty_standard_input_is_reported_and_is_no_alarm(
    hihello: Command, source: tuple[str, ...], threshold: tuple[str, ...]
) -> None:
    result = hihello("score", *source, *threshold)
    assert result.status == 0
    assert result.errors == "charseq: standard input is empty\n  there is nothing to score\n"
    assert result.records == [] if "--json" in source else "\t" not in result.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "'lines.txt' is empty"), (b"\n\r\n", "'lines.txt' contains only empty lines")],
)
def test_a_file_without_a_line_to_score_is_reported(hihello: Command, content: bytes, reason: str) -> None:
    Path("lines.txt").write_bytes(content)
    result = hihello("score", "--file", "lines.txt", "--lines", "--threshold", "3")
    assert (result.status, result.errors) == (0, f"charseq: {reason}\n  there is nothing to score\n")


@pytest.mark.parametrize(
    ("arguments", "value", "remedy"),
    [
        (["score"], "no text to score", "--file"),
        (["score", "--threshold", "low", "h"], "'low' is not a number", "--help"),
        (["score", "--sort", "length", "h"], "'length'", "--help"),
        (["score", "--file", "none.txt"], "'none.txt'", "check the path"),
        (["score", "--file", "here.txt", "--sort", "likely"], "--sort ranks texts and lines", "--lines"),
        (["score", "-", "--file", "-"], "only once", "only once"),
        (["score", "--model", "none", "h"], "'none'", "charseq runs"),
    ],
)
def test_a_mistake_is_reported_with_the_value_and_the_remedy(
    hihello: Command, arguments: list[str], value: str, remedy: str
) -> None:
    Path("here.txt").write_text("hihello")
    result = hihello(*arguments)
    assert result.status == 2
    assert value in result.errors
    assert remedy in result.errors
    assert len(result.errors.splitlines()) <= 3


def test_an_error_in_the_first_text_leaves_standard_output_empty(hihello: Command) -> None:
    for form in (["--format", "plain"], ["--per-character"], ["--format", "table"]):
        for source in (["-"], ["-", "--lines"], ["hz"]):
            result = hihello("score", *source, *form, stdin=b"hz")
            assert (result.status, result.output) == (2, "")
