"""The folder of --format torch, and the script in it."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import charseq as api
from charseq.export import torch_folder
from charseq.export.torch_predict import MOST_LINES, lines_of_code, prediction_script
from charseq.inspection.reported_run import load_trained
from charseq.model.model_file import Model
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command, in_process
from tests.support.exported import export_torch, run_of, run_script, untrained

LINES = "".join(f"{a}{b}\n" for a in ("an", "be", "co", "da", "el") for b in ("na", "rt", "ra", "vid", "la"))
LABELED = "".join(f"{label}\t{name}\n" for label, name in zip("xyxy" * 3, LINES.split() * 2, strict=False))
RUNS: dict[str, dict[str, Any]] = {
    "a memorized text": {"text": "hihello", "cell": "gru"},
    "memorized texts": {"text": ["hallo", "a dada"], "cell": "lstm"},
    "windows": {"text": "to be or not to be that is", "sequence_length": 5, "stride": 2, "cell": "gru"},
    "lines": {"text": LINES, "lines": True, "cell": "gru", "residual": False, "layer_norm": False},
    "lines of a deep network": {"text": LINES, "lines": True, "cell": "lstm", "layers": 2, "residual": True},
    "labels": {"text": LABELED, "labels": True, "cell": "rnn-norm", "batch_size": 2},
    "bytes": {"text": "hé\udcffhé", "unit": "byte", "cell": "rnn"},
    "graphemes": {"text": "e\u0301ae\u0301ba", "unit": "grapheme", "normalize": "nfd", "cell": "mingru"},
    "tied weights": {"text": LINES * 2, "cell": "lstm", "tie_weights": True},
}


def trained(name: str) -> Model:
    list(api.train(**{"epochs": 12, "hidden_size": 13, "ngram": 0, **RUNS[name]}, out="run"))
    return load_trained("run")[1]


def own(charseq: Command, model: Model, *arguments: str) -> bytes:
    """What charseq itself prints."""
    command = ("predict", "--model", "run", "--greedy", *arguments)
    if model.vocabulary.unit == "byte":  # the capture in this process has text only
        return in_process(*command, cwd=Path.cwd()).stdout
    return charseq(*command).output.encode()


@pytest.mark.parametrize("name", RUNS)
def test_the_script_prints_what_charseq_predicts(charseq: Command, name: str) -> None:
    model = trained(name)
    folder = export_torch(model)
    label = ["x"] if name == "labels" else []
    option = ["--label", "x"] if label else []
    prompts = {"a memorized text": "hih", "windows": "or not", "bytes": "h", "graphemes": "e\u0301a"}
    for prompt in ("", prompts.get(name, "a")):
        given = [prompt] if prompt else []
        assert run_script(folder, *label, *given) == own(charseq, model, *option, *given)


@pytest.mark.parametrize("cell", [pytest.param("gru", marks=pytest.mark.long), "mingru"])
def test_the_script_runs_in_a_new_process_from_any_folder(charseq: Command, cell: str) -> None:
    list(api.train("hihello", cell=cell, out="run"))
    folder = export_torch(load_trained("run")[1]).resolve()
    Path("elsewhere").mkdir()
    ended = subprocess.run(
        [sys.executable, str(folder / "predict.py"), "hi"], cwd="elsewhere", capture_output=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, b"hihello\n"), ended.stderr


def test_the_script_samples_with_the_change_that_the_readme_names() -> None:
    folder = export_torch(untrained("gru"))
    before, after = re.findall(r"`(\..+?)`", torch_folder.SAMPLING)
    script = folder / "predict.py"
    assert script.read_text().count(before) == 1
    script.write_text(script.read_text().replace(before, after))
    torch.manual_seed(0)
    assert len({*run_script(folder, "a")}) > 9


@pytest.mark.parametrize("name", RUNS)
def test_the_script_has_at_most_twenty_lines_and_passes_the_linter(name: str) -> None:
    model = trained(name)
    script = prediction_script(model)
    assert lines_of_code(script.code) <= MOST_LINES
    folder = export_torch(model)
    assert (folder / "model.py").exists() is script.imports_network
    for arguments in (["check", "--select", "F,E,W,I,B,UP,SIM,RET,C4,PIE"], ["format", "--check"]):
        ended = subprocess.run(
            ["ruff", arguments[0], "--isolated", "--no-cache", *arguments[1:], "predict.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
@pytest.mark.parametrize("labels", [True, False])
def test_scripts_of_every_kind_of_text_are_valid(unit: Any, labels: bool) -> None:
    for cell, options in (("gru", {}), ("lstm", {"layers": 2, "residual": True}), ("mlstm", {})):
        for form in ("none", "nfkc"):
            vocabulary = Vocabulary.of(
                ["abcdefghi" if labels else "abcdefghij\n"],
                unit=unit,
                normalization=form,
                boundary=labels,
                labels=["a"] if labels else [],
            )
            model = replace(untrained(cell, **options), vocabulary=vocabulary)
            ast.parse(prediction_script(model).code)


def test_text_of_a_user_is_data_and_never_code() -> None:
    symbols = "".join(sorted({*"\"'\\\n`$(){}<>", "\u202e", "\udc80", "й"}))
    model = untrained("mingru")
    network = replace(model.network, vocabulary_size=len(symbols))
    vocabulary = Vocabulary.of([symbols])
    model = Model(network, vocabulary, untrained("mingru").arrays, memorized=(symbols,), opening="\n")
    arrays = {name: np.zeros(spec.shape, np.float32) for name, spec in network.parameter_specs().items()}
    files = torch_folder.export(run_of(model), replace(model, arrays=arrays)).files
    for name in ("model.py", "predict.py", "README.md"):
        assert "й" not in files[name].decode()
        assert "\u202e" not in files[name].decode()
    described = files["vocabulary.json"].decode("ascii")
    assert json.loads(described)["symbols"] == [*vocabulary.symbols]
    assert json.loads(described)["memorized"] == [symbols]


def test_the_export_says_that_it_has_the_network_alone() -> None:
    losses = {"validation_loss": 1.45, "network_validation_loss": 1.52}
    model = with_ngram(untrained("gru", embedding_size=5), losses)
    sentence = (
        "The export contains only the network: validation loss 1.52 nats per character "
        "(1.45 with the n-gram model)."
    )
    exported = torch_folder.export(run_of(model), model)
    assert exported.notes[0] == sentence
    assert sentence in exported.files["README.md"].decode()
    unmeasured = torch_folder.export(run_of(model), with_ngram(model, {}))
    assert unmeasured.notes[0].endswith("Its validation loss is unknown.")
    alone = untrained("gru")
    assert "n-gram" not in torch_folder.export(run_of(alone), alone).files["README.md"].decode()


def with_ngram(model: Model, training: dict[str, Any]) -> Model:
    """The model with an n-gram model, whose content does not matter, and measurements."""
    return replace(model, mixture=object(), training=training)  # type: ignore[arg-type]


def test_the_notes_and_the_readme_have_the_lines_that_load_the_network() -> None:
    model = untrained("gru")
    exported = torch_folder.export(run_of(model), model)
    code = exported.files["predict.py"].decode()
    assert 'model["rnn"] = torch.nn.GRU(11, 7, batch_first=True)' in code
    assert exported.notes[-1] == f"predict.py loads the network and continues a text:\n\n{code}"
    assert f"```python\n{code}```" in exported.files["README.md"].decode()


def test_the_export_says_that_relu_of_torch_has_no_ceiling() -> None:
    model = untrained("rnn-relu")
    assert any("1,000,000" in note for note in torch_folder.export(run_of(model), model).notes)


def test_exporting_loads_no_torch(light_python: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tests.support.exported import *\n"
        "for cell in ('gru', 'mlstm'):\n"
        "    torch_folder.export(run_of(untrained(cell)), untrained(cell))\n"
        "assert 'torch' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([light_python, "-c", code], cwd=root, check=True, capture_output=True, timeout=60)
