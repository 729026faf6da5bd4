"""Reading models of PyTorch: recognized by their tensors, they compute the same."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file, save_model
from torch import nn

from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.export.torch_names import TORCH_CELLS
from charseq.export.torch_network import network_module
from charseq.export.torch_state_dict import read, read_state_dict
from charseq.model.model_file import Model, write
from charseq.text.vocabulary import Vocabulary
from tests.support.command import Command
from tests.support.exported import DEEP, SYMBOLS, export_torch, ids_of, logits_of, module_of, untrained
from tests.support.torch_models import CharModel, tensors_of

WEIGHTS, VOCABULARY = Path("weights.safetensors"), Path("symbols.json")


@pytest.fixture(autouse=True)
def vocabulary(empty_folder: Path) -> None:
    VOCABULARY.write_text(json.dumps([*SYMBOLS]))


def difference(model: Model, reference: nn.Module, steps: int = 131) -> float:
    """The largest difference of logits over carried steps."""
    ids = ids_of(2, steps)
    with torch.no_grad():
        logits = reference(torch.from_numpy(ids)).numpy()
    return float(np.abs(logits_of(model, ids) - logits).max())


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embedding": 5, "layers": 3},
        {"embedding": 7, "layers": 2},
        {"norm": True},
        {"norm": True, "embedding": 5},
        {"bias": False},
        {"bias": False, "embedding": 5, "layers": 2},
    ],
    ids=str,
)
def test_a_model_of_torch_computes_the_same(kind: str, options: dict[str, Any]) -> None:
    reference = CharModel(kind, **options)
    save_file(tensors_of(reference), WEIGHTS)
    model = read(WEIGHTS, VOCABULARY)
    assert difference(model, reference) < 1e-4
    assert model.network.cell_name == kind.lower()
    assert model.vocabulary.symbols == tuple(SYMBOLS)
    assert model.opening == "\n"


def test_relu_is_read_by_its_name_and_tanh_is_the_default() -> None:
    reference = CharModel("RNN", nonlinearity="relu", layers=2)
    save_file(tensors_of(reference), WEIGHTS)
    assert difference(read(WEIGHTS, VOCABULARY, cell="rnn-relu"), reference) < 1e-4
    assert read_state_dict(WEIGHTS, VOCABULARY, cell="rnn-relu").notes == (
        "recognized: rnn-relu, 2 layers of 7 hidden units, one-hot input, linear head",
    )
    assert read_state_dict(WEIGHTS, VOCABULARY).notes == (
        "recognized: rnn, 2 layers of 7 hidden units, one-hot input, linear head",
        "read as rnn, with tanh; for relu, use --cell rnn-relu",
    )


@pytest.mark.parametrize("whole", [True, False])
def test_tied_weights_are_recognized_whether_saved_once_or_twice(whole: bool) -> None:
    reference = CharModel(embedding=7, tied=True)
    if whole:
        save_file(tensors_of(reference), WEIGHTS)
    else:
        save_model(reference, str(WEIGHTS))
        assert len(load_file(WEIGHTS)) == len(tensors_of(reference)) - 1
    model = read(WEIGHTS, VOCABULARY)
    assert model.network.tie_weights
    assert difference(model, reference) < 1e-4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("encoder", "rnn", "decoder"), ("emb", "lstm", "fc")),
        (("encoder", "rnn", "decoder"), ("module.embedding", "module.encoder", "module.head")),
        (("encoder", "rnn", "decoder"), ("_orig_mod.wte", "_orig_mod.gru", "_orig_mod.out.0")),
        (("rnn.",), ("",)),
    ],
)
def test_modules_may_have_any_names(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    reference = CharModel(embedding=7, bias=False, layers=2)
    tensors = tensors_of(reference)
    for one, other in zip(old, new, strict=True):
        tensors = {name.replace(one, other, 1): tensor for name, tensor in tensors.items()}
    save_file(tensors, WEIGHTS)
    assert difference(read(WEIGHTS, VOCABULARY), reference) < 1e-4


def test_the_tensors_of_a_single_cell_are_read_like_those_of_a_layer() -> None:
    reference = CharModel("GRU")
    tensors = {name.removesuffix("_l0"): tensor for name, tensor in tensors_of(reference).items()}
    save_file(tensors, WEIGHTS)
    assert difference(read(WEIGHTS, VOCABULARY), reference) < 1e-4


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_types_are_converted(kind: torch.dtype) -> None:
    reference = CharModel("GRU").to(kind)
    save_file(tensors_of(reference), WEIGHTS)
    model, notes = read_state_dict(WEIGHTS, VOCABULARY)
    assert difference(model, reference.float()) < 1e-4
    name = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}[kind]
    assert notes[0] == f"tensors of type {name} were converted to float32"


def test_the_boundary_is_moved_to_the_front() -> None:
    names = [*SYMBOLS]
    names[3], names[-1] = "", "d"
    VOCABULARY.write_text(json.dumps(names))
    ids = ids_of(2, 31)
    order = [3, 0, 1, 2, *range(4, 11)]
    for embedding in (0, 5):
        reference = CharModel(embedding=embedding)
        save_file(tensors_of(reference), WEIGHTS)
        model = read(WEIGHTS, VOCABULARY)
        assert model.vocabulary.symbols == ("", "a", "b", "c", *names[4:])
        assert model.opening == ""
        with torch.no_grad():
            logits = reference(torch.from_numpy(ids)).numpy()[..., order]
        np.testing.assert_allclose(logits_of(model, np.argsort(order)[ids]), logits, atol=1e-4)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, DEEP, {"embedding_size": 7, "tie_weights": True}], ids=str)
def test_an_exported_folder_comes_back_exactly(cell: str, options: dict[str, Any]) -> None:
    learns = CELLS[cell].learned_start and options is DEEP
    start: dict[str, Any] = {"initial_state": "learned"} if learns else {}
    model = replace(
        untrained(cell, **options, **start),
        memorized=("abc",),
        training={"settings": {"stride": 2, "sequence_length": 5, "average": 0.5}},
    )
    got, notes = read_state_dict(export_torch(model))
    assert notes == ()
    assert (got.network, got.vocabulary, got.memorized) == (model.network, model.vocabulary, model.memorized)
    assert (got.opening, got.window, got.training) == (model.opening, model.window, model.training)
    assert got.arrays.keys() == model.arrays.keys()
    assert all(np.array_equal(got.arrays[name], array) for name, array in model.arrays.items())


def test_a_folder_of_another_cell_than_the_asked_one_is_refused() -> None:
    folder = export_torch(untrained("mingru"))
    with pytest.raises(UsageError, match="a network of the cell mingru, not 'gru'"):
        read(folder, cell="gru")
    assert read(folder, cell="mingru").network.cell_name == "mingru"


def test_an_exported_folder_of_labels_comes_back_exactly() -> None:
    vocabulary = Vocabulary.of(["abcdefgh"], boundary=True, labels=["a", "xyz"])
    model = replace(untrained("gru"), vocabulary=vocabulary, opening="", label_counts=(3, 5))
    got = read(export_torch(model))
    assert (got.vocabulary, got.label_counts, got.opening) == (vocabulary, (3, 5), "")


@pytest.mark.parametrize("options", [DEEP, {"embedding_size": 7, "tie_weights": True}], ids=["deep", "tied"])
def test_an_exported_folder_is_read_after_further_training_in_torch(options: dict[str, Any]) -> None:
    folder = export_torch(untrained("lstm", **options))
    model = read(folder)
    network = module_of(network_module(model.network)).Network()
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    for parameter in network.parameters():
        parameter.data.mul_(0.5)
    save_model(network, str(folder / "model.safetensors"))
    trained = read(folder)
    assert trained.network == model.network
    for name, array in model.arrays.items():
        np.testing.assert_array_equal(trained.arrays[name], array * 0.5)


@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_a_plain_export_is_recognized_without_its_description(cell: str) -> None:
    model = untrained(cell, layers=2, embedding_size=5)
    folder = export_torch(model)
    got = read(folder / "model.safetensors", VOCABULARY, cell=cell)
    assert got.network == model.network
    assert all(np.array_equal(got.arrays[name], array) for name, array in model.arrays.items())


def test_a_model_of_torch_is_scored_and_trained_further(charseq: Command) -> None:
    save_file(tensors_of(CharModel("GRU", embedding=5)), WEIGHTS)
    Path("runs/0001-gru").mkdir(parents=True)
    write(Path("runs/0001-gru/model.safetensors"), read(WEIGHTS, VOCABULARY))
    assert charseq("predict", "ab", "--length", "5").status == 0
    assert charseq("score", "abba", "--json").records[0]["characters"] == 3
    events = charseq.train(
        "--from", "runs/0001-gru", "--text", "abcabcab", "--epochs", "3", "--out", "continued"
    )
    assert events[-1]["status"] == "completed"


def test_a_state_dict_requires_a_vocabulary() -> None:
    save_file(tensors_of(CharModel()), WEIGHTS)
    with pytest.raises(UsageError, match="contains weights but no vocabulary"):
        read(WEIGHTS)


def test_reading_loads_no_torch_and_opens_no_pickle(light_python: str) -> None:
    save_file(tensors_of(CharModel("RNN")), WEIGHTS)
    code = (
        "import sys; from pathlib import Path; seen = []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if 'pickle' in event else None)\n"
        "from charseq.export.torch_state_dict import read\n"
        f"read(Path({str(WEIGHTS)!r}), Path({str(VOCABULARY)!r}))\n"
        "assert 'torch' not in sys.modules and not seen\n"
    )
    subprocess.run([light_python, "-c", code], check=True, timeout=60)
