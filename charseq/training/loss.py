"""Cross-entropy of predictions, with padding masked out."""

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional


def sequence_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the mean cross-entropy: logits [B T V], targets [B T], weights [B T] -> nats per position.

    The weighted sum is divided by the total weight.  Padding has weight 0, so it is masked from the loss.
    """
    return summed_loss(logits, targets, weights) / weights.t().flatten().sum()


def summed_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the sum of the cross-entropy, in nats, as `sequence_loss` takes its mean.

    Each row is summed first: torch sums a large tensor at once in an order that depends on the threads.
    """
    return (_losses(logits, targets) * weights.t()).sum(0).sum()


def row_losses(
    logits: Tensor, targets: Tensor, weights: Tensor
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sum the loss of each row in nats [B], and count its correct predictions [B], where weights are 1."""
    losses = (_losses(logits, targets) * weights.t()).sum(0)
    correct = ((logits.argmax(-1) == targets) & (weights > 0)).sum(1)
    return losses.cpu().numpy().astype(np.float64), correct.cpu().numpy()


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of every position [T B]; time first, as the logits lie in memory."""
    time_first = logits.transpose(0, 1).flatten(0, 1)
    losses = functional.cross_entropy(time_first, targets.t().flatten(), reduction="none")
    return losses.view(logits.shape[1], logits.shape[0])
