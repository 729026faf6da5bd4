"""The loss by hand, and that every command computes the same one."""

import math

import numpy as np
import pytest

from charseq.inspection.sequence_loss import SequenceLoss
from charseq.inspection.tracing import TraceInput, text_loss, trace
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.vocabulary import Vocabulary
from tests.support.command import SIZES


def test_the_lessons_example_is_reproduced() -> None:
    loss = SequenceLoss(
        np.array([[[0.2, 0.7], [0.6, 0.2], [0.2, 0.9]]]), np.ones((1, 3), int), np.ones((1, 3))
    )
    assert loss.mean == pytest.approx(0.596759, abs=5e-7)
    assert loss.cross_entropies[0, 0] == pytest.approx(math.log(1 + math.exp(0.2 - 0.7)))


def test_the_mean_is_weighted_over_all_rows() -> None:
    rng = np.random.default_rng(0)
    b, t, v = SIZES["B"], SIZES["T"], SIZES["V"]
    logits, targets = rng.normal(size=(b, t, v)), rng.integers(0, v, (b, t))
    weights = rng.uniform(0, 2, (b, t))
    weights[1, 2] = 0
    loss = SequenceLoss(logits, targets, weights)
    total = 0.0
    for i in range(b):
        for j in range(t):
            exps = [math.exp(x) for x in logits[i, j]]
            total -= weights[i, j] * math.log(exps[targets[i, j]] / sum(exps))
    assert loss.mean == pytest.approx(total / weights.sum())
    np.testing.assert_allclose(loss.probabilities.sum(-1), 1)


def test_no_weight_means_no_loss_and_a_certain_target_has_no_negative_zero() -> None:
    loss = SequenceLoss(np.array([[[800.0, 0.0]]]), np.zeros((1, 1), int), np.zeros((1, 1)))
    assert loss.mean is None
    assert str(loss.cross_entropies[0, 0]) == "0.0"


@pytest.mark.parametrize("lines", [False, True])
def test_the_loss_of_texts_is_that_of_their_trace(lines: bool) -> None:
    vocabulary = Vocabulary.of(["helo"], boundary=lines)
    network = Network("lstm", len(vocabulary), SIZES["H"], layers=2)
    inputs = TraceInput.of(network, vocabulary, network.draw(SeededDraw(3)), ["hello", "eol", "h"])
    traced = {tensor.name: tensor.values for tensor in trace(inputs, read_out=True)}
    loss = text_loss(inputs)
    np.testing.assert_array_equal(loss.weighted, traced["losses"])
    np.testing.assert_array_equal(loss.probabilities, traced["probabilities"])
    assert loss.mean == traced["loss"]
    assert loss.weights.sum() == (5 + 3 + 1 + 3 if lines else 4 + 2 + 0)


def test_the_mean_does_not_overflow_with_large_weights() -> None:
    logits = np.array([[[0.2, 0.7], [0.6, 0.2]]])
    targets = np.array([[1, 1]])
    equal = SequenceLoss(logits, targets, np.ones((1, 2)))
    large = SequenceLoss(logits, targets, np.full((1, 2), 1e308))
    assert large.mean == pytest.approx(equal.mean) == pytest.approx(0.693546, abs=1e-6)
