"""A missing dependency, current folder or folder of runs: what a command says, and what still works."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import charseq
from charseq.errors import CharseqError
from tests.support.command import Command


@pytest.fixture
def without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes find a torch that cannot be imported, as if there were none."""
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(shadow), os.environ.get("PYTHONPATH", "")]))


def run(python: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [python, "-m", "charseq", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "purpose"),
    [
        ("train --text hihello", "training"),
        ("train --file long.txt", "training"),
        ("compare --text hihello", "training"),
        ("inspect-gradients hihello", "inspect-gradients"),
    ],
)
@pytest.mark.usefixtures("without_torch")
def test_a_command_that_requires_torch_says_how_to_install_it(
    light_python: str, arguments: str, purpose: str
) -> None:
    Path("long.txt").write_text("the quick brown fox\n" * 100)
    ended = run(light_python, *arguments.split())
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"charseq: {purpose} requires PyTorch: pip install torch"
    assert not Path("runs").exists()


def test_without_torch_a_trained_model_predicts_and_scores(
    charseq: Command, light_python: str, request: pytest.FixtureRequest
) -> None:
    charseq.train("--text", "hihello")
    request.getfixturevalue("without_torch")
    assert run(light_python, "predict", "h").stdout == "hihello\n"
    assert run(light_python, "score", "hihello").returncode == 0


@pytest.mark.usefixtures("without_torch")
def test_n_grams_alone_are_counted_without_torch(light_python: str) -> None:
    Path("long.txt").write_text("the quick brown fox\n" * 100)
    ended = run(light_python, "compare", "--file", "long.txt", "--cells", "ngram")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[1].startswith("ngram\t")
    assert not Path("runs").exists()


@pytest.mark.usefixtures("without_torch")
def test_training_from_python_without_torch_is_an_error_of_charseq(light_python: str) -> None:
    code = "import charseq; list(charseq.train('hihello'))"
    ended = subprocess.run([light_python, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stderr.splitlines()[-1] == (
        "charseq.errors.CharseqError: training requires PyTorch: pip install torch"
    )


@pytest.mark.parametrize(
    "error", ["ImportError('libtorch.so is damaged')", "ModuleNotFoundError('libtorch.so', name='sympy')"]
)
def test_a_torch_that_cannot_be_loaded_is_named_with_the_reason(
    light_python: str, error: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("without_torch")
    Path("shadow/torch.py").write_text(f"raise {error}\n", encoding="utf-8")
    ended = run(light_python, "train", "--text", "hihello")
    assert ended.returncode == 1
    message, hint = ended.stderr.splitlines()
    assert "PyTorch, which cannot be loaded: libtorch.so" in message
    assert "pip install" in hint


@pytest.mark.parametrize(
    "arguments",
    [
        "train --text hihello",
        "train --text hihello --out {}/out",
        "train --resume",
        "compare --text hihello",
        "predict",
        "score hihello",
        "runs",
        "runs show",
        "runs remove x --yes",
        "inspect-gradients hihello",
    ],
)
def test_a_deleted_current_folder_is_named(light_python: str, arguments: str, tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {light_python} -m charseq"
    ended = subprocess.run(
        ["sh", "-c", f"{command} {arguments.format(tmp_path)}"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-2:] == [
        "charseq: the current folder has been deleted",
        "  change to another folder (cd), then try again",
    ]


@pytest.mark.parametrize("arguments", ["cells", "inspect-shapes hi", "predict --model {}/model", "--help"])
def test_a_command_that_needs_no_current_folder_works_in_a_deleted_one(
    arguments: str, tmp_path: Path, charseq: Command
) -> None:
    charseq.train("--text", "hihello", "--epochs", "1", "--out", "model")
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m charseq"
    ended = subprocess.run(
        ["sh", "-c", f"{command} {arguments.format(tmp_path)}"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "train --text hihello",
        "train --resume",
        "compare --text hihello",
        "predict",
        "score h",
        "runs",
        "runs show",
        "runs remove x --yes",
    ],
)
def test_a_file_named_runs_is_reported_with_a_remedy(charseq: Command, arguments: str) -> None:
    Path("runs").write_text("Ran 5 km on Monday.")
    result = charseq(*arguments.split())
    assert (result.status, result.output) == (2, "")
    assert result.errors.splitlines() == [
        "charseq: 'runs' is a file, not a folder",
        "  rename the file, or set CHARSEQ_RUNS to another folder for runs",
    ]
    assert Path("runs").read_text() == "Ran 5 km on Monday."


@pytest.mark.parametrize("arguments", ["train --text hihello", "predict", "runs"])
def test_a_variable_that_names_a_file_is_reported(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.setenv("CHARSEQ_RUNS", "/dev/null")
    errors = charseq(*arguments.split()).errors
    assert errors == "charseq: '/dev/null' is a file, not a folder\n  CHARSEQ_RUNS must name a folder\n"
    monkeypatch.setenv("CHARSEQ_RUNS", "/dev/null/a")
    errors = charseq(*arguments.split()).errors
    assert "'/dev/null' is a file, not a folder, and '/dev/null/a' would be inside it\n" in errors


def test_a_folder_that_refuses_runs_has_a_remedy_that_helps(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr("charseq.runs.folder.next_folder", refuse)
    result = charseq("train", "--text", "hihello")
    assert result.status == 1
    assert result.errors.splitlines() == [
        "charseq: cannot create a run in 'runs': No such file or directory",
        "  choose another folder with --out or CHARSEQ_RUNS",
    ]


def test_a_missing_model_points_to_the_folder_of_runs(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "charseq: there is no model 'nope'\n  'charseq runs' lists the runs in 'runs/'\n"
    assert charseq("predict", "--model", "nope").errors == expected
    monkeypatch.setenv("CHARSEQ_RUNS", "mine")
    assert "lists the runs in 'mine/'" in charseq("predict", "--model", "nope").errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --text hihello --out notes/a", "'notes/a' cannot be a folder: 'notes' is a file"),
        ("train --text hihello --out notes/a/b", "'notes/a/b' cannot be a folder: 'notes' is a file"),
        ("train --resume notes/a", "there is no model 'notes/a': 'notes' is a file"),
        ("predict --model notes/a", "there is no model 'notes/a': 'notes' is a file"),
        ("score h --model notes/a/b", "there is no model 'notes/a/b': 'notes' is a file"),
    ],
)
def test_a_path_below_a_file_is_reported_with_the_file(
    charseq: Command, arguments: str, message: str
) -> None:
    Path("notes").write_text("")
    result = charseq(*arguments.split())
    assert result.status == 2
    assert message in result.errors
    assert len(result.errors.splitlines()) == 2


def test_a_training_that_torch_refuses_after_a_fork_says_how_to_start_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from charseq.native import threads
    from charseq.training import loop

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")

    monkeypatch.setattr(loop, "train", refuse)
    with pytest.raises(RuntimeError):
        list(charseq.train("hihello"))
    monkeypatch.setattr(threads, "forked", True)
    with pytest.raises(CharseqError, match="Cannot re-initialize CUDA") as caught:
        list(charseq.train("hihello"))
    assert "'spawn'" in caught.value.hint
