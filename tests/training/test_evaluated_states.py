"""Every evaluated sequence starts from the initial state, compared with a plain RNN written here in NumPy."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import charseq.training.evaluation as evaluation
from charseq.text.corpus import Corpus
from charseq.text.sequences import Sequences
from charseq.training.evaluation import ValidationSet
from tests.support.training import ended, epochs, events_of, learner_of, model

LAYERS = 2
PLAN: dict[str, Any] = {
    "cell": "rnn",
    "hidden_size": 7,
    "layers": LAYERS,
    "initial_state": "learned",
    "device": "cpu",
}
VOCABULARY = "abcde"
LONGEST, MOST, FEWER = 11, 131, 67
"""Maximum positions of a sequence, of a validation set, and of one that a time limit makes smaller."""

Arrays = Mapping[str, npt.NDArray[np.float32]]


def read_alone(w: Arrays, ids: "npt.NDArray[np.integer[Any]]") -> "tuple[float, int]":
    """Return the summed loss in nats, and the correct predictions, of one sequence by itself."""
    states = [w[f"layers.{i}.start.h"].astype(np.float64) for i in range(LAYERS)]
    cost, correct = 0.0, 0
    for symbol, target in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        x = np.eye(len(w["head.b"]))[symbol]
        for i in range(LAYERS):
            layer = {name: w[f"layers.{i}.{name}"] for name in ("W_x", "W_h", "b_x", "b_h")}
            x = np.tanh(layer["W_x"] @ x + layer["b_x"] + layer["W_h"] @ states[i] + layer["b_h"])
            states[i] = x
        logits = w["head.W"] @ x + w["head.b"]
        cost += float(np.log(np.exp(logits).sum()) - logits[target])
        correct += int(logits.argmax() == target)
    return cost, correct


def pieces(first: int, last: int) -> "list[tuple[int, int]]":
    """Return the first and last symbols of the sequences that a long text is cut into."""
    count = -(-(last - first) // LONGEST)
    bounds = [first + (last - first) * i // count for i in range(count + 1)]
    return list(pairwise(bounds))


def evenly_spaced(spans: "list[tuple[int, int]]", most: int) -> "list[tuple[int, int]]":
    """Return about `most` positions of the sequences: the first, and others at equal distances."""
    kept = max(1, len(spans) * most // sum(last - first for first, last in spans))
    return [spans[i * len(spans) // kept] for i in range(kept)]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a short text as a long one is read: in part, in several batches of several windows."""
    monkeypatch.setattr(evaluation, "LONGEST_SEQUENCE", LONGEST)
    monkeypatch.setattr(evaluation, "MOST_POSITIONS", MOST)
    monkeypatch.setattr(evaluation, "ROWS", 3)
    monkeypatch.setattr(evaluation, "POSITIONS_AT_ONCE", 1)
    monkeypatch.setattr(evaluation, "LOGITS_AT_ONCE", 5 * 13)


@pytest.mark.parametrize("most", [MOST, FEWER])
def test_every_sequence_of_a_subsampled_validation_set_starts_from_the_initial_state(most: int) -> None:
    learner = learner_of(Corpus((VOCABULARY * 40,)), **PLAN, dropout=0.5)
    random = np.random.default_rng(3)
    for flat in learner.parameters.flat:
        flat.copy_(flat.new_tensor(random.uniform(-1, 1, len(flat))))
    arrays = learner.parameters.arrays(learner.parameters.flat)
    ids = random.integers(0, len(VOCABULARY), 401).astype(np.uint8)
    validation = ValidationSet(Sequences.of([ids]), len(VOCABULARY))
    validation.limit(most)
    found = learner.evaluate(validation)
    spans = evenly_spaced(pieces(0, 400), MOST)
    if most < MOST:
        spans = evenly_spaced(spans, most)
    expected = [read_alone(arrays, ids[first : last + 1]) for first, last in spans]
    assert len(expected) == {MOST: 12, FEWER: 6}[most]
    assert found.costs.tolist() == pytest.approx([cost for cost, _ in expected], rel=1e-4)
    assert found.correct.tolist() == [correct for _, correct in expected]
    starts = [arrays[f"layers.{i}.start.h"] for i in range(LAYERS)]
    assert all((np.abs(start) > 0.01).any() for start in starts)


def test_the_validation_loss_of_a_run_is_the_mean_of_its_sequences_read_alone() -> None:
    random = np.random.default_rng(5)
    steps = random.choice([1, 2], 2003, p=[0.8, 0.2])  # predictable, so that one epoch beats the frequencies
    text = "".join("abcde"[step] for step in steps.cumsum() % 5)
    events = events_of(
        text,
        **PLAN,
        epochs=1,
        dropout=0.5,
        validation=0.2,
        validation_split="tail",
        learning_rate=0.02,
        ngram=0,
    )
    (epoch,) = epochs(events)
    assert ended(events).epoch == 1  # the saved weights are those that were evaluated
    trained = model()
    ids = np.array([trained.vocabulary.symbols.index(character) for character in text])
    assert trained.vocabulary.symbols == tuple(VOCABULARY)
    spans = evenly_spaced(pieces(2003 - 401, 2002), MOST)
    sequences = [ids[first : last + 1] for first, last in spans]
    measured = [read_alone(trained.arrays, sequence) for sequence in sequences]
    positions = sum(len(sequence) - 1 for sequence in sequences)
    assert epoch.validation_loss == pytest.approx(sum(cost for cost, _ in measured) / positions, rel=1e-4)
    assert epoch.validation_accuracy == sum(correct for _, correct in measured) / positions
