from typing import Any

import numpy as np
import pytest
import torch

from charseq.cells import CELLS
from charseq.errors import CharseqError, UsageError
from charseq.model.network import Network
from charseq.model.numpy_ops import NUMPY, SeededDraw
from charseq.training.kernels.torch_ops import TORCH

STACKED = {"embedding_size": 7, "residual": True, "layer_norm": True, "tie_weights": True}
STACKS: list[dict[str, Any]] = [
    {},
    {"embedding_size": 5},
    {"hidden_size": 11, "head": "none"},
    {"hidden_size": 11, "head": "none", "residual": True, "layer_norm": True},
    STACKED,
]


def network_of(cell: str, **plan: Any) -> Network:
    return Network(cell, 11, **{"hidden_size": 7, **plan})


def test_parameters_are_counted_as_the_formula_has_them() -> None:
    one = Network("lstm", vocabulary_size=11, hidden_size=7)
    assert one.parameter_count() == 4 * 7 * (11 + 7 + 2) + 11 * 7 + 11
    two = Network("gru", vocabulary_size=11, hidden_size=7, layers=2, embedding_size=5)
    assert two.parameter_count() == 11 * 5 + 3 * 7 * (5 + 7 + 2) + 3 * 7 * (7 + 7 + 2) + 11 * 7 + 11
    tied = network_of("rnn", layers=2, initial_state="learned", **STACKED)
    assert tied.parameter_count() == 11 * 7 + 2 * 7 * (7 + 7 + 2) + 2 * 2 * 7 + 2 * 7 + 11


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("plan", STACKS, ids=str)
def test_the_network_gives_the_same_over_numpy_and_torch(cell: str, plan: dict[str, Any]) -> None:
    network = network_of(cell, layers=2, **plan)
    arrays = {n: a.astype(np.float64) for n, a in network.draw(SeededDraw(0)).items()}
    ids = np.array([[1, 10, 3], [0, 0, 7]])
    w = network.arrange(arrays)
    hs, states = network.forward(NUMPY, w, network.embed(NUMPY, w, ids), network.initial_states(NUMPY, w, 2))
    logits = network.read_out(w, hs)
    assert logits.shape == (2, 3, 11)
    tw = network.arrange({n: torch.from_numpy(a) for n, a in arrays.items()})
    txs = network.embed(TORCH, tw, torch.from_numpy(ids))
    ths, tstates = network.forward(TORCH, tw, txs, network.initial_states(TORCH, tw, 2))
    np.testing.assert_allclose(network.read_out(tw, ths).numpy(), logits, atol=1e-10)
    for state, tstate in zip(states, tstates, strict=True):
        for field, tfield in zip(state, tstate, strict=True):
            np.testing.assert_allclose(tfield.numpy(), field, atol=1e-10)


def test_every_layer_has_weights_of_its_own() -> None:
    arrays = Network("rnn", 11, 7, layers=3).draw(SeededDraw(0))
    assert (arrays["layers.1.W_h"] != arrays["layers.2.W_h"]).any()


def test_tied_weights_are_one_matrix() -> None:
    network = network_of("gru", embedding_size=7, tie_weights=True)
    arrays = network.draw(SeededDraw(0))
    assert "head.W" not in arrays
    assert network.arrange(arrays).head["W"] is arrays["embedding.W"]


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.learned_start])
def test_every_row_starts_from_the_learned_initial_state(cell: str) -> None:
    network = network_of(cell, layers=2, initial_state="learned")
    arrays = network.draw(SeededDraw(0))
    assert not any(a.any() for n, a in arrays.items() if ".start." in n)
    name = f"layers.1.start.{CELLS[cell].learned_start[0]}"
    arrays[name] = arrays[name] + np.float32(0.5)
    states = network.initial_states(NUMPY, network.arrange(arrays), 3)
    field = getattr(states[1], CELLS[cell].learned_start[0])
    assert field.shape[0] == 3
    assert (field == 0.5).all()
    assert not any(f.any() for f in states[0])


@pytest.mark.parametrize(
    ("plan", "said", "remedy"),
    [
        ({"head": "none"}, "11 symbols of the vocabulary, not 7", "--hidden-size 11"),
        ({"tie_weights": True}, "the embedding size is 0, the hidden size 7", "--embedding-size 7"),
        (
            {"tie_weights": True, "hidden_size": 11, "head": "none"},
            "--head is none",
            "--head linear",
        ),
        ({"residual": True}, "the only layer reads one-hot vectors and outputs 7", "--layers 2"),
        ({"residual": True, "embedding_size": 5}, "reads 5 values and outputs 7", "--embedding-size 7"),
        (
            {"cell_name": "none", "initial_state": "learned"},
            "no initial state to learn",
            "--initial-state zero",
        ),
        ({"cell_name": "gur"}, "'gur'", "did you mean 'gru'?"),
    ],
)
def test_incompatible_options_are_reported_with_compatible_ones(
    plan: dict[str, Any], said: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Network(**{"cell_name": "rnn", "vocabulary_size": 11, "hidden_size": 7, **plan})
    assert said in caught.value.message
    assert remedy in caught.value.hint


def test_dropout_acts_between_layers_and_before_a_linear_head_only() -> None:
    network = Network("rnn", 11, 11, layers=2, head="none")
    w = network.arrange(network.draw(SeededDraw(0)))
    calls = []

    def dropout(hs: np.ndarray) -> np.ndarray:
        calls.append(hs.shape)
        return hs

    xs = network.embed(NUMPY, w, np.array([[1, 2, 3]]))
    network.forward(NUMPY, w, xs, network.initial_states(NUMPY, w, 1), dropout=dropout)
    assert calls == [(1, 3, 11)]


def test_weights_that_do_not_fit_into_memory_are_reported_with_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(SeededDraw, "uniform", full)
    with pytest.raises(CharseqError, match="out of memory: the network has 228 parameters") as caught:
        Network("rnn", 11, 7).draw(SeededDraw(0))
    assert "--hidden-size" in caught.value.hint
