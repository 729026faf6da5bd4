"""ONNX models in onnxruntime, held against charseq's own reader."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from charseq.errors import UsageError
from charseq.export import onnx_models
from charseq.export.onnx_models import IR_VERSION, OPSET, sequence_model, step_model
from charseq.model.model_file import read
from charseq.model.network import Network
from tests.support.command import SIZES
from tests.support.onnx_models import TOLERANCE, Runtime, assert_same_predictions, logits_of
from tests.support.recorded_networks import EVERY_CELL, NETWORKS, network_of, random_weights, register_leaky
from tests.support.reported import trained

STEPS = 1000
CELL_NAMES = [cell.name for cell in EVERY_CELL]


@pytest.fixture(autouse=True)
def leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    register_leaky(monkeypatch)


def ids_of(batch: int, steps: int, symbols: int = SIZES["V"]) -> npt.NDArray[np.int64]:
    return np.random.default_rng(batch).integers(0, symbols, (batch, steps))


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_both_models_predict_as_charseq_does_over_1000_carried_steps(
    cell: str, options: dict[str, Any]
) -> None:
    network = network_of(cell, options)
    arrays, ids = random_weights(network), ids_of(2, STEPS)
    wanted = logits_of(network, arrays, ids)
    step = Runtime(step_model(network, arrays, {}), 2)
    assert_same_predictions(np.stack([step.read(column) for column in ids.T], 1), wanted)
    sequence = Runtime(sequence_model(network, arrays, {}), 2)
    whole = sequence.read(ids)
    assert_same_predictions(whole, wanted)
    for name, state in step.states.items():
        np.testing.assert_allclose(sequence.states[name], state, rtol=1e-4, atol=TOLERANCE)
    sequence.start(2)
    pieces = np.concatenate([sequence.read(ids[:, :211]), sequence.read(ids[:, 211:])], 1)
    np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("options", [NETWORKS["one-hot"], NETWORKS["learned"]], ids=["zeros", "learned"])
def test_one_file_reads_batches_and_sequences_of_any_size(cell: str, options: dict[str, Any]) -> None:
    network = network_of(cell, options)
    arrays = random_weights(network)
    step = Runtime(step_model(network, arrays, {}), 1)
    sequence = Runtime(sequence_model(network, arrays, {}), 1)
    for batch, length in ((1, 1), (3, 5), (2, 2), (7, 1)):
        ids = ids_of(batch, length)
        wanted = logits_of(network, arrays, ids)
        for model in (step, sequence):
            model.start(batch)
        np.testing.assert_allclose(sequence.read(ids), wanted, rtol=0, atol=TOLERANCE)
        for column, logits in zip(ids.T, wanted.swapaxes(0, 1), strict=True):
            np.testing.assert_allclose(step.read(column), logits, rtol=0, atol=TOLERANCE)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_a_larger_network_predicts_as_charseq_does(cell: str) -> None:
    network = Network(cell, 97, 64, layers=2, embedding_size=31, layer_norm=True, residual=True)
    arrays, ids = random_weights(network), ids_of(5, STEPS, 97)
    wanted = logits_of(network, arrays, ids)
    step = Runtime(step_model(network, arrays, {}), 5)
    assert_same_predictions(np.stack([step.read(column) for column in ids.T], 1), wanted)
    assert_same_predictions(Runtime(sequence_model(network, arrays, {}), 5).read(ids), wanted)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_strict_shape_inference_finds_every_declared_shape(cell: str) -> None:
    network = network_of(cell, NETWORKS["residual"])
    for write in (step_model, sequence_model):
        model = onnx.load_from_string(write(network, random_weights(network), {}))
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
        assert (model.ir_version, model.producer_name) == (IR_VERSION, "charseq")


def test_inputs_and_outputs_are_the_ids_the_logits_and_every_state() -> None:
    network = network_of("mlstm", {})
    model = onnx.load_from_string(step_model(network, random_weights(network), {"charseq": "test"}))

    def shapes(values: Any) -> dict[str, list[Any]]:
        return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    assert shapes(model.graph.input) == {
        "ids": ["batch"],
        "layers.0.h": ["batch", 7],
        "layers.0.C": ["batch", 7, 7],
        "layers.0.n": ["batch", 7],
        "layers.0.m": ["batch"],
    }
    assert [*shapes(model.graph.output)] == ["logits", *(f"layers.0.{f}.next" for f in "hCnm")]
    assert [(each.key, each.value) for each in model.metadata_props] == [("charseq", "test")]


def test_the_ceiling_of_rnn_relu_holds() -> None:
    network = network_of("rnn-relu", {})
    arrays = {name: np.full_like(array, 3) for name, array in random_weights(network).items()}
    ids = ids_of(1, 37)
    wanted = logits_of(network, arrays, ids)
    sequence = Runtime(sequence_model(network, arrays, {}), 1)
    np.testing.assert_allclose(sequence.read(ids), wanted, rtol=1e-6)
    assert sequence.states["layers.0.h"].tolist() == [[1e6] * 7]


@pytest.mark.parametrize(
    ("cell", "operators"),
    [
        ("gru", {"GRU"}),
        ("lstm", {"LSTM"}),
        ("rnn-relu", {"RNN"}),
        ("rnn", {"Scan"}),
        ("mingru", {"Scan"}),
        ("none", set()),
    ],
)
def test_a_sequence_is_read_by_the_operator_that_was_measured_faster(cell: str, operators: set[str]) -> None:
    network = network_of(cell, {})
    model = onnx.load_from_string(sequence_model(network, random_weights(network), {}))
    assert {n.op_type for n in model.graph.node} & {"GRU", "LSTM", "RNN", "Scan"} == operators


def test_products_with_inputs_are_before_the_scan() -> None:
    network = network_of("mingru", NETWORKS["embedding"])
    model = onnx.load_from_string(sequence_model(network, random_weights(network), {}))
    (scan,) = [node for node in model.graph.node if node.op_type == "Scan"]
    assert [node.op_type for node in scan.attribute[0].g.node] == ["Mul", "Add", "Identity"]


def test_matrices_of_each_step_are_not_computed_for_all_steps_at_once() -> None:
    network = network_of("mlstm", {})
    model = onnx.load_from_string(sequence_model(network, random_weights(network), {}))
    (scan,) = [node for node in model.graph.node if node.op_type == "Scan"]
    scanned = scan.attribute[0].g.input[4:]
    assert {each.name for each in scanned} >= {"layers.0.step.q", "layers.0.step.k", "layers.0.step.v"}
    assert max(len(each.type.tensor_type.shape.dim) for each in scanned) == 2


def test_a_trained_model_predicts_over_its_text_as_charseq_does(tmp_path: Path) -> None:
    text = "".join(f"{i} times {i + 1} is {i * (i + 1)}.\n" for i in range(97))
    run = trained(tmp_path / "run", text, cell="lstm", hidden_size=31, epochs=5, ngram=0, layers=2)
    model = read(run / "model.safetensors")
    ids = model.vocabulary.encode(text[:STEPS]).astype(np.int64)[None]
    wanted = logits_of(model.network, model.arrays, ids)
    assert len(wanted[0]) == STEPS
    step = Runtime(step_model(model.network, model.arrays, {}), 1)
    assert_same_predictions(np.stack([step.read(column) for column in ids.T], 1), wanted)
    sequence = Runtime(sequence_model(model.network, model.arrays, {}), 1)
    assert_same_predictions(sequence.read(ids), wanted)


def test_weights_that_a_file_cannot_hold_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("gru", {})
    monkeypatch.setattr(onnx_models, "MAX_BYTES", 1000)
    for write in (step_model, sequence_model):
        with pytest.raises(UsageError, match="2,032 bytes, and a file of ONNX holds at most 1,000") as caught:
            write(network, random_weights(network), {})
        assert "safetensors" in caught.value.hint
