"""What beginners and scripts get wrong: three lines at most, the value, the remedy, the status.

`python -m tests.cli.test_mistakes` prints all the answers, to be read for their tone.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.test_train import MISTAKES as OF_TRAIN
from tests.support.command import Command

OTHERS: dict[str, tuple[str, int, str, str]] = {
    "a command that is none": ("trian --text ab", 2, "trian", "train"),
    "no runs": ("predict h", 2, "no trained model in 'runs'", "train one"),
    "no model": ("predict --model none h", 2, "there is no model 'none'", "charseq train"),
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
    "a model for a text": ("train --file out/model.safetensors", 2, "is not UTF-8", "--unit byte"),
    "two ways to choose": (
        "predict --model out --greedy --temperature 1 h",
        2,
        "cannot be combined",
        "one of them",
    ),
    "a length of less than nothing": ("predict --model out --length -1 h", 2, "-1", "range"),
    "no text to score": ("score --model out", 2, "text", "--file"),
    "a cell that is none among others": ("compare --text ab --cells gru,ltsm", 2, "no cell 'ltsm'", "lstm"),
    "shapes of a cell that is none": ("inspect-shapes ab --cell x", 2, "no cell 'x'", "the cells are"),
    "a run that is none": ("runs show nowhere", 2, "there is no model 'nowhere'", "charseq train"),
    "a run to go on with that is none": ("train --resume nowhere", 2, "there is no model 'nowhere'", "train"),
    "a run to go on with that is over": ("train --resume out", 2, "nothing left to do in 'out'", "--epochs"),
    "a run as another run": ("train --resume out --cell gru", 2, "--cell gru", "train anew"),
    "a folder that holds a run": ("train --text ab --out out", 2, "'out' already holds a run", "--force"),
    "a file for a folder": ("train --text ab --out text.txt", 2, "'text.txt' is not a folder", "--out"),
    "a saving that never is": ("train --text ab --save-every 0s", 2, "'0s' is no time at all", "2m"),
    "a configuration that is not there": ("train --text ab --config no.toml", 2, "no.toml", "--config"),
    "a configuration that is none": ("train --text ab --config text.txt", 2, "is not TOML", "epochs = 50"),
    "no permission": (
        "train --text ab --epochs 2 --out /proc/none",
        1,
        "cannot make a run",
        "--out",
    ),
    "an accuracy past all": ("train --text ab --require-accuracy 2", 2, "2", "at most 1"),
    "an accuracy that is not met": (
        "train --text hihello --epochs 1 --learning-rate 0.0001 --require-accuracy 1 --out low",
        3,
        "below the required 1",
        "train longer",
    ),
    "a precision that is not here": ("train --text ab --precision bfloat16", 2, "bfloat16", "float32"),
}


def prepare() -> None:
    """What the mistakes are made with."""
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


@pytest.mark.parametrize(("line", "status", "value", "remedy"), OTHERS.values(), ids=OTHERS)
def test_a_mistake_is_answered_in_three_lines(
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
        subprocess.run([*run, *TRAINING], capture_output=True, check=True)
        lines = [["train", *arguments] for arguments, *_ in OF_TRAIN.values()]
        for line in [*lines, *(shlex.split(line) for line, *_ in OTHERS.values())]:
            done = subprocess.run([*run, *line], capture_output=True, text=True)
            print(f"$ charseq {shlex.join(line)[:100]}\n{done.stderr}[{done.returncode}]\n")  # noqa: T201
