"""Fit the gate that mixes a network with an n-gram model, by Newton's method."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot

from charseq.model.mixture import FEATURES, Gate
from charseq.training.thread_count import single_thread

CONSTANT_PENALTY = 0.01
PENALTY = 4.0
HIDDEN_PENALTY = 1e7
"""Penalties: factors of the squares of the gate's weights, for inputs of unit variance, in nats.

That of the many hidden units is divided by the number of positions, so that few positions hardly use them.
"""
MAX_HIDDEN = 512
"""Maximum number of hidden units that the gate reads; a larger hidden state is projected at random."""
MAX_ITERATIONS = 12
SMALLEST_GAIN = 2e-5
"""Gain in nats per position below which an iteration is the last."""
SMALLEST_STEP = 1e-3
"""The smallest fraction of a step that is tried."""
FLOOR = 0.05
"""Share of the gate's own variance that is added to the curvature, so that it is never zero."""


class Observations(NamedTuple):
    """P held-out positions, as the network and the n-gram model predicted them."""

    depths: npt.NDArray[np.int32]
    """Lengths of the longest known contexts [P]."""
    features: npt.NDArray[np.float32]
    """`charseq.model.mixture.FEATURES` [P 7]."""
    hidden: npt.NDArray[np.float32]
    """Inputs of the head [P H]."""
    log_p: npt.NDArray[np.float32]
    """Log-probabilities of the symbols under the network [P]."""
    log_q: npt.NDArray[np.float32]
    """Log-probabilities of the symbols under the n-gram model [P]."""
    half: npt.NDArray[np.int64]
    """0 or 1: the half of the held-out text that a position is in [P]."""

    @classmethod
    def none(cls, hidden_size: int) -> "Observations":
        """Return no positions."""
        features, hidden = (np.zeros((0, size), np.float32) for size in (len(FEATURES), hidden_size))
        nothing = np.zeros(0, np.float32)
        return cls(np.zeros(0, np.int32), features, hidden, nothing, nothing, np.zeros(0, np.int64))

    def select(self, chosen: npt.NDArray[np.bool_]) -> "Observations":
        """Return the positions where a mask is true."""
        return Observations._make(field[chosen] for field in self)


def fit_gate(seen: Observations, order: int) -> Gate:
    """Return the gate with the lowest penalized loss on these positions.

    Without positions, or where the network's output is not finite, both models get the same weight.  The
    Hessian is approximated by the sum of the squared derivatives of each position.
    """
    hidden_size = seen.hidden.shape[1]
    if not len(seen.log_p) or not all(np.isfinite(field).all() for field in seen[1:5]):
        return Gate.constant(order, hidden_size)
    inputs = _Inputs(seen, order)
    weights = _minimize(inputs.matrix, inputs.penalties, *map(torch.from_numpy, (seen.log_p, seen.log_q)))
    return inputs.gate(weights)


class _Inputs:
    """The inputs of the gate [P F]: a constant, the context's length, FEATURES, and inputs of the head."""

    def __init__(self, seen: Observations, order: int) -> None:
        self._order, hidden_size = order, seen.hidden.shape[1]
        values = torch.from_numpy(np.concatenate([seen.features, seen.hidden], 1))
        self._mean, deviation = values.mean(0), values.std(0, correction=0)
        self._scale = torch.where(deviation > 1e-6, 1 / deviation, 0.0)
        values = (values - self._mean) * self._scale
        features, hidden = values[:, : len(FEATURES)], values[:, len(FEATURES) :]
        self._projection: Tensor | None = None
        if hidden_size > MAX_HIDDEN:
            random = torch.Generator().manual_seed(0)
            self._projection = torch.randn(hidden_size, MAX_HIDDEN, generator=random) / hidden_size**0.5
            hidden = hidden @ self._projection
        depths = one_hot(torch.from_numpy(seen.depths.astype(np.int64)), order).float()
        self.matrix = torch.cat([torch.ones(len(values), 1), depths, features, hidden], 1)
        groups = (
            (1, CONSTANT_PENALTY),
            (order + len(FEATURES), PENALTY),
            (hidden.shape[1], HIDDEN_PENALTY / len(values)),
        )
        self.penalties = torch.cat([torch.full((size,), value).double() for size, value in groups])

    def gate(self, weights: Tensor) -> Gate:
        """Return the gate of weights [F], for inputs as they are."""
        ends = np.cumsum([1, self._order, len(FEATURES)])
        constant, depths, features, hidden = torch.tensor_split(weights.float(), tuple(ends.tolist()))
        if self._projection is not None:
            hidden = self._projection @ hidden
        scaled = torch.cat([features, hidden]) * self._scale
        depths = depths + constant - (scaled * self._mean).sum()
        features, hidden = scaled[: len(FEATURES)], scaled[len(FEATURES) :]
        return Gate(depths.numpy(), features.numpy(), hidden.numpy())


def _minimize(inputs: Tensor, penalties: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return the weights [F] that minimize the loss of the mixture plus the penalties."""
    log_p, log_q = log_p.double(), log_q.double()
    weights, z = torch.zeros_like(penalties), torch.zeros_like(log_p)

    def log_mixed(z: Tensor) -> Tensor:
        return torch.logaddexp(logsigmoid(z) + log_p, logsigmoid(-z) + log_q)

    def objective(z: Tensor, weights: Tensor) -> Tensor:
        return 0.5 * (penalties * weights * weights).sum() - log_mixed(z).sum()

    value = objective(z, weights)
    for _ in range(MAX_ITERATIONS):
        share = torch.sigmoid(z)
        slope = share - torch.exp(logsigmoid(z) + log_p - log_mixed(z))  # of the loss of each position
        gradient = (inputs.T @ slope.float()).double() + penalties * weights
        curvature = (slope * slope + FLOOR * share * (1 - share)).float()
        hessian = ((inputs * curvature[:, None]).T @ inputs).double() + torch.diag(penalties)
        step = solve(hessian, gradient)
        z_step, size = (inputs @ step.float()).double(), 1.0
        while (after := objective(z - size * z_step, weights - size * step)) >= value:
            size /= 2
            if size < SMALLEST_STEP:
                return weights
        weights, z = weights - size * step, z - size * z_step
        gain, value = value - after, after
        if gain < SMALLEST_GAIN * len(z):
            break
    return weights


def solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Solve matrix [F F] x = vector [F] with one thread: the last digits of torch depend on their number."""
    with single_thread():
        x: Tensor = torch.linalg.solve(matrix, vector)
    return x
