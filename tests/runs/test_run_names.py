"""A run is named by its folder, or by its name in the folder of runs."""

import shutil
from pathlib import Path

import pytest

import charseq as library
from charseq.cli.completions import models
from charseq.errors import ModelFileError
from charseq.runs.model_paths import model_path, resolve_name
from tests.support.command import Command


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, made once."""
    folder = tmp_path_factory.mktemp("trained")
    for number, text in ((1, "hihello"), (2, "abcabc")):
        list(library.train(text, cell="rnn", hidden_size=4, epochs=1, out=folder / f"runs/000{number}-rnn"))
    return folder


@pytest.fixture(autouse=True)
def _two_runs(trained: Path, empty_folder: Path) -> None:
    """Have those runs in the current folder."""
    shutil.copytree(trained, empty_folder, dirs_exist_ok=True)


@pytest.mark.parametrize(
    "command",
    [
        "predict h --model {}",
        "score hihello --model {}",
        "inspect-shapes hi --model {}",
        "inspect-gradients hi --model {}",
        "runs show {}",
    ],
)
def test_every_command_takes_the_name_of_a_run(charseq: Command, command: str) -> None:
    by_name = charseq(*command.format("0001-rnn").split(), "--json")
    by_path = charseq(*command.format("runs/0001-rnn").split(), "--json")
    assert by_name.status == 0, by_name.errors
    for one, other in zip(by_name.records, by_path.records, strict=True):
        assert {**one, "about": ""} == {**other, "about": ""}


def test_the_environment_takes_the_name_of_a_run(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARSEQ_MODEL", "0001-rnn")
    assert charseq("predict", "h", "--json").status == 0
    assert charseq("runs", "show", "--json").records[0]["learned"] == ["hihello"]


def test_a_run_is_resumed_by_its_name(charseq: Command) -> None:
    assert charseq.train("--resume", "0001-rnn", "--epochs", "2")[-1]["model"].startswith("runs/0001-rnn/")


def test_a_model_file_in_a_named_run_is_found() -> None:
    assert resolve_name("0001-rnn/model.safetensors") == Path("runs/0001-rnn/model.safetensors")


def test_an_existing_path_takes_precedence(charseq: Command) -> None:
    shutil.copytree("runs/0002-rnn", "0001-rnn")
    assert charseq("runs", "show", "0001-rnn", "--json").records[0]["learned"] == ["abcabc"]


def test_the_folder_of_runs_may_be_elsewhere(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("runs").rename("elsewhere")
    monkeypatch.setenv("CHARSEQ_RUNS", "elsewhere")
    assert charseq("predict", "h", "--model", "0001-rnn").status == 0
    assert library.load("0001-rnn").path == Path("elsewhere/0001-rnn/model.safetensors")


def test_a_run_of_a_comparison_is_named_with_its_folder() -> None:
    shutil.copytree("runs/0001-rnn", "runs/0003-compare/0001-rnn")
    assert model_path("0003-compare") == model_path("0003-compare/0001-rnn")


@pytest.mark.parametrize("name", ["../0001-rnn", "/0001-rnn"])
def test_only_a_name_below_the_folder_of_runs_counts(name: str) -> None:
    shutil.copytree("runs/0001-rnn", "0001-rnn")
    assert resolve_name(name) == Path(name)


def test_a_misspelt_name_gets_suggestions() -> None:
    with pytest.raises(ModelFileError, match="there is no model '0001-rn'") as caught:
        model_path("0001-rn")
    assert caught.value.hint.startswith("did you mean '0001-rnn'")
    with pytest.raises(ModelFileError) as caught:
        model_path("runs/0002-rrn")
    assert caught.value.hint.startswith("did you mean 'runs/0002-rnn'")


def test_names_are_completed_where_no_path_begins_so() -> None:
    assert models("0") == ["0002-rnn", "0001-rnn"]
    assert models("runs/0001") == ["runs/0001-rnn"]
    assert models("") == ["runs/0002-rnn", "runs/0001-rnn"]


@pytest.mark.parametrize("command", ["inspect-shapes", "inspect-gradients"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_a_file_loses_the_last_line_end_that_a_model_does_not_know(
    charseq: Command, command: str, ending: str
) -> None:
    Path("h.txt").write_bytes(b"hihello" + ending.encode())
    model = ["--model", "runs/0001-rnn", "--json"]
    assert charseq(command, "--file", "h.txt", *model).output == charseq(command, "hihello", *model).output


def test_without_a_model_the_last_line_end_of_a_file_remains(charseq: Command) -> None:
    Path("h.txt").write_text("hi\n")
    assert charseq("inspect-shapes", "--file", "h.txt", "--json").records[0]["shape"] == [1, 3, 3]


def test_an_argument_keeps_its_last_line_end(charseq: Command) -> None:
    result = charseq("inspect-shapes", "hi\n", "--model", "runs/0001-rnn")
    assert result.status == 2
    assert "U+000A" in result.errors


@pytest.mark.parametrize(
    "command",
    [
        "predict h --model {}",
        "score hihello --model {}",
        "inspect-shapes hi --model {}",
        "runs show {}",
        "replay {}",
    ],
)
def test_every_command_takes_the_number_of_a_run(charseq: Command, command: str) -> None:
    by_number = charseq(*command.format("1").split(), "--json")
    by_path = charseq(*command.format("runs/0001-rnn").split(), "--json")
    assert by_number.status == 0, by_number.errors
    for one, other in zip(by_number.records, by_path.records, strict=True):
        assert {**one, "about": ""} == {**other, "about": ""}


def test_a_run_is_resumed_removed_and_loaded_by_its_number(charseq: Command) -> None:
    assert charseq.train("--resume", "2", "--epochs", "2")[-1]["model"].startswith("runs/0002-rnn/")
    assert library.load("1").model.memorized == ("hihello",)
    assert charseq("runs", "remove", "1", "--yes").status == 0
    assert not Path("runs/0001-rnn").exists()


def test_a_path_comes_before_a_number() -> None:
    shutil.copytree("runs/0002-rnn", "1")
    assert resolve_name("1") == Path("1")
    shutil.copytree("runs/0002-rnn", "runs/2")
    assert resolve_name("2") == Path("runs/2")


def test_a_number_without_a_run_is_refused_with_the_list() -> None:
    with pytest.raises(ModelFileError, match="there is no run 97 in 'runs'") as caught:
        model_path("97")
    assert "charseq runs" in caught.value.hint
