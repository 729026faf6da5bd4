"""The folder of --format safetensors: its tensors, its configuration, and its README."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from charseq.errors import UsageError
from charseq.export import formats
from charseq.export.card import escaped
from charseq.export.folder_config import config_of
from charseq.export.folder_reader import read_folder
from charseq.inspection.reported_run import load_trained
from charseq.model.model_file import read, write
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.exports import ODD_MODELS, exported
from tests.support.labeled import labeled_model
from tests.support.models import gru_model, lstm_model
from tests.support.reported import MARKUP, STREAM, trained

FOLDER = Path("shared")


def config_in(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return values


def test_the_tensors_are_the_parameters_and_the_n_gram_model_alone() -> None:
    model = labeled_model()
    exported(model, FOLDER)
    with safe_open(FOLDER / "model.safetensors", "numpy") as file:
        names = set(file.keys())
        assert file.metadata() == {"format": "pt"}
    assert model.mixture
    assert {name for name in names if not name.startswith("ngram.")} == set(model.network.parameter_specs())
    assert {"ngram.symbols", "ngram.counts", "ngram.gate"} <= names


def test_a_resumable_run_is_exported_without_the_state_of_its_training() -> None:
    run = trained(Path("run"), STREAM, epochs=2)
    files = formats.export("safetensors", *load_trained("run")).files
    assert b"training." in (run / "model.safetensors").read_bytes()
    assert b"training." not in files["model.safetensors"]
    assert 2.5 * len(files["model.safetensors"]) < (run / "model.safetensors").stat().st_size


@pytest.mark.parametrize("kind", ODD_MODELS)
def test_the_folder_restores_every_model_to_the_bit(kind: str) -> None:
    model = ODD_MODELS[kind]()
    exported(model, FOLDER)
    restored = read_folder(FOLDER)
    assert (restored.network, restored.vocabulary) == (model.network, model.vocabulary)
    assert (restored.memorized, restored.opening) == (model.memorized, model.opening)
    assert restored.label_counts == model.label_counts
    assert restored.window == model.window
    assert restored.arrays.keys() == model.arrays.keys()
    for name, array in model.arrays.items():
        assert restored.arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()
    assert (restored.mixture is None) == (model.mixture is None)


def test_equal_models_are_exported_as_equal_bytes() -> None:
    first, second = (exported(lstm_model(), Path(name)) for name in ("a", "b"))
    for name in ("model.safetensors", "config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_no_path_of_the_machine_is_in_the_folder(charseq: Command, tmp_path: Path) -> None:
    text = tmp_path / "secret-place/names.txt"
    text.parent.mkdir()
    text.write_text(STREAM)
    charseq.train("--file", str(text), "--epochs", "1", "--out", "run")
    files = formats.export("safetensors", *load_trained("run")).files
    assert json.loads(files["config.json"])["text"] == "names.txt"
    for name, data in files.items():
        assert b"secret-place" not in data, name
        assert str(tmp_path).encode() not in data, name


def test_the_configuration_is_readable_and_has_what_the_model_needs() -> None:
    exported(lstm_model(), FOLDER)
    text = (FOLDER / "config.json").read_text(encoding="utf-8")
    assert "헬" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
    config = config_in(FOLDER)
    assert list(config) == sorted(config)
    assert config["vocabulary"]["symbols"] == list(lstm_model().vocabulary.symbols)
    assert config["memorized"] == ["헬로"]
    assert config["charseq_export"] == 1


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\u202e", "\u2028", "\U000e0041", "\ud800"])
def test_hidden_characters_are_escaped_in_the_configuration_and_read_back(character: str) -> None:
    model = gru_model("ab" + character)
    assert model.vocabulary == Vocabulary.of(["ab" + character])
    exported(model, FOLDER)
    assert character.encode("utf-8", "surrogatepass") not in (FOLDER / "config.json").read_bytes()
    assert read_folder(FOLDER).vocabulary == model.vocabulary


def test_the_python_of_the_readme_runs_and_prints_every_parameter() -> None:
    model = labeled_model()
    exported(model, FOLDER)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code.count("\n") <= 10
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=True
    )
    shapes = {name: array.shape for name, array in load_file(FOLDER / "model.safetensors").items()}
    expected = [f"{name} float32 {shapes[name]}" for name in model.network.parameter_specs()]
    assert sorted(ended.stdout.splitlines()) == sorted(expected)


def test_the_readme_has_facts_equations_and_what_sharing_shares() -> None:
    exported(labeled_model(order=4), FOLDER)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "gru, 1 layer of 5 hidden units" in readme
    assert "fragments of the training text** of up to 4 characters" in readme
    assert "n = tanh(" in readme
    assert "license:" not in readme.partition("\n---\n")[0]
    assert "Chosen by whoever shares this model" in readme


def test_the_readme_says_that_the_configuration_contains_memorized_strings() -> None:
    exported(lstm_model(), FOLDER)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "strings that the model memorized" in readme
    assert "헬로" not in readme


@pytest.mark.parametrize(
    "name", [MARKUP, "# a\n- b", "[x](http://y)", "a | b `c` *d* _e_", "1. x", "~~\x1b[31m"]
)
def test_the_name_of_a_text_becomes_no_markup_in_the_readme(name: str) -> None:
    shown = escaped(name)
    assert not re.search(r"(?<!\\)(\\\\)*[<>&`*_\[\]|#~!]", shown)
    assert not re.search(r"[\x00-\x1f]", shown)
    model = lstm_model(training={"imported": {"file": "f", "sha256": "0", "text": name}})
    exported(model, FOLDER)
    assert f"- Text: {shown}\n" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_model_file_without_a_run_is_exported() -> None:
    write(Path("alone.safetensors"), lstm_model())
    run, model = load_trained("alone.safetensors")
    assert formats.default_name(run, formats.FORMATS["safetensors"]) == "alone-safetensors"
    assert formats.export("safetensors", run, model).files.keys() == {
        "model.safetensors",
        "config.json",
        "README.md",
    }
    assert read(Path("alone.safetensors")).memorized == model.memorized


def test_a_vocabulary_that_no_reader_would_accept_is_not_exported() -> None:
    symbols = tuple(map(chr, range(0x10000, 0x10000 + 400_003)))
    with pytest.raises(UsageError, match="400,003 symbols is too large to export"):
        config_of(replace(lstm_model(), vocabulary=Vocabulary(symbols)), "0" * 64, None)
