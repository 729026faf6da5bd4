import hashlib
import json
from pathlib import Path

import pytest
from safetensors import numpy as safetensors

from charseq import __version__
from charseq.model.description import NETWORK_FORMAT
from tests.support.command import Command
from tests.support.training import LONG

MODEL = Path("runs/0001-lstm/model.safetensors")


@pytest.fixture
def trained(charseq: Command) -> Command:
    charseq.train("--text", "hihello", "--cell", "lstm", "--hidden-size", "5", "--epochs", "3")
    charseq.train("--text", "xyz", "--cell", "rnn", "--epochs", "2")
    return charseq


def test_runs_are_listed_the_oldest_first(trained: Command) -> None:
    head, *rows = (line.split("\t") for line in trained("runs").output.splitlines())
    assert head == [
        "run", "cell", "size", "characters", "status", "epochs", "loss", "accuracy", "validation", "changed",
        "text",
    ]  # fmt: skip
    assert [row[10] for row in rows] == ["hihello", "xyz"]
    assert [row[:6] for row in rows] == [
        ["runs/0001-lstm", "lstm", "1 x 5", "7", "completed", "3"],
        ["runs/0002-rnn", "rnn", "1 x 128", "3", "completed", "2"],
    ]


def test_numbers_in_json_output_are_exact(trained: Command) -> None:
    first, second = trained("runs", "--json").records
    end = json.loads(Path("runs/0001-lstm/log.ndjson").read_text().splitlines()[-1])
    assert first["loss"] == end["loss"]
    assert (first["run"], first["status"], second["run"]) == ("runs/0001-lstm", "completed", "runs/0002-rnn")


def test_on_a_terminal_a_run_is_a_row(trained: Command) -> None:
    head, *rows = trained("runs", "--format", "table").output.splitlines()
    assert head.split()[:4] == ["run", "text", "size", "epochs"]
    assert [row.split()[0] for row in rows] == ["runs/0001-lstm", "runs/0002-rnn"]


def test_without_runs_that_is_said(charseq: Command) -> None:
    result = charseq("runs")
    assert (result.status, result.output) == (0, "")
    assert "no runs in 'runs'" in result.errors


def test_a_model_is_shown_without_its_tensors_being_read(trained: Command) -> None:
    (record,) = trained("runs", "show", "runs/0001-lstm", "--json").records
    assert (record["model"], record["bytes"], record["format"]) == (
        str(MODEL),
        MODEL.stat().st_size,
        NETWORK_FORMAT,
    )
    assert (record["cell"], record["hidden_size"], record["symbols"]) == ("lstm", 5, list("ehilo"))
    assert record["learned"] == ["hihello"]
    assert record["settings"]["epochs"] == 3
    assert record["charseq"] == __version__
    assert record["verified"] is False
    every = safetensors.load_file(MODEL)
    tensors = {name: array for name, array in every.items() if not name.startswith("training.")}
    assert len(tensors) < len(every)
    assert {name: tuple(shape) for name, shape in record["tensors"].items()} == {
        name: array.shape for name, array in tensors.items()
    }
    assert record["parameters"] == sum(array.size for array in tensors.values())


def test_the_newest_run_or_the_one_in_the_environment_is_shown(
    trained: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cell\trnn" in trained("runs", "show").output.splitlines()
    monkeypatch.setenv("CHARSEQ_MODEL", "runs/0001-lstm")
    assert "cell\tlstm" in trained("runs", "show").output.splitlines()


def test_verify_finds_a_changed_tensor_that_the_description_cannot(trained: Command) -> None:
    assert trained("runs", "show", str(MODEL), "--verify", "--json").records[0]["verified"] is True
    data = bytearray(MODEL.read_bytes())
    data[-3] ^= 1
    MODEL.write_bytes(data)
    assert trained("runs", "show", str(MODEL)).status == 0
    result = trained("runs", "show", str(MODEL), "--verify")
    assert (result.status, result.output) == (2, "")
    assert "does not match its SHA-256" in result.errors


def test_only_the_beginning_of_a_file_is_read(trained: Command) -> None:
    data = MODEL.read_bytes()
    length = 8 + int.from_bytes(data[:8], "little")
    expected = trained("runs", "show", str(MODEL)).output
    MODEL.write_bytes(data[:length] + b"\xff" * (len(data) - length))
    assert trained("runs", "show", str(MODEL)).output == expected


def test_the_n_gram_model_is_shown_without_its_tensors_being_read(charseq: Command) -> None:
    start = charseq.train("--text", LONG, "--cell", "lstm", "--hidden-size", "4", "--epochs", "1")[0]
    assert start["ngrams"] > 100
    tensors = safetensors.load_file(MODEL)
    expected = {
        "ngram_order": start["ngram"],
        "ngrams": start["ngrams"],
        "ngram_bytes": sum(array.nbytes for name, array in tensors.items() if name.startswith("ngram.")),
    }
    data = MODEL.read_bytes()
    length = 8 + int.from_bytes(data[:8], "little")
    MODEL.write_bytes(data[:length] + b"\xff" * (len(data) - length))
    (record,) = charseq("runs", "show", "--json").records
    assert {name: record[name] for name in expected} == expected
    assert record["ngram_bytes"] == start["ngram_bytes"]
    assert f"ngrams\t{start['ngrams']}" in charseq("runs", "show").output.splitlines()
    assert f"{start['ngrams']:,}" in charseq("runs", "show", "--format", "table").output


def test_a_model_without_n_grams_has_none(trained: Command) -> None:
    (record,) = trained("runs", "show", "--json").records
    assert [record[name] for name in ("ngram_order", "ngrams", "ngram_bytes")] == [0, 0, 0]


def test_lines_that_are_remembered_are_counted(charseq: Command) -> None:
    Path("names.txt").write_text("ada\ngrace\nada\nalan\n")
    charseq.train("--file", "names.txt", "--lines", "--epochs", "1", "--hidden-size", "8")
    (record,) = charseq("runs", "show", "--json").records
    assert (record["lines"], record["remembered_lines"]) == (True, 3)
    assert "lines" not in record["tensors"]


def test_hostile_text_is_shown_and_not_obeyed(charseq: Command) -> None:
    charseq.train("--text", "\x1b[2Jx\u202e", "--epochs", "1")
    for form in ("table", "plain"):
        output = charseq("runs", "show", "--format", form).output
        assert "\x1b" not in output
        assert r"\x1b[2J" in output.replace("\n", "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a charseq model"),
        (b"\xff" * 100, "is not a charseq model"),
        (hashlib.sha256(b"").digest() * 9, "is not a charseq model"),
        ((2**40).to_bytes(8, "little") + b"{}", "is not a charseq model"),
    ],
)
def test_a_file_that_is_not_a_model_is_reported(charseq: Command, content: bytes, told: str) -> None:
    Path("other").write_bytes(content)
    result = charseq("runs", "show", "other")
    assert result.status == 2
    assert told in result.errors


def test_a_missing_run_is_reported(charseq: Command) -> None:
    assert charseq("runs", "show", "none").status == 2
    assert charseq("runs", "show").status == 2


def test_runs_with_names_of_their_own_are_listed_after_the_numbered_ones(charseq: Command) -> None:
    for out in ("runs/mine", "runs/also"):
        charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3", "--out", out)
    charseq.train("--text", "hihello", "--epochs", "1", "--hidden-size", "3")
    Path("runs/empty").mkdir()
    listed = [run["run"] for run in charseq("runs", "--json").records]
    assert listed == ["runs/0001-gru", "runs/also", "runs/mine"]
