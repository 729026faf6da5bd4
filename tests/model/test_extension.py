"""A trained network learns further symbols without a change of what it knows."""

from typing import Any

import numpy as np
import pytest

from charseq.cells import CELLS
from charseq.model.extension import extended_weights
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw, log_softmax
from charseq.model.stepper import Reader
from charseq.native import library

KNOWN, ALL, HIDDEN = 11, 17, 7
KINDS: dict[str, dict[str, Any]] = {
    "one-hot": {},
    "embedding": {"embedding_size": 5},
    "tied": {"embedding_size": HIDDEN, "tie_weights": True},
    "two layers": {"layers": 2, "residual": True, "layer_norm": True},
}
TEXT = np.random.default_rng(3).integers(0, ALL, 997)
COUNTS = np.bincount(TEXT, minlength=ALL)


def networks(cell: str = "gru", **options: Any) -> tuple[Network, Network, dict[str, Any]]:
    """Return a small network, the larger one, and weights of the small one that are far from zero."""
    old, new = (Network(cell, size, HIDDEN, **options) for size in (KNOWN, ALL))
    return old, new, {name: 2 * array for name, array in old.draw(SeededDraw(5)).items()}


def logits(network: Network, arrays: dict[str, Any], ids: Any, *, native: bool) -> Any:
    return Reader(network, network.arrange(arrays), native=native).read_sequence(ids[:, None])[:, 0]


@pytest.mark.parametrize("native", [True, False] if library() else [False])
@pytest.mark.parametrize("cell", CELLS)
def test_the_logits_of_known_symbols_are_the_same_to_the_bit(cell: str, native: bool) -> None:
    old, new, arrays = networks(cell)
    extended = extended_weights(arrays, new, COUNTS, TEXT, seed=0)
    ids = np.random.default_rng(7).integers(0, KNOWN, 31)
    before, after = logits(old, arrays, ids, native=native), logits(new, extended, ids, native=native)
    if native:
        assert (after[:, :KNOWN] == before).all()
    else:  # the products of BLAS depend on the number of columns in the last bit
        np.testing.assert_allclose(after[:, :KNOWN], before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_known_symbols_keep_their_weights(kind: str) -> None:
    _, new, arrays = networks(**KINDS[kind])
    extended = extended_weights(arrays, new, COUNTS, TEXT, seed=0)
    assert {name: array.shape for name, array in extended.items()} == {
        name: spec.shape for name, spec in new.parameter_specs().items()
    }
    for name, array in arrays.items():
        kept = extended[name][tuple(slice(size) for size in array.shape)]
        assert (kept == array).all(), name
        assert extended[name].dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_new_symbols_start_with_about_their_frequency(kind: str) -> None:
    _, new, arrays = networks(**KINDS[kind])
    extended = extended_weights(arrays, new, COUNTS, TEXT, seed=0)
    p = np.exp(log_softmax(logits(new, extended, TEXT, native=True).astype(np.float64))).mean(0)
    frequencies = COUNTS / COUNTS.sum()
    assert p[KNOWN:].sum() == pytest.approx(frequencies[KNOWN:].sum(), rel=0.25)
    assert (np.abs(np.log(p[KNOWN:] / frequencies[KNOWN:])) < 0.7).all()


def test_new_symbols_differ_in_the_input_and_by_the_seed() -> None:
    _, new, arrays = networks()
    columns = [
        extended_weights(arrays, new, COUNTS, TEXT, seed)["layers.0.W_x"][:, KNOWN:] for seed in (0, 1)
    ]
    assert len(np.unique(columns[0], axis=1).T) == ALL - KNOWN
    assert (columns[0] != columns[1]).any()


def test_a_text_of_new_symbols_alone_leaves_some_probability_to_the_known_ones() -> None:
    _, new, arrays = networks()
    text = np.full(997, KNOWN)
    extended = extended_weights(arrays, new, np.bincount(text, minlength=ALL), text, seed=0)
    p = np.exp(log_softmax(logits(new, extended, text, native=True))).mean(0)
    assert 0.05 < p[:KNOWN].sum() < 0.2


def test_without_new_symbols_nothing_changes() -> None:
    old, _, arrays = networks()
    extended = extended_weights(arrays, old, COUNTS[:KNOWN], TEXT, seed=0)
    assert all((extended[name] == array).all() for name, array in arrays.items())


def test_an_initial_state_that_becomes_learned_starts_from_zero() -> None:
    _, _, arrays = networks()
    learned = Network("gru", ALL, HIDDEN, initial_state="learned")
    extended = extended_weights(arrays, learned, COUNTS, TEXT, seed=0)
    assert not extended["layers.0.start.h"].any()
