"""What an update does to the weights, what a batch passes to the next, and what a recovery restores."""

import math

import numpy as np
import pytest
import torch

import charseq.training.evaluation as evaluation
from charseq.model.network import Network
from charseq.model.numpy_ops import SeededDraw
from charseq.text.batches import Batch
from charseq.text.corpus import Corpus
from charseq.text.sequences import Sequences
from charseq.training.evaluation import ValidationSet
from charseq.training.parameters import Parameters
from charseq.training.reader import States
from tests.support.training import learner_of

CORPUS = Corpus(("hihello",))


def parameters_with_gradients(*norms: float) -> Parameters:
    """The parameters of a layer and a head, each with a gradient of the given norm."""
    network = Network("gru", 3, hidden_size=2)
    parameters = Parameters(network, network.draw(SeededDraw(0)), torch.device("cpu"))
    for gradient, norm in zip(parameters.gradients, norms, strict=True):
        gradient.fill_(norm / math.sqrt(gradient.numel()))
    return parameters


def norms_of(parameters: Parameters) -> list[float]:
    return [float(gradient.norm()) for gradient in parameters.gradients]


def test_gradients_are_clipped_by_the_norm_of_all_layers_together() -> None:
    parameters = parameters_with_gradients(3.0, 4.0)
    parameters.clip_gradients(1.0)
    assert norms_of(parameters) == pytest.approx([0.6, 0.8])


def test_gradients_below_the_maximum_norm_stay_as_they_are() -> None:
    parameters = parameters_with_gradients(0.3, 0.4)
    parameters.clip_gradients(1.0)
    assert norms_of(parameters) == pytest.approx([0.3, 0.4])


def batch_of(*rows: list[int], fresh: list[bool]) -> Batch:
    """Rows of equal length; every id but the last is an input, every id but the first a target."""
    ids = np.array(rows)
    return Batch(ids[:, :-1], ids[:, 1:], np.ones(ids[:, 1:].shape, np.float32), np.array(fresh))


def test_a_recovery_starts_the_average_from_the_restored_weights() -> None:
    learner = learner_of(CORPUS, average=0.9)
    sound = learner.parameters.copy()
    for _ in range(5):
        learner.update(batch_of([1, 0, 2], fresh=[True]), None, 0.1)
    learner.restore_weights(sound)
    with learner.averaged_weights():
        assert all(map(torch.equal, learner.parameters.flat, sound))


def test_weight_decay_continues_after_a_recovery() -> None:
    learner = learner_of(CORPUS, optimizer="adam", weight_decay=0.5)
    sound = learner.parameters.copy()
    learner.restore_weights(sound)
    learner.parameters.zero_gradients()
    learner.optimizer.update(learner.parameters.gradients, 0.1)
    for decayed, weights in zip(learner.parameters.flat, sound, strict=True):
        torch.testing.assert_close(decayed, 0.95 * weights)


def test_a_fresh_row_starts_from_the_initial_state_and_any_other_from_the_carried_one() -> None:
    learner = learner_of(CORPUS)

    def loss(batch: Batch, states: States | None) -> float:
        return float(learner.update(batch, states, 0.0)[0])

    first, second = [3, 1, 4, 1], [2, 0, 2, 4]
    _, _, states = learner.update(batch_of([0, 1, 2], [4, 3, 3], fresh=[True, True]), None, 0.0)
    alone = loss(batch_of(first, fresh=[True]), None)
    carried = tuple(type(state)(*(field[1:] for field in state)) for state in states)
    continued = loss(batch_of(second, fresh=[False]), carried)
    both = loss(batch_of(first, second, fresh=[True, False]), states)
    assert both == pytest.approx((alone + continued) / 2, rel=1e-5)
    assert continued != pytest.approx(loss(batch_of(second, fresh=[True]), None), rel=1e-3)


def test_every_held_out_sequence_is_evaluated_from_the_initial_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "ROWS", 2)
    monkeypatch.setattr(evaluation, "POSITIONS_AT_ONCE", 1)
    monkeypatch.setattr(evaluation, "LOGITS_AT_ONCE", 5 * 6)  # several windows to a sequence
    learner = learner_of(CORPUS)
    random = np.random.default_rng(0)
    ids = [random.integers(0, 5, length + 1).astype(np.uint8) for length in (4, 9, 9, 7, 9, 9)]
    held_out = ValidationSet(Sequences.of(ids), 5)
    for positions in (100, 30):
        held_out.limit(positions)
        measured = learner.evaluate(held_out)
        alone = [learner.evaluate_strings([sequence]) for sequence in held_out.sequences]
        lengths = held_out.sequences.positions
        assert (measured.costs / lengths).tolist() == pytest.approx([one.loss for one in alone], rel=1e-5)
        assert (measured.correct / lengths).tolist() == pytest.approx([one.accuracy for one in alone])


def test_strings_are_measured_in_groups_as_they_are_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.training.reader.EVALUATED_AT_ONCE", 2)
    learner = learner_of(CORPUS)
    strings = [np.arange(length) % 5 for length in (4, 3, 5, 4, 2)]
    together = learner.evaluate_strings(strings)
    alone = [learner.evaluate_strings([string]) for string in strings]
    assert together.predictions == [prediction for one in alone for prediction in one.predictions]
    lengths = [len(string) - 1 for string in strings]
    assert together.loss == pytest.approx(np.average([one.loss for one in alone], weights=lengths), rel=1e-5)
    assert together.accuracy == pytest.approx(np.average([one.accuracy for one in alone], weights=lengths))


def test_an_exchange_of_weights_swaps_them_and_a_second_one_swaps_them_back() -> None:
    learner = learner_of(CORPUS)
    before = learner.parameters.copy()
    others = [value + 1 for value in before]
    learner.parameters.exchange(others)
    assert all(map(torch.equal, learner.parameters.flat, [value + 1 for value in before]))
    assert all(map(torch.equal, others, before))
    learner.parameters.exchange(others)
    assert all(map(torch.equal, learner.parameters.flat, before))


def test_dropout_acts_between_layers_while_training_only() -> None:
    learner = learner_of(CORPUS, dropout=0.5, layers=2, hidden_size=32)
    batch = batch_of([1, 0, 2, 3], fresh=[True])
    first, second = (float(learner.update(batch, None, 0.0)[0]) for _ in range(2))
    assert first != second
    strings = [np.array([1, 0, 2, 3])]
    assert learner.evaluate_strings(strings).loss == learner.evaluate_strings(strings).loss


def test_the_average_of_the_weights_moves_quickly_while_it_is_young() -> None:
    learner = learner_of(CORPUS, average=0.999)
    averaged = learner.parameters.copy()
    for _ in range(3):
        learner.update(batch_of([1, 0, 2], fresh=[True]), None, 0.1)
        updates = learner.optimizer.updates
        decay = (1 + updates) / (10 + updates)
        present = learner.parameters.flat
        averaged = [decay * a + (1 - decay) * p for a, p in zip(averaged, present, strict=True)]
    for found, expected in zip(learner._averaged, averaged, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("optimizer", "slots"), [("sgd", 0), ("adam", 2), ("adamw", 2), ("rmsprop", 1)])
def test_an_optimizer_saves_as_many_tensors_as_it_needs(optimizer: str, slots: int) -> None:
    names = learner_of(CORPUS, optimizer=optimizer).checkpoint_tensors()
    assert len({name.split(".")[1] for name in names if name.startswith("optimizer.")}) == slots
