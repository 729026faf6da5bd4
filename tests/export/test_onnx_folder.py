"""The folder of an ONNX export: metadata, README, and the program in it."""

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from charseq._version import __version__
from charseq.export.onnx_folder import export
from charseq.inspection.reported_run import load_trained
from charseq.model.model_file import Model, write
from charseq.model.network import Network
from charseq.text.units import Unit
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.labeled import labeled_model
from tests.support.models import cycling_model, lstm_model
from tests.support.recorded_networks import random_weights

TEXT = "the cat sat on the mat"
SETTINGS = {"sequence_length": 5, "stride": 2}


def model_of(text: str = TEXT, *, network: Mapping[str, Any] = {}, **changes: Any) -> Model:
    """Return a model with random weights, which is a file and can be exported."""
    given = {name: changes.pop(name) for name in ("unit", "normalization", "boundary") if name in changes}
    vocabulary = Vocabulary.of([text], **given)
    architecture = Network("gru", len(vocabulary), **{"hidden_size": 13, **network})
    opening = "" if vocabulary.boundary else vocabulary.symbols[1]
    return replace(Model(architecture, vocabulary, random_weights(architecture), opening=opening), **changes)


def exported(model: Model, name: str = "model.safetensors") -> tuple[dict[str, str], str]:
    """Export a model into the current folder; return its metadata and its README."""
    write(Path(name), model)
    files, _ = export(*load_trained(name))
    assert [*files] == ["step.onnx", "sequence.onnx", "README.md"]
    for file, data in files.items():
        Path(file).write_bytes(data)
    first, second = (
        {each.key: each.value for each in onnx.load(file).metadata_props}
        for file in ("step.onnx", "sequence.onnx")
    )
    assert first == second
    return first, Path("README.md").read_text(encoding="utf-8")


def program(readme: str) -> str:
    (found,) = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    lines = found.splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 100
    return str(found)


def generated(readme: str, *arguments: str) -> str:
    """Return what the program in a README prints."""
    command = [sys.executable, "-X", "utf8", "-W", "error", "-c", program(readme), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


MODELS: dict[str, tuple[Model, list[str]]] = {
    "characters": (model_of(), ["the"]),
    "no prompt": (model_of(), []),
    "memorized": (cycling_model("abcabca"), ["ab"]),
    "lines": (model_of("abcdefgh", boundary=True, network={"layers": 2}), []),
    "lines with a prompt": (model_of("abcdefgh", boundary=True), ["ab"]),
    "bytes": (model_of("häßlich, schön", unit="byte"), ["schö"]),
    "graphemes": (model_of("ab\u0301c👩\u200d🚀d", unit="grapheme"), ["b\u0301👩\u200d🚀"]),
    "normalization": (model_of("caf\u00e9 ol\u00e9", normalization="nfd"), ["\u00e9"]),
    "windows": (model_of(training={"settings": SETTINGS}), ["the cat"]),
    "memorized in windows": (model_of(memorized=(TEXT,), training={"settings": SETTINGS}), ["t"]),
    "learned states": (model_of(network={"initial_state": "learned", "layers": 2}), ["the"]),
    "windows, learned": (
        model_of(network={"initial_state": "learned"}, training={"settings": SETTINGS}), ["a"]
    ),
}  # fmt: skip
"""Models of every kind, with prompts."""


@pytest.mark.parametrize("name", MODELS)
def test_the_program_in_the_readme_generates_what_predict_does(charseq: Command, name: str) -> None:
    model, prompt = MODELS[name]
    _, readme = exported(model)
    result = charseq("predict", "--model", "model.safetensors", "--greedy", *prompt)
    assert result.status == 0
    assert len(result.output) > len("".join(prompt)) + 1
    wanted = unicodedata.normalize("NFC", result.output)  # predict prints the prompt as it was given
    assert unicodedata.normalize("NFC", generated(readme, *prompt)) == wanted


@pytest.mark.parametrize("label", ["one", "a"])
def test_the_program_begins_with_a_label_and_generates_none(charseq: Command, label: str) -> None:
    model = replace(labeled_model(), mixture=None)
    bias = np.float32(9) * model.vocabulary.is_label  # the network predicts labels everywhere
    model = replace(model, arrays={**random_weights(model.network, 5), "head.b": bias})
    _, readme = exported(model)
    for prompt in ("", "c"):
        arguments = ["--greedy", "--only-new", "--label", label, *([prompt] if prompt else [])]
        result = charseq("predict", "--model", "model.safetensors", *arguments)
        assert result.status == 0, result.errors
        assert generated(readme, label, prompt) == f"{prompt}{result.output}"


@pytest.mark.parametrize("unit", ["grapheme", "byte"])
def test_the_longest_program_has_at_most_25_lines(unit: Unit) -> None:
    model = labeled_model()
    vocabulary = replace(model.vocabulary, unit=unit, normalization="nfkc")
    _, readme = exported(replace(model, vocabulary=vocabulary, mixture=None))
    assert len(program(readme).splitlines()) == (25 if unit == "grapheme" else 24)
    assert "a" in generated(readme, "a", "a")


def test_a_trained_model_is_exported_by_the_command_and_generates_what_predict_does(
    charseq: Command,
) -> None:
    charseq.train("--text", "hihello", "--cell", "mlstm", "--hidden-size", "11")
    result = charseq("export", "--format", "onnx", "-o", "out")
    assert (result.status, result.output) == (0, "out\n")
    readme = Path("out/README.md").read_text(encoding="utf-8")
    for file in ("step.onnx", "sequence.onnx"):
        Path(file).write_bytes((Path("out") / file).read_bytes())
    assert generated(readme) == charseq("predict", "--greedy").output == "hihello\n"


def test_the_metadata_has_what_a_user_of_the_model_needs() -> None:
    settings = {**SETTINGS, "seed": 7}
    training = {"settings": settings, "validation_loss": 1.25, "network_validation_loss": 1.25}
    metadata, _ = exported(model_of("ab", memorized=("abab", "a"), training=training))
    assert all(value.isascii() for value in metadata.values())
    plain = {name: metadata.pop(name) for name in ("charseq", "unit", "normalization")}
    assert plain == {"charseq": __version__, "unit": "character", "normalization": "none"}
    values = {name: json.loads(value) for name, value in metadata.items()}
    assert values.pop("network")["cell_name"] == "gru"
    assert values == {
        "vocabulary": ["a", "b"],
        "labels": {},
        "boundary": None,
        "opening": 1,
        "states": [
            {
                "input": "layers.0.h",
                "output": "layers.0.h.next",
                "shape": ["batch", 13],
                "initial": "zeros",
            }
        ],
        "settings": {
            "sequence_length": 5,
            "stride": 2,
            "temperature": 0.0,
            "memorized_lengths": [4, 1],
        },
        "losses": {"validation_loss": 1.25, "network_validation_loss": 1.25},
        "has_ngram": False,
    }


def test_memorized_text_is_in_no_file() -> None:
    exported(model_of(memorized=(TEXT,)))
    for file in ("step.onnx", "sequence.onnx", "README.md"):
        data = Path(file).read_bytes()
        assert b"the cat" not in data
        assert b"sat on" not in data


def test_any_symbol_and_any_name_are_written_safely() -> None:
    model = lstm_model()
    metadata, readme = exported(model, "`x`|\x1b[31m```<b>.safetensors")
    assert tuple(json.loads(metadata["vocabulary"])) == model.vocabulary.symbols
    assert "\x1b" not in readme
    assert "```` `x`\\x7c\\x1b[31m```<b>.safetensors ````" in readme
    assert '["\\u001b", "2", "J", "[", "\\ub85c", "\\ud5ec", "\\udc80"]' in readme
    assert generated(readme)


def test_a_label_equal_to_a_symbol_has_its_own_id() -> None:
    metadata, readme = exported(replace(labeled_model(), mixture=None))
    symbols, labels = json.loads(metadata["vocabulary"]), json.loads(metadata["labels"])
    assert symbols.index("a") != labels["a"]
    assert symbols[labels["a"]] == "a"
    assert (json.loads(metadata["boundary"]), json.loads(metadata["opening"])) == (0, None)
    assert "begins with the id of its label" in readme


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        (
            {"validation_loss": 1.4501, "network_validation_loss": 1.52},
            "The export has the network alone: 1.52 nats per character; with its n-gram model 1.45.",
        ),
        ({}, "The export has the network alone, without its n-gram model; no validation loss is known."),
        (
            {"validation_loss": 1.45, "network_validation_loss": None},
            "The export has the network alone, without its n-gram model; no validation loss is known.",
        ),
    ],
)
def test_an_export_without_the_ngram_model_says_so(training: dict[str, Any], sentence: str) -> None:
    model = replace(labeled_model(), training=training)
    metadata, readme = exported(model)
    assert sentence in readme
    assert "differs from that of `charseq predict --greedy`" in readme
    assert metadata["has_ngram"] == "true"
    assert export(*load_trained("model.safetensors")).notes == (sentence,)
    losses = {"validation_loss": None, "network_validation_loss": None, **training}
    assert json.loads(metadata["losses"]) == losses


def test_a_model_without_an_ngram_model_has_no_notes() -> None:
    write(Path("model.safetensors"), model_of(training={"validation_loss": 2.5}))
    files, notes = export(*load_trained("model.safetensors"))
    assert notes == ()
    assert b"Its validation loss is 2.5 nats per character." in files["README.md"]


def test_the_readme_explains_learned_initial_states() -> None:
    _, readme = exported(model_of(network={"initial_state": "learned"}))
    assert "The initial values of `layers.0.h` were learned." in readme
    assert "leave the inputs out where a text begins" in readme


def test_a_large_vocabulary_is_listed_in_part() -> None:
    _, readme = exported(model_of("".join(map(chr, range(0x4E00, 0x4E00 + 97)))))
    assert readme.count("\\u4e") == 40
    assert "which begins:" in readme
