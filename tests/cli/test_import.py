"""charseq import: exact round trips, paths of other kinds, and every command on an imported run."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import charseq as package
from charseq.errors import ModelFileError
from charseq.model.model_file import read
from tests.support.command import Command
from tests.support.exports import ODD_MODELS, exported
from tests.support.forks import Forked
from tests.support.labeled import labeled_lines
from tests.support.models import lstm_model
from tests.support.registered import install_example
from tests.support.reported import STREAM
from tests.support.watched import watched

LINES = "ada\ngrace\nalan\nbarbara\nkay\nedsger\ndonald\njohn\n"
TRAINED: dict[str, tuple[str, list[str]]] = {
    "memorized": ("hihello", ["--epochs", "20"]),
    "a mixture": (STREAM, ["--epochs", "2", "--ngram", "3", "--cell", "lstm"]),
    "lines": (LINES, ["--epochs", "3", "--lines"]),
    "labels": (labeled_lines(97), ["--epochs", "2", "--labels", "--ngram", "2", "--validation", "0.2"]),
    "bytes": ("héhé한", ["--unit", "byte", "--epochs", "3", "--cell", "mlstm"]),
    "graphemes": ("ae\u0301ae\u0301", ["--unit", "grapheme", "--normalize", "nfd", "--epochs", "3"]),
    "windows": ("to be or not to be", ["--sequence-length", "5", "--stride", "2", "--epochs", "3"]),
    "a network without a head": ("hihello", ["--head", "none", "--hidden-size", "5", "--epochs", "3"]),
}


def trained(charseq: Command, kind: str) -> str:
    """Train, export and import a model; return the name of the new run."""
    text, options = TRAINED[kind]
    Path("text.txt").write_text(text)
    size = [] if "--hidden-size" in options else ["--hidden-size", "7"]
    charseq.train("--file", "text.txt", "--out", "trained", *options, *size)
    assert charseq("export", "trained", "-o", "shared").status == 0
    result = charseq("import", "shared", "--out", "imported")
    assert (result.status, result.output) == (0, "imported\n"), result.errors
    return text


def printed(charseq: Command, command: list[str], model: str) -> tuple[int, str, str]:
    result = charseq(*command, "--model", model)
    return result.status, result.output, result.errors.replace(model, "MODEL")


@pytest.mark.parametrize("kind", TRAINED)
def test_an_imported_model_predicts_and_scores_the_same_bytes(charseq: Command, kind: str) -> None:
    text = trained(charseq, kind)
    original, restored = (read(Path(name, "model.safetensors")) for name in ("trained", "imported"))
    assert original.arrays.keys() == restored.arrays.keys()
    assert all(restored.arrays[name].tobytes() == a.tobytes() for name, a in original.arrays.items())
    line = text.splitlines()[0].rpartition("\t")[2]
    label = ["--label", "one"] if kind == "labels" else []
    for command in (
        ["predict", "--json", "--length", "9", *label],
        ["predict", line[:1], "--samples", "3", "--length", "7", "--temperature", "1.5", "--json", *label],
        ["predict", *(["--json"] if kind == "bytes" else [])],
        ["score", line, "--json", *label],
        *([["classify", line, "--json"]] if kind == "labels" else []),
    ):
        before = printed(charseq, command, "trained")
        assert before[0] == 0, (command, before)
        assert printed(charseq, command, "imported") == before


@pytest.mark.usefixtures("empty_folder")
def test_a_cell_of_another_package_is_imported_where_the_package_is_installed(
    charseq: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install_example(tmp_path / "site", monkeypatch)
    charseq.train("--text", "hihello", "--cell", "leaky")
    assert charseq("export", "-o", "shared").status == 0
    assert charseq("import", "shared").output == "runs/0002-leaky\n"
    assert charseq("predict", "h", "--model", "runs/0002-leaky").output == "hihello\n"
    monkeypatch.setattr("sys.path", [path for path in __import__("sys").path if path != str(site)])
    result = charseq("import", "shared")
    assert result.status == 2
    assert "unknown cell 'leaky'" in result.errors
    assert "install the package" in result.errors


@pytest.mark.parametrize("kind", ODD_MODELS)
def test_an_import_is_exported_again_as_the_same_tensors_and_configuration(
    charseq: Command, kind: str
) -> None:
    exported(ODD_MODELS[kind](), Path("shared"))
    assert charseq("import", "shared", "--out", "imported").status == 0
    assert charseq("export", "imported", "-o", "again").status == 0
    for name in ("model.safetensors", "config.json"):
        assert Path("again", name).read_bytes() == Path("shared", name).read_bytes()


def test_an_import_is_the_newest_run_with_the_next_number(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "2", "--hidden-size", "5")
    exported(lstm_model(), Path("shared"))
    result = charseq("import", "shared")
    assert result.output == "runs/0002-lstm\n"
    assert "imported lstm, 1 layer of 2 hidden units from shared" in result.errors
    assert charseq("import", "shared", "--quiet").errors == ""
    start, end = map(json.loads, Path("runs/0003-lstm/log.ndjson").read_text().splitlines())
    assert start["imported"]["file"] == "shared"
    assert len(start["imported"]["sha256"]) == 64
    assert end["status"] == "imported"
    assert not Path("runs/0003-lstm/.lock").exists()


COMMANDS: dict[str, tuple[list[str], int, str]] = {
    "replay": (["replay", "imported"], 0, "there are no epochs to show"),
    "plot": (["plot", "imported"], 2, "so has an imported model"),
    "report": (["report", "imported"], 0, ""),
    "resume": (["train", "--resume", "imported"], 2, "--from instead of --resume"),
    "copies": (["predict", "--show-copies", "--model", "imported"], 2, "name the training file with"),
    "shapes": (["inspect-shapes", "--model", "imported"], 0, ""),
    "loss": (["inspect-loss", "hi", "--model", "imported"], 0, ""),
    "gradients": (["inspect-gradients", "hi", "--model", "imported"], 0, ""),
    "neurons": (["inspect-neurons", "hi", "--model", "imported"], 0, ""),
    "fine-tuning": (["train", "--from", "imported", "--text", "hello", "--epochs", "2"], 0, ""),
    "removal": (["runs", "remove", "runs/0001-gru", "--yes"], 0, ""),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_works_with_an_imported_run_or_says_why_not(charseq: Command, name: str) -> None:
    command, status, message = COMMANDS[name]
    trained(charseq, "memorized")
    if name == "removal":
        assert charseq("import", "shared").output == "runs/0001-gru\n"
    result = charseq(*command)
    assert result.status == status, result.errors
    assert message in result.errors
    assert "damaged" not in result.errors


def test_lists_and_descriptions_say_that_a_run_was_imported(charseq: Command) -> None:
    trained(charseq, "a mixture")
    assert charseq("import", "shared").status == 0
    (record,) = charseq("runs", "--json").records
    assert (record["status"], record["epochs"], record["text"]) == ("imported", None, "text.txt")
    assert record["validation_loss"] is not None
    (described,) = charseq("runs", "show", "--json", "--verify").records
    assert described["imported"]["file"] == "shared"
    assert not described["can_go_on"]
    assert "imported\tfile shared, sha256 " in charseq("runs", "show").output
    assert "the model was imported" in Path(charseq("report").output.strip()).read_text()
    replayed = charseq("replay", "--json").records
    assert [each["event"] for each in replayed] == ["start", "end"]


def test_new_lines_cannot_be_told_from_an_imported_model(charseq: Command) -> None:
    trained(charseq, "lines")
    result = charseq("predict", "--novel", "--model", "imported")
    assert result.status == 2
    assert "use the run that was exported" in result.errors


def test_force_replaces_a_run_and_nothing_else(charseq: Command) -> None:
    exported(lstm_model(), Path("shared"))
    charseq.train("--text", "hihello", "--epochs", "2", "--out", "run", "--hidden-size", "5")
    assert "already contains a run" in charseq("import", "shared", "--out", "run").errors
    assert charseq("import", "shared", "--out", "run", "--force").status == 0
    assert len(Path("run/log.ndjson").read_text().splitlines()) == 2
    assert read(Path("run/model.safetensors")).memorized == ("헬로",)
    assert charseq("import", "shared", "--force").status == 2
    before = sorted(Path("shared").iterdir())
    result = charseq("import", "shared", "--out", "shared", "--force")
    assert "which a run would damage" in result.errors
    assert sorted(Path("shared").iterdir()) == before


def test_a_run_in_use_is_not_replaced(charseq: Command) -> None:
    exported(lstm_model(), Path("shared"))
    process = Forked("train", "--text", "hihello", "--epochs", "1000000", "--out", "run", "--json")
    assert process.stdout
    process.stdout.readline()
    result = charseq("import", "shared", "--out", "run", "--force")
    process.kill()
    process.communicate(timeout=10)
    assert result.status == 1
    assert f"process {process.pid} is training in it" in result.errors


def test_a_failed_import_leaves_no_run(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(lstm_model(), Path("shared"))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("charseq.model.model_file.tensor_file.save", full)
    for out in ([], ["--out", "out"]):
        assert charseq("import", "shared", *out).status == 1
    assert not Path("out").exists()
    assert not any(Path("runs").glob("0*"))


def bytes_file(name: str, data: bytes) -> Callable[[], object]:
    return lambda: Path(name).write_bytes(data)


def run_folder() -> None:
    list(package.train("hihello", epochs=1, hidden_size=3, out="run"))


def state_dict() -> None:
    save_file({"weight_ih_l0": np.zeros((3, 5), np.float32)}, "rnn.safetensors")


PATHS: dict[str, tuple[str, Callable[[], object], str]] = {
    "nothing": ("nothing", lambda: None, "there is no file or folder 'nothing'"),
    "an empty folder": ("folder", lambda: Path("folder").mkdir(), "it has no config.json"),
    "a run": ("run", run_folder, "charseq predict --model run"),
    "a model file": ("run/model.safetensors", run_folder, "charseq predict --model run/model.safetensors"),
    "a pickle": ("model.pt", bytes_file("model.pt", pickle.dumps({})), "never opened"),
    "a renamed pickle": ("model.safetensors", bytes_file("model.safetensors", pickle.dumps({})), "save_file"),
    "a zip": ("model.zip", bytes_file("model.zip", b"PK\x03\x04" + b"\0" * 30), "never opened"),
    "a model for ONNX": ("step.onnx", bytes_file("step.onnx", b"\x08\x07"), "--format safetensors"),
    "a page": ("page.html", bytes_file("page.html", b"<!doctype html>"), "--format safetensors"),
    "a text": ("text.txt", bytes_file("text.txt", b"hihello"), "is not a safetensors file"),
    "an empty file": ("empty", bytes_file("empty", b""), "is not a safetensors file"),
    "a state_dict": ("rnn.safetensors", state_dict, "add --vocabulary-file"),
    "a named pipe": ("pipe", lambda: os.mkfifo("pipe"), "neither a file nor a folder"),
    "a device": ("/dev/null", lambda: None, "neither a file nor a folder"),
    "no name": ("", lambda: None, "the value is empty"),
    "an impossible name": ("a\0b", lambda: None, "cannot read"),
}


@pytest.mark.parametrize("kind", PATHS)
def test_a_path_of_another_kind_is_named_with_what_to_do(charseq: Command, kind: str) -> None:
    path, make, message = PATHS[kind]
    make()
    result = charseq("import", path)
    assert (result.status, result.output) == (2, "")
    assert message in result.errors
    assert len(result.errors.splitlines()) == 2
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", ["shared/", "shared/model.safetensors", "shared/config.json", "link"])
def test_a_file_of_the_folder_or_a_link_names_the_folder(charseq: Command, name: str) -> None:
    exported(lstm_model(), Path("shared"))
    Path("link").symlink_to("shared")
    assert charseq("import", name).output == "runs/0001-lstm\n"


def test_options_of_a_state_dict_are_refused_beside_a_folder(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(lstm_model(), Path("shared"))
    for option in (["--cell", "gru"], ["--vocabulary-file", "v.json"]):
        assert "cannot be combined" in charseq("import", "shared", *option).errors
    monkeypatch.setenv("CHARSEQ_CELL", "gru")
    assert charseq("import", "shared").status == 0


def test_an_import_opens_no_socket_and_starts_no_process(charseq: Command) -> None:
    charseq.train("--text", "hihello", "--epochs", "2")
    for command in (["export", "-o", "shared"], ["import", "shared"]):
        done = watched(*command)
        assert done.returncode == 0, done.stderr
    Path("shared/model.safetensors").write_bytes(pickle.dumps({}))
    assert watched("import", "shared").returncode == 2


def test_python_names_the_import_that_an_exported_folder_needs() -> None:
    exported(lstm_model(), Path("shared"))
    with pytest.raises(ModelFileError, match="is an exported model") as caught:
        package.load("shared")
    assert "charseq import shared" in caught.value.hint
    shutil.rmtree("shared")
