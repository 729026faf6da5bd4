"""Options that have no effect together are refused; the others work."""

import os
import shutil
from pathlib import Path

import pytest

import charseq as library
from tests.support.command import Command

TRAIN = ["train", "--text", "hihello"]
SHAPES = ["inspect-shapes", "hello"]
MODEL = ["--model", "runs/0001-gru"]

REFUSED = {
    "predict --greedy --temperature 0.5": "--greedy cannot be combined with --temperature",
    "predict --greedy --top-k 3": "--greedy cannot be combined with --top-k",
    "predict --greedy --top-p 0.5 --min-p 0.1": "--greedy cannot be combined with --top-p and --min-p",
    "predict --greedy --seed 3": "--greedy cannot be combined with --seed",
    "predict --greedy --novel": "--novel cannot be combined with --greedy",
    "predict --novel --top-k 1": "--novel cannot be combined with --top-k 1",
    "predict --novel --temperature 0": "--novel cannot be combined with --temperature 0",
    "predict --beam 3 --temperature 0.5": "--beam cannot be combined with --temperature",
    "predict --beam 3 --greedy": "--beam cannot be combined with --greedy",
    "predict --beam 3 --seed 3": "--beam cannot be combined with --seed",
    "predict --pattern a --until b": "--pattern cannot be combined with --until",
    "predict --top 3": "--top cannot be combined with the plain format",
    "predict --top 3 --format table": "--top cannot be combined with the table format",
    "predict --top 3 --show-probabilities": "--top cannot be combined with the plain format",
    "predict --json --format table": "--json cannot be combined with --format table",
    "predict h --json-input": "--json-input requires lines to read",
    "predict --interactive --length 3": "--interactive cannot be combined with --length",
    "predict --interactive --json --seed 1": "--interactive cannot be combined with --json and --seed",
    "inspect-shapes hello --model runs/0001-gru --cell rnn": "--model cannot be combined with --cell",
    "inspect-shapes hello --model runs/0001-gru --seed 1": "--model cannot be combined with --seed",
    "inspect-shapes hello --model runs/0001-gru --unit byte": "--model cannot be combined with --unit",
    "inspect-shapes hello --head none --layer 0": "--layer cannot be combined with --head",
    "inspect-shapes hello --head linear --bidirectional": "cannot be combined with --head linear",
    "inspect-shapes hello --head none --layer-norm": "--layer-norm cannot be combined with --head none",
    "inspect-gradients hello --model runs/0001-gru --layers 2": "--model cannot be combined with --layers",
    "inspect-gradients hello --model runs/0001-gru --normalize nfc --seed 2": "with --normalize and --seed",
    "train --text ab --out new --resume newest": "--resume cannot be combined with --out",
    "train --text ab --resume newest --force": "--resume cannot be combined with --force",
    "train --text hihello --stride 1 --lines": "--stride cannot be combined with --lines",
    "train --text hihello --stride 1 --validation 0.1": "--stride cannot be combined with --validation",
    "train --text hihello --stride 1 --validation-split tail": "--stride cannot be combined with --valid",
    "train --text hihello --validation 0 --validation-split tail": "be combined with --validation-split",
    "train --text hihello --head none --layer-norm": "--layer-norm cannot be combined with --head none",
    "train --text hihello --head none --dropout 0.1": "--dropout cannot be combined with --head none",
    "train --text hihello --schedule one-cycle --warm-up 0": "cannot be combined with --schedule one",
    "compare --text hihello --stride 1 --validation-split tail": "--stride cannot be combined with",
    "compare --text hihello --head none --dropout 0.1": "--dropout cannot be combined with --head none",
    "score h --json --format plain": "--json cannot be combined with --format plain",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, made once."""
    folder = tmp_path_factory.mktemp("trained")
    list(library.train("hihello", epochs=1, out=folder / "runs" / "0001-gru"))
    return folder


@pytest.fixture(autouse=True)
def _one_run(trained: Path, empty_folder: Path) -> None:
    """Have that run in the current folder."""
    shutil.copytree(trained, empty_folder, dirs_exist_ok=True)


@pytest.mark.parametrize(("line", "message"), REFUSED.items(), ids=REFUSED)
def test_an_option_without_effect_beside_another_is_refused(
    charseq: Command, line: str, message: str
) -> None:
    result = charseq(*line.split())
    assert result.status == 2, result.output
    assert message in result.errors
    assert len(result.errors.splitlines()) <= 3


def test_the_weights_are_shown_before_one_step(charseq: Command) -> None:
    everything = charseq(*SHAPES, "--weights", "--json").records
    weights = [record for record in everything if record["name"].startswith("layers.")]
    assert weights
    step = [record for record in everything if record["step"] == 1]
    assert charseq(*SHAPES, "--weights", "--step", "1", "--json").records == [*weights, *step]


def test_the_weights_of_one_layer_are_shown_before_its_step(charseq: Command) -> None:
    both = [*SHAPES, "--layers", "2", "--weights", "--json"]
    everything = charseq(*both).records
    expected = [
        record
        for record in everything
        if record["layer"] == 1 and (record["step"] == 2 or record["name"].startswith("layers."))
    ]
    assert charseq(*both, "--layer", "1", "--step", "2").records == expected
    assert {record["step"] for record in expected} == {None, 2}


def test_the_weights_of_a_model_are_shown_before_one_step(charseq: Command) -> None:
    shown = charseq("inspect-shapes", *MODEL, "--weights", "--step", "0", "--json").records
    assert {"layers.0.W_x", "head.W", "x_gates"} <= {record["name"] for record in shown}


@pytest.mark.parametrize(
    "line",
    [
        "predict --beam 3 --samples 2 --json --top 2",
        "predict --temperature 0 --top-p 0.9 --seed 3",
        "predict --seed 3",
        "predict --greedy --samples 2",
        "predict --show-probabilities --json --only-new",
        "inspect-shapes hello --layer-norm",
        "inspect-shapes hello --layer-norm --layers 2 --head none",
        "train --text hihello --epochs 1 --head none --layers 2 --dropout 0.1",
        "train --text hihello --epochs 1 --cell mingru --layers 1 --head none",
        "train --text hihello --epochs 1 --schedule cosine --warm-up 0",
    ],
)
def test_options_that_work_together_are_accepted(charseq: Command, line: str) -> None:
    result = charseq(*line.split())
    assert result.status == 0, result.errors


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("TOP", "3", "predict"),
        ("SEED", "3", "predict --greedy"),
        ("SEED", "3", "inspect-shapes hello --model runs/0001-gru"),
        ("TOP_P", "0.5", "predict --greedy"),
        ("VALIDATION_SPLIT", "tail", "train --text hihello --epochs 1 --validation 0"),
    ],
)
def test_a_variable_without_effect_in_a_command_is_no_error(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setitem(os.environ, f"CHARSEQ_{name}", value)
    result = charseq(*line.split())
    assert result.status == 0, result.errors


def test_a_model_of_bytes_is_inspected_over_bytes(charseq: Command) -> None:
    charseq.train("--text", "h\udcffh", "--unit", "byte", "--epochs", "1", "--out", "bytes")
    shown = charseq("inspect-shapes", "h\udcff", "--model", "bytes", "--json")
    assert shown.status == 0, shown.errors
    assert shown.records[0]["shape"] == [1, 2, 2]
