"""The cost of a prediction."""

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional


def sequence_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean cross-entropy, each place by its weight: logits [B T V], targets and weights [B T] -> nats.

    The sum of weighted places is divided by the total weight, so a place of weight 0 costs nothing.
    """
    costs = _costs(logits, targets).flatten()
    flat = weights.t().flatten()
    return (costs * flat).sum() / flat.sum()


def row_losses(
    logits: Tensor, targets: Tensor, weights: Tensor
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sum the loss of each row in nats [B], and count its correct predictions [B], where weights are 1."""
    costs = (_costs(logits, targets) * weights.t()).sum(0)
    correct = ((logits.argmax(-1) == targets) & (weights > 0)).sum(1)
    return costs.cpu().numpy().astype(np.float64), correct.cpu().numpy()


def _costs(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of every position [T B]: time first, as networks leave logits in memory."""
    time_first = logits.transpose(0, 1).flatten(0, 1)
    costs = functional.cross_entropy(time_first, targets.t().flatten(), reduction="none")
    return costs.view(logits.shape[1], logits.shape[0])
