import pytest
import torch

from charseq.training.loss import sequence_loss


def test_the_lessons_example() -> None:
    logits = torch.tensor([[[0.2, 0.7], [0.6, 0.2], [0.2, 0.9]]])
    loss = sequence_loss(logits, torch.tensor([[1, 1, 1]]), torch.ones(1, 3))
    assert loss.item() == pytest.approx(0.596759, abs=1e-6)


def test_a_position_of_weight_0_adds_no_loss_whatever_its_target() -> None:
    logits = torch.tensor([[[0.2, 0.7], [0.6, 0.2]], [[9.0, -9.0], [5.0, 5.0]]])
    weights = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    both = sequence_loss(logits, torch.ones(2, 2, dtype=torch.long), weights)
    alone = sequence_loss(logits[:1], torch.ones(1, 2, dtype=torch.long), weights[:1])
    assert both.item() == pytest.approx(alone.item())


def test_weights_are_averaged_over_their_sum() -> None:
    logits = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])
    targets = torch.tensor([[0, 0]])
    costs = [sequence_loss(logits[:, i : i + 1], targets[:, :1], torch.ones(1, 1)).item() for i in range(2)]
    loss = sequence_loss(logits, targets, torch.tensor([[1.0, 3.0]]))
    assert loss.item() == pytest.approx((costs[0] + 3 * costs[1]) / 4)
