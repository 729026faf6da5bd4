"""charseq export: names, messages, formats and their variable, and kinds of runs."""

import json
import shutil
import time
from pathlib import Path

import pytest

from charseq.cli.completions import imports
from charseq.model.model_file import write
from tests.support.command import Command
from tests.support.exports import exported
from tests.support.forks import Forked
from tests.support.models import lstm_model
from tests.support.processes import wait_for_lines
from tests.support.reported import STREAM

SMALL = ("--epochs", "2", "--hidden-size", "5")


def test_export_writes_a_folder_named_after_the_run_and_prints_it(charseq: Command) -> None:
    charseq.train("--text", "hihello", *SMALL)
    result = charseq("export")
    assert (result.status, result.output) == (0, "0001-gru-safetensors\n")
    files = {path.name for path in Path("0001-gru-safetensors").iterdir()}
    assert files == {"model.safetensors", "config.json", "README.md"}


def test_export_reports_sizes_the_n_gram_model_and_what_is_shared(charseq: Command) -> None:
    charseq.train("--text", STREAM, "--epochs", "1", "--hidden-size", "5", "--ngram", "3")
    errors = charseq("export").errors
    size = Path("0001-rnn-norm-safetensors/model.safetensors").stat().st_size
    assert f"model.safetensors {size / 1e3:.1f} kB, the run's file " in errors
    assert "fragments of the training text of up to 3 characters" in errors
    assert "memorized" not in errors
    charseq.train("--text", "hihello", *SMALL)
    errors = charseq("export").errors
    assert "the model has no n-gram model" in errors
    assert "config.json contains the memorized strings" in errors
    assert charseq("export", "--force", "--quiet").errors == ""


def test_an_existing_export_is_replaced_only_with_force(charseq: Command) -> None:
    charseq.train("--text", "hihello", *SMALL)
    assert charseq("export", "-o", "shared").status == 0
    refused = charseq("export", "-o", "shared")
    assert (refused.status, refused.output) == (2, "")
    assert "'shared' already exists" in refused.errors
    assert charseq("export", "-o", "shared", "--force").status == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_folder_of_the_run_itself_is_never_an_export(charseq: Command, force: list[str]) -> None:
    charseq.train("--text", "hihello", *SMALL)
    before = {path: path.read_bytes() for path in Path("runs/0001-gru").iterdir()}
    assert charseq("export", "-o", "runs/0001-gru", *force).status == 2
    assert {path: path.read_bytes() for path in Path("runs/0001-gru").iterdir()} == before


@pytest.mark.parametrize("name", ["runs/a [b] c.d", "1", "0001-gru", "runs/0001-gru/model.safetensors"])
def test_a_run_is_named_in_every_way(charseq: Command, name: str) -> None:
    charseq.train("--text", "hihello", *SMALL)
    shutil.copytree("runs/0001-gru", "runs/a [b] c.d")
    result = charseq("export", name)
    expected = "a [b] c.d-safetensors" if "[" in name else "0001-gru-safetensors"
    assert result.output == f"{expected}\n", result.errors


def test_the_current_folder_is_a_run_with_a_name(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    charseq.train("--text", "hihello", *SMALL)
    monkeypatch.chdir("runs/0001-gru")
    assert charseq("export", ".", "-o", "../../shared").status == 0
    assert charseq("export", ".").output == "0001-gru-safetensors\n"
    assert charseq("export", ".", "-o", ".", "--force").status == 2


def test_the_best_run_of_a_comparison_is_exported_under_the_names_of_both(charseq: Command) -> None:
    charseq("compare", "--text", "hihello", "--cells", "rnn,gru", "--epochs", "3", "--quiet")
    result = charseq("export")
    assert result.output.startswith("0001-compare-000")
    assert "the best of 2 compared runs" in result.errors


def test_a_run_that_is_still_training_is_exported_as_it_was_last_saved(charseq: Command) -> None:
    process = Forked(
        "train", "--text", "hihello", "--epochs", "1000000", "--out", "run", "--json", "--save-every", "0.01s"
    )
    wait_for_lines(process, 30)
    deadline = time.monotonic() + 10
    while not Path("run/model.safetensors").exists() and time.monotonic() < deadline:
        wait_for_lines(process, 1)
    result = charseq("export", "run")
    process.kill()
    process.communicate(timeout=10)
    assert result.status == 0, result.errors
    assert "still training; its last saved model is exported" in result.errors
    assert charseq("import", "run-safetensors").status == 0


def test_a_run_that_diverged_is_exported_with_a_warning_that_its_import_repeats(charseq: Command) -> None:
    charseq("train", "--text", "hihello", *SMALL, "--learning-rate", "1e30", "--optimizer", "sgd", "--quiet")
    assert "its training diverged" in charseq("export", "runs/0001-gru").errors
    assert charseq("import", "0001-gru-safetensors").status == 0
    assert "its training diverged" in charseq("predict", "h", "--model", "runs/0002-gru").errors


def test_a_model_file_of_an_earlier_version_is_exported(charseq: Command) -> None:
    write(Path("old model.safetensors"), lstm_model())
    assert charseq("export", "old model.safetensors").output == "old model-safetensors\n"


def test_without_a_model_the_error_says_so(charseq: Command) -> None:
    assert "there is no trained model" in charseq("export").errors
    assert charseq("export", "nothing").status == 2
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("value", ["auto", "table", "plain", "json"])
def test_an_output_format_in_the_environment_does_not_concern_export(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    charseq.train("--text", "hihello", *SMALL)
    monkeypatch.setenv("CHARSEQ_FORMAT", value)
    assert charseq("export").output == "0001-gru-safetensors\n"
    shown = charseq("config", "show", "export", "--format", "json")
    (option,) = [record for record in shown.records if record["option"] == "format"]
    assert (option["value"], option["from"]) == ("safetensors", "default")
    Path("f.toml").write_text("[export]\nformat = 'safetensors'\n")
    assert charseq("export", "--force", "--config", "f.toml").status == 0


def test_an_output_format_at_the_top_of_a_file_does_not_concern_export(charseq: Command) -> None:
    charseq.train("--text", "hihello", *SMALL)
    Path("f.toml").write_text("format = 'json'\n")
    assert charseq("export", "--config", "f.toml").output == "0001-gru-safetensors\n"
    assert charseq("runs", "--config", "f.toml").records
    Path("g.toml").write_text("format = 'safetensors'\n")
    assert charseq("export", "--force", "--config", "g.toml").status == 0
    assert charseq("runs", "--config", "g.toml").status == 0
    Path("h.toml").write_text("[export]\nformat = 'json'\n")
    assert charseq("export", "--config", "h.toml").status == 2
    Path("i.toml").write_text("format = 'jsn'\n")
    assert charseq("export", "--config", "i.toml").status == 2


@pytest.mark.parametrize("value", ["json", "onx", ""])
def test_a_wrong_format_on_the_command_line_lists_the_formats(charseq: Command, value: str) -> None:
    charseq.train("--text", "hihello", *SMALL)
    result = charseq("export", "--format", value)
    assert result.status == 2
    assert "'safetensors', 'torch', 'onnx', 'html'" in result.errors
    assert ("did you mean 'onnx'?" in result.errors) == (value == "onx")


def test_a_wrong_format_in_the_environment_is_named(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARSEQ_FORMAT", "jsn")
    assert "(from CHARSEQ_FORMAT)" in charseq("export").errors


def test_the_type_of_weights_belongs_to_pages(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    charseq.train("--text", "hihello", *SMALL)
    result = charseq("export", "--weights", "int8")
    assert result.status == 2
    assert "--format safetensors cannot be combined with --weights" in result.errors
    monkeypatch.setenv("CHARSEQ_WEIGHTS", "int8")
    assert charseq("export").status == 0


def test_an_exported_folder_is_no_text_and_no_model(charseq: Command) -> None:
    Path("books").mkdir()
    Path("books/a.txt").write_text("hihello")
    exported(lstm_model(), Path("books/shared"))
    result = charseq("train", "--file", "books", *SMALL, "--json")
    assert result.status == 0, result.errors
    assert "is a file of an exported charseq model" in result.errors
    assert result.records[0]["characters"] == 7
    torch_folder = Path("torch")
    torch_folder.mkdir()
    shutil.copy("books/shared/model.safetensors", torch_folder)
    (torch_folder / "vocabulary.json").write_text("[]")
    assert "'charseq import torch' first" in charseq("predict", "--model", "torch").errors
    for name in ("books/shared", "books/shared/model.safetensors", "books/shared/config.json"):
        used = charseq("predict", "--model", name)
        assert used.status == 2
        assert "run 'charseq import books/shared' on it first" in used.errors


def test_a_shell_completes_exported_folders_and_state_dicts() -> None:
    exported(lstm_model(), Path("shared"))
    exported(lstm_model(), Path("other"))
    Path("lstm.safetensors").touch()
    Path("text.txt").touch()
    assert imports("s") == ["shared"]
    assert imports("") == ["lstm.safetensors", "other", "shared"]
    assert imports("shared/") == ["shared/model.safetensors"]
    assert imports("nothing/") == []


def test_the_exported_folder_is_the_same_each_time(charseq: Command) -> None:
    charseq.train("--text", "hihello", *SMALL)
    for name in ("a", "b"):
        charseq("export", "-o", name)
    for file in ("model.safetensors", "config.json", "README.md"):
        assert Path("a", file).read_bytes() == Path("b", file).read_bytes()
    assert json.loads(Path("a/config.json").read_text())["memorized"] == ["hihello"]
