"""The cost of a prediction."""

from torch import Tensor
from torch.nn import functional


def sequence_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean cross-entropy, each place by its weight: logits [B T V], targets and weights [B T] -> nats.

    The sum of weighted places is divided by the total weight, so a place of weight 0 costs nothing.
    """
    time_first = logits.transpose(0, 1).flatten(0, 1)  # as networks leave them in memory
    costs = functional.cross_entropy(time_first, targets.t().flatten(), reduction="none")
    flat = weights.t().flatten()
    return (costs * flat).sum() / flat.sum()
