"""Ids and counts are whole numbers in every format."""

import json
from typing import Any

import pytest

from tests.support.command import Command


def ids_of(text: str) -> list[Any]:
    ids: list[Any] = json.loads(text)
    return ids


def test_plain_output_has_ids_as_whole_numbers(charseq: Command) -> None:
    output = charseq("inspect-shapes", "hello", "eol", "--head", "linear", "--values").output
    (targets,) = [line.split("\t")[-1] for line in output.splitlines() if line.startswith("targets\t")]
    assert targets.replace(" ", "") == "[[0,2,2,3,0],[3,2,0,0,0]]"


def test_json_has_ids_as_whole_numbers(charseq: Command) -> None:
    records = charseq("inspect-shapes", "hello", "--head", "linear", "--values", "--json").records
    (targets,) = [record["values"] for record in records if record["name"] == "targets"]
    assert all(type(number) is int for number in targets[0])


def test_a_table_summarizes_many_ids_as_whole_numbers(charseq: Command) -> None:
    text = "abc" * 60
    output = charseq("inspect-shapes", text, "--head", "linear", "--values", "--format", "table").output
    (targets,) = [line for line in output.splitlines() if line.startswith("targets ")]
    assert targets.rstrip().endswith("180 ids from 0 to 2")


def test_values_other_than_ids_have_four_decimals(charseq: Command) -> None:
    output = charseq("inspect-shapes", "hello", "--head", "linear", "--values").output
    (losses,) = [line.split("\t")[-1] for line in output.splitlines() if line.startswith("losses\t")]
    assert all(type(number) is float and number == round(number, 4) for number in ids_of(losses)[0])


@pytest.mark.parametrize(
    "command",
    [["score", "hihello"], ["compare", "--text", "ab", "--epochs", "1", "--cells", "rnn"], ["runs"]],
)
def test_no_count_in_plain_output_has_decimals(charseq: Command, command: list[str]) -> None:
    charseq.train("--text", "hihello", "--epochs", "2", "--hidden-size", "3")
    head, *rows = (line.split("\t") for line in charseq(*command).output.splitlines())
    for name in {"characters", "line", "seed", "hidden_size", "parameters", "epochs"} & set(head):
        for row in rows:
            assert row[head.index(name)].replace(",", "").isdigit(), (name, row)


def test_no_count_of_an_event_is_a_float(charseq: Command) -> None:
    start, epoch, end = charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    counts = {"characters", "sequences", "parameters", "vocabulary_size", "hidden_size", "epochs", "epoch"}
    for event in (start, epoch, end):
        assert all(type(event[name]) is int for name in counts & event.keys())
    assert epoch["target_ids"] == [[2, 1, 0, 3, 3, 4]]
    (scored,) = charseq("score", "hihello", "--json").records
    assert type(scored["characters"]) is int
    assert all(type(character["rank"]) is int for character in scored["per_character"])
