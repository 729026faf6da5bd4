"""Evaluation of held-out text: correct, robust to outliers, and no longer than necessary."""

import numpy as np
import pytest

import charseq.training.evaluation as module
from charseq.text.sequences import Sequences
from charseq.training.evaluation import Evaluation, ValidationSet


def evaluation(losses: "list[float]", positions: "list[int]") -> Evaluation:
    counts = np.array(positions)
    return Evaluation(np.array(losses) * counts, counts // 2, counts, lines=True)


def validation_of(lengths: "list[int]", vocabulary_size: int = 7) -> ValidationSet:
    random = np.random.default_rng(0)
    sequences = [random.integers(0, vocabulary_size, n + 1).astype(np.uint8) for n in lengths]
    return ValidationSet(Sequences.of(sequences), vocabulary_size)


def test_the_loss_is_the_plain_mean_over_positions() -> None:
    measured = evaluation([1.0, 4.0], [30, 10])
    assert measured.loss == pytest.approx(1.75)
    assert measured.accuracy == pytest.approx(0.5)


def test_without_outliers_the_robust_loss_is_the_plain_mean() -> None:
    random = np.random.default_rng(0)
    measured = evaluation(random.uniform(1, 2, 50).tolist(), random.integers(5, 9, 50).tolist())
    assert measured.robust_loss == pytest.approx(measured.loss, rel=1e-12)
    assert measured.outliers() == []


def test_one_outlier_does_not_rule_the_robust_loss_and_is_named() -> None:
    ordinary, positions = [2.0] * 49, [8] * 49
    bad = evaluation([*ordinary, 30.0], [*positions, 300])
    worse = evaluation([*ordinary, 60.0], [*positions, 300])
    assert bad.loss > 13
    assert bad.robust_loss < 2.6
    assert worse.robust_loss == pytest.approx(bad.robust_loss)
    better = evaluation([1.9] * 49 + [60.0], [*positions, 300])
    assert better.robust_loss < bad.robust_loss
    assert better.loss > bad.loss
    (outlier,) = bad.outliers()
    assert (outlier.sequence, outlier.positions, outlier.loss) == (49, 300, 30.0)
    assert outlier.share == pytest.approx(300 * 30 / (300 * 30 + 49 * 16))


def test_the_robust_loss_of_running_text_is_the_plain_mean() -> None:
    measured = evaluation([2.0] * 49 + [30.0], [8] * 49 + [300])._replace(lines=False)
    assert measured.robust_loss == measured.loss
    assert measured.outliers() == []


@pytest.mark.parametrize("vocabulary_size", [7, 200])
def test_every_position_is_read_once_in_batches_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch, vocabulary_size: int
) -> None:
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", 5000)
    monkeypatch.setattr(module, "POSITIONS_AT_ONCE", 100)
    monkeypatch.setattr(module, "ROWS", 4)
    validation = validation_of([1, 3, 300, 7, 7, 2, 90, 5], vocabulary_size)
    seen: dict[int, list[int]] = {}
    for numbers, batches in validation.groups():
        for batch in batches:
            assert batch.inputs.size * vocabulary_size <= max(5000, len(numbers) * vocabulary_size)
            for row, number in enumerate(numbers.tolist()):
                live = batch.weights[row] > 0
                seen.setdefault(number, []).extend(batch.targets[row][live].tolist())
    expected = {i: ids[1:].tolist() for i, ids in enumerate(validation.sequences)}
    assert seen == expected


def test_a_long_sequence_is_cut_and_a_large_text_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SEQUENCE", 100)
    monkeypatch.setattr(module, "MOST_POSITIONS", 500)
    validation = validation_of([2000])
    assert validation.sequences.positions.tolist() == [100] * 5
    starts = validation.sequences.starts.astype(int)
    assert np.diff(starts).tolist() == [400] * 4
    for positions in (200, 500):
        validation.limit(positions)
        assert validation.positions == positions


def test_a_small_validation_set_does_not_choose() -> None:
    assert not validation_of([50, 49]).chooses
    assert validation_of([50, 50]).chooses
