import numpy as np
import pytest
import torch

from charseq.arrays import NUMPY, SeededDraw
from charseq.cells import CELLS
from charseq.errors import UsageError
from charseq.network import Network
from charseq.training.ops import TORCH


def test_parameters_are_counted_as_the_formula_has_them() -> None:
    one = Network("lstm", vocabulary_size=11, hidden_size=7)
    assert one.parameters() == 4 * 7 * (11 + 7 + 2) + 11 * 7 + 11
    two = Network("gru", vocabulary_size=11, hidden_size=7, layers=2, embedding_size=5)
    assert two.parameters() == 11 * 5 + 3 * 7 * (5 + 7 + 2) + 3 * 7 * (7 + 7 + 2) + 11 * 7 + 11


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("embedding", [0, 5])
@pytest.mark.parametrize("head", ["linear", "none"])
def test_the_network_gives_the_same_over_numpy_and_torch(cell: str, embedding: int, head: str) -> None:
    hidden = 11 if head == "none" else 7
    network = Network(cell, 11, hidden, layers=2, embedding_size=embedding, head=head)  # type: ignore[arg-type]
    arrays = {n: a.astype(np.float64) for n, a in network.draw(SeededDraw(0)).items()}
    ids = np.array([[1, 10, 3], [0, 0, 7]])
    w = network.arrange(arrays)
    hs, states = network.run(NUMPY, w, network.embed(NUMPY, w, ids), network.start(NUMPY, w, 2))
    logits = network.read_out(w, hs)
    assert logits.shape == (2, 3, 11)
    tw = network.arrange({n: torch.from_numpy(a) for n, a in arrays.items()})
    txs = network.embed(TORCH, tw, torch.from_numpy(ids))
    ths, tstates = network.run(TORCH, tw, txs, network.start(TORCH, tw, 2))
    np.testing.assert_allclose(network.read_out(tw, ths).numpy(), logits, atol=1e-10)
    for state, tstate in zip(states, tstates, strict=True):
        for field, tfield in zip(state, tstate, strict=True):
            np.testing.assert_allclose(tfield.numpy(), field, atol=1e-10)


def test_every_layer_has_weights_of_its_own() -> None:
    arrays = Network("rnn", 11, 7, layers=3).draw(SeededDraw(0))
    assert (arrays["layers.1.W_h"] != arrays["layers.2.W_h"]).any()


def test_without_a_head_the_hidden_size_must_be_the_vocabulary() -> None:
    with pytest.raises(UsageError) as caught:
        Network("rnn", vocabulary_size=5, hidden_size=7, head="none")
    assert "5 symbols" in caught.value.message
    assert "not 7" in caught.value.message
    assert "--hidden-size 5" in caught.value.hint


def test_dropout_acts_between_layers_and_before_a_linear_head_only() -> None:
    network = Network("rnn", 11, 11, layers=2, head="none")
    w = network.arrange(network.draw(SeededDraw(0)))
    calls = []

    def dropout(hs: np.ndarray) -> np.ndarray:
        calls.append(hs.shape)
        return hs

    xs = network.embed(NUMPY, w, np.array([[1, 2, 3]]))
    network.run(NUMPY, w, xs, network.start(NUMPY, w, 1), dropout=dropout)
    assert calls == [(1, 3, 11)]
