"""The sequence loss: the weighted mean of the cross-entropies of all positions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.model.numpy_ops import Floats, log_softmax


@dataclass(frozen=True, eq=False)
class SequenceLoss:
    """The loss of logits [B T V] under targets [B T] and weights [B T], in nats.

        softmax(x)_k = exp(x_k) / sum_j exp(x_j)
        cross_entropy = -log(softmax(logits)_target)
        loss = sum(weight * cross_entropy) / sum(weight)

    Both sums are over all positions of all rows of the batch.  A position of weight 0 has no influence.
    """

    logits: Floats
    targets: npt.NDArray[np.integer[Any]]
    weights: Floats

    @cached_property
    def _log_probabilities(self) -> Floats:
        return log_softmax(self.logits)

    @cached_property
    def probabilities(self) -> Floats:
        """The softmax of the logits [B T V]."""
        return np.asarray(np.exp(self._log_probabilities))

    @cached_property
    def cross_entropies(self) -> Floats:
        """The cross-entropy of each position [B T], in nats, without its weight."""
        chosen = np.take_along_axis(self._log_probabilities, self.targets[:, :, None].astype(np.intp), -1)
        return np.asarray(0.0 - chosen[:, :, 0])  # a certain target has 0 nats, not -0

    @cached_property
    def weighted(self) -> Floats:
        """The cross-entropy of each position [B T], times its weight."""
        return np.asarray(self.cross_entropies * self.weights)

    @property
    def mean(self) -> Any:
        """The loss, a scalar in nats; None if no position has a weight."""
        if not self.weights.any():
            return None
        weights = self.weights / self.weights.max()  # their sum cannot overflow
        return (self.cross_entropies * weights).sum() / weights.sum()
