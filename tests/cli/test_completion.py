"""Shell completion: the candidates for an incomplete word."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from charseq.cells import CELLS
from tests.support.command import Command


class Completion(Protocol):
    """What the last word of a line may become in a shell, in a process that imports no `absent` packages."""

    def __call__(self, line: str, shell: str = ..., absent: str = ...) -> list[str]:
        """Return the candidates."""


@pytest.fixture
def completed(light_python: str) -> Completion:
    return partial(completed_by, light_python)


def completed_by(
    python: str, line: str, shell: str = "bash", absent: str = "torch numpy safetensors"
) -> list[str]:
    words = line.split(" ")
    variables = {
        "_CHARSEQ_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    code = (
        "import sys; from charseq.cli.app import main\n"
        "try: main()\n"
        "finally: assert not set(sys.argv[1:]) & set(sys.modules), sys.modules\n"
    )
    ended = subprocess.run(
        [python, "-c", code, *absent.split()],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_names_of_cells_are_completed(completed: Completion) -> None:
    assert set(CELLS) <= set(completed("charseq train --cell "))
    assert completed("charseq train --cell min") == ["mingru", "minlstm"]
    assert completed("charseq inspect-shapes --cell ls") == ["lstm"]


def test_behind_a_comma_another_cell_is(completed: Completion) -> None:
    assert completed("charseq compare --cells rnn,min") == ["rnn,mingru", "rnn,minlstm"]
    assert completed("charseq compare --cells a") == ["all"]


def test_the_n_gram_model_is_completed_where_it_can_be_compared(completed: Completion) -> None:
    assert completed("charseq compare --cells lstm,n") == ["lstm,none", "lstm,ngram"]
    assert completed("charseq inspect-gradients --cells lstm,n") == ["lstm,none"]


@pytest.mark.parametrize("command", ["predict", "score", "inspect-shapes"])
def test_runs_that_have_a_model_are_completed_the_newest_first(
    completed: Completion, charseq: Command, command: str
) -> None:
    for cell in ("rnn", "gru"):
        charseq.train("--text", "hihello", "--cell", cell, "--epochs", "1")
    Path("runs/0003-lstm").mkdir()
    assert completed(f"charseq {command} --model ") == ["runs/0002-gru", "runs/0001-rnn"]
    assert completed(f"charseq {command} --model runs/0001") == ["runs/0001-rnn"]


@pytest.mark.parametrize("command", ["predict", "score"])
def test_the_labels_of_a_model_are_completed(completed: Completion, charseq: Command, command: str) -> None:
    assert completed(f"charseq {command} --label ", absent="torch") == [""]
    Path("labeled.tsv").write_text("Dutch\tjan\nDanish\tbo\nKorean\tmin\n")
    charseq.train(
        "--file", "labeled.tsv", "--labels", "--epochs", "1", "--hidden-size", "3", "--out", "names"
    )
    charseq.train("--text", "hihello", "--epochs", "1")
    assert completed(f"charseq {command} --label D", absent="torch") == [""]
    assert completed(f"charseq {command} --model names --label D", absent="torch") == ["Danish", "Dutch"]


def test_the_runs_comparisons_and_measures_of_a_plot_are_completed(
    completed: Completion, charseq: Command
) -> None:
    charseq("compare", "--text", "hihello", "--cells", "gru", "--epochs", "1")
    names = ["runs/0001-compare", "runs/0001-compare/0001-gru"]
    assert completed("charseq plot ", absent="numpy") == names
    assert completed("charseq plot --measure loss,acc", absent="numpy") == ["loss,accuracy"]


def test_commands_options_and_choices_are_completed(completed: Completion) -> None:
    assert completed("charseq sc") == ["score"]
    assert completed("charseq predict --unk") == ["--unknown"]
    assert completed("charseq predict --unknown ") == ["error", "skip", "replace"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_completion_too(completed: Completion, shell: str) -> None:
    assert "lstm" in " ".join(completed("charseq train --cell ls", shell))


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete "), ("zsh", "#compdef"), ("fish", "complete ")]
)
def test_the_script_of_a_shell_is_printed(charseq: Command, shell: str, word: str) -> None:
    result = charseq("completion", shell)
    assert result.status == 0
    assert word in result.output
    assert "_CHARSEQ_COMPLETE" in result.output


def test_bash_loads_the_script_and_completes_with_it() -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = (
        'eval "$(charseq completion bash)"; COMP_WORDS=(charseq train --cell mingr); COMP_CWORD=3; '
        '_charseq_completion charseq; echo "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "mingru\n"


def test_a_shell_that_is_not_known_is_an_error(charseq: Command) -> None:
    assert charseq("completion", "tcsh").status == 2
    result = charseq("completion")
    assert result.status == 2
    assert "choose from bash, zsh, fish" in result.errors
