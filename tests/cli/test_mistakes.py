"""Common mistakes: each message has at most three lines, the value, the remedy and an exit code.

`python -m tests.cli.test_mistakes` prints all messages on one page.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.command import Command

OF_TRAIN: dict[str, tuple[list[str], str, str]] = {
    "no text": ([], "no text was given", "--text STRING, --file PATH, or --file -"),
    "an empty text": (["--text", ""], "0 characters", "longer text"),
    "one character": (["--text", "h"], "'h' has 1 character", "longer text"),
    "one short string among others": (["--text", "abc", "--text", "x"], "'x' has 1 character", "longer"),
    "a misspelt cell": (["--text", "ab", "--cell", "ltsm"], "unknown cell 'ltsm'", "did you mean 'lstm'?"),
    "a misspelt option": (["--text", "ab", "--epoch", "3"], "--epoch", "--epochs"),
    "a missing file": (["--file", "none.txt"], "file 'none.txt' not found", "path"),
    "a folder": (["--file", "."], "the folder '.' has no text file", "text files"),
    "a negative size": (["--text", "ab", "--hidden-size", "-1"], "-1", "range"),
    "no epochs": (["--text", "ab", "--epochs", "0"], "0", "range"),
    "a word for a number": (["--text", "ab", "--epochs", "many"], "'many' is not a whole number", "--help"),
    "a fraction for a number": (["--text", "ab", "--layers", "1.5"], "'1.5' is not a whole number", "--help"),
    "nan": (["--text", "ab", "--learning-rate", "nan"], "'nan' is not a finite number", "--help"),
    "too large a rate": (["--text", "ab", "--learning-rate", "1e99"], "above 0 and at most 1e+38", "--help"),
    "too large a norm": (["--text", "ab", "--clip", "1e308"], "it must be from 0 to 1e+38", "--help"),
    "a negative norm": (["--text", "ab", "--clip", "-1"], "it must be at least 0", "--help"),
    "infinity": (["--text", "ab", "--learning-rate", "inf"], "inf", "finite"),
    "a dropout of all": (["--text", "ab", "--dropout", "1"], "1", "from 0 to 0.95"),
    "a duration of nothing": (["--text", "ab", "--time-limit", "0s"], "'0s'", "2m"),
    "a duration of ages": (["--text", "ab", "--time-limit", "9" * 400 + "h"], "more than ten years", "2m"),
    "a duration in words": (["--text", "ab", "--time-limit", "soon"], "'soon'", "2m"),
    "no head and another size": (
        ["--text", "hihello", "--head", "none", "--hidden-size", "7"],
        "not 7",
        "--hidden-size 5",
    ),
    "an unknown head": (["--text", "ab", "--head", "cubic"], "'cubic'", "'linear', 'none'"),
    "a device that is not available": (
        ["--text", "ab", "--device", "cuda:99"],
        "cuda:99",
        "--device auto or cpu",
    ),
    "an unknown device": (["--text", "ab", "--device", "tpu"], "'tpu'", "auto, cpu"),
    "epochs out of bounds": (["--text", "ab", "--epochs", "1" + "0" * 20], "1" + "0" * 20, "range"),
    "a window out of bounds": (["--text", "ab", "--sequence-length", "1" + "0" * 20], "100000", "range"),
    "a batch out of bounds": (["--text", "ab", "--batch-size", "1" + "0" * 20], "100000", "range"),
    "a stride out of bounds": (["--text", "ab", "--stride", "1" + "0" * 20], "100000", "range"),
    "an embedding out of bounds": (["--text", "ab", "--embedding-size", "1" + "0" * 20], "10000", "range"),
    "out without a name": (
        ["--text", "ab", "--out", ""],
        "the value is empty",
        "omit the option",
    ),
    "force without out": (["--text", "ab", "--force"], "--force", "--out"),
    "validation of too little": (
        ["--text", "abcde", "--validation", "0.1"],
        "fewer than 2",
        "another fraction",
    ),
    "one grapheme": (["--text", "e\u0301", "--unit", "grapheme"], "2 graphemes", "longer text"),
    "validation of nearly all": (
        ["--text", "abcde", "--validation", "0.9"],
        "to train on",
        "another fraction",
    ),
    "too many layers": (["--text", "ab", "--layers", "100000"], "100000", "range"),
    "a seed out of bounds": (["--text", "ab", "--seed", "99999999999999999999"], "9999", "range"),
    "a stray argument": (["hihello"], "hihello", "--help"),
}

OTHERS: dict[str, tuple[str, int, str, str]] = {
    "an unknown command": ("trian --text ab", 2, "trian", "train"),
    "no runs": ("predict h", 2, "no trained model in 'runs'", "train one"),
    "no model": ("predict --model none h", 2, "there is no model 'none'", "charseq runs"),
    "a text for a model": (
        "predict --model text.txt h",
        2,
        "'text.txt' is not a charseq model",
        "model.safetensors",
    ),
    "a folder without a model": (
        "predict --model empty h",
        2,
        "no model in the folder 'empty'",
        "folder of a run",
    ),
    "a log for a model": (
        "score --model out/log.ndjson a",
        2,
        "log.ndjson' is not a charseq model",
        "model.safetensors",
    ),
    "an unknown character": ("predict --model out z", 2, "U+007A", "it knows 'ehilo'"),
    "a model for a text": ("train --file out/model.safetensors", 2, "is a safetensors file", "--model"),
    "two ways to choose": (
        "predict --model out --greedy --temperature 1 h",
        2,
        "cannot be combined",
        "one of them",
    ),
    "a length of less than nothing": ("predict --model out --length -1 h", 2, "-1", "range"),
    "no text to score": ("score --model out", 2, "text", "--file"),
    "an unknown cell among others": (
        "compare --text ab --cells gru,ltsm",
        2,
        "unknown cell 'ltsm'",
        "lstm",
    ),
    "shapes of an unknown cell": ("inspect-shapes ab --cell x", 2, "unknown cell 'x'", "the cells are"),
    "an unknown run": ("runs show nowhere", 2, "there is no model 'nowhere'", "charseq runs"),
    "an unknown run to resume": (
        "train --resume nowhere",
        2,
        "there is no model 'nowhere'",
        "charseq runs",
    ),
    "a complete run to resume": ("train --resume out", 2, "'out' is complete", "--epochs"),
    "a run as another run": ("train --resume out --cell gru", 2, "--cell gru", "start a new run"),
    "a folder that holds a run": ("train --text ab --out out", 2, "'out' already contains a run", "--force"),
    "a file for a folder": ("train --text ab --out text.txt", 2, "'text.txt' is not a folder", "--out"),
    "a time of zero between saves": (
        "train --text ab --save-every 0s",
        2,
        "'0s' must be greater than zero",
        "2m",
    ),
    "a missing configuration file": ("train --text ab --config no.toml", 2, "no.toml", "--config"),
    "a configuration file that is not TOML": (
        "train --text ab --config text.txt",
        2,
        "is not TOML",
        "epochs = 50",
    ),
    "no permission": (
        "train --text ab --epochs 2 --out /proc/none",
        1,
        "cannot create a run",
        "--out",
    ),
    "an accuracy above 1": ("train --text ab --require-accuracy 2", 2, "2", "from 0 to 1"),
    "an accuracy that is not met": (
        "train --text hihello --epochs 1 --learning-rate 0.0001 --require-accuracy 1 --out low",
        3,
        "below the required 1",
        "train longer",
    ),
    "a precision that is not available": (
        "train --text ab --precision bfloat16 --cell none",
        2,
        "bfloat16",
        "float32",
    ),
}


def prepare() -> None:
    """Create the files that the mistakes name."""
    Path("text.txt").write_text("hihello\nthere\n")
    Path("empty").mkdir()


TRAINING = [
    "train",
    "--text",
    "hihello",
    "--cell",
    "rnn",
    "--epochs",
    "2",
    "--hidden-size",
    "5",
    "--out",
    "out",
]


@pytest.mark.parametrize(("arguments", "value", "remedy"), OF_TRAIN.values(), ids=OF_TRAIN)
def test_a_mistake_of_train_is_reported_in_three_lines_and_leaves_no_run(
    charseq: Command, arguments: list[str], value: str, remedy: str
) -> None:
    result = charseq("train", *arguments)
    assert result.status == 2, result.errors
    assert result.output == ""
    assert value in result.errors
    assert remedy in result.errors
    assert len(result.errors.splitlines()) <= 3
    assert "Traceback" not in result.errors
    assert not Path("runs").exists()


@pytest.mark.parametrize(("line", "status", "value", "remedy"), OTHERS.values(), ids=OTHERS)
def test_a_mistake_is_reported_in_three_lines(
    charseq: Command, line: str, status: int, value: str, remedy: str
) -> None:
    prepare()
    charseq(*TRAINING)
    result = charseq(*shlex.split(line))
    said = result.errors.splitlines()
    mine = said[next(i for i, one in enumerate(said) if one.startswith("charseq: ")) :]
    assert result.status == status, result.errors
    assert value in result.errors
    assert remedy in result.errors
    assert len(mine) <= 3


def test_there_are_more_than_forty() -> None:
    assert len(OF_TRAIN) + len(OTHERS) >= 40


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        run = [sys.executable, "-m", "charseq"]
        subprocess.run([*run, *TRAINING], capture_output=True, check=True, timeout=60)
        lines = [["train", *arguments] for arguments, *_ in OF_TRAIN.values()]
        for line in [*lines, *(shlex.split(line) for line, *_ in OTHERS.values())]:
            done = subprocess.run([*run, *line], capture_output=True, text=True, timeout=60)
            print(f"$ charseq {shlex.join(line)[:100]}\n{done.stderr}[{done.returncode}]\n")  # noqa: T201


def test_an_option_with_two_names_is_named_by_the_first(charseq: Command) -> None:
    errors = charseq("train", "--text", "hihello", "--ema-decay", "1").errors
    assert errors.startswith("charseq: invalid value for --average: 1 is out of range")
