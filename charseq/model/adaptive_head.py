"""The head of a network, and the gate that mixes it with an n-gram model, as they learn from a text.

This is dynamic evaluation, limited to the weights that need no backpropagation through time: it costs a small
part of reading a text, where training all weights costs several times as much.

Source: Krause et al. 2017, "Dynamic Evaluation of Neural Sequence Models", arXiv:1709.07432, but with running
mean squares instead of those of the training text.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from charseq.model.mixture import Gate, Mixture, features
from charseq.model.ngram_cache import Probabilities
from charseq.model.numpy_ops import NUMPY, Floats
from charseq.text.vocabulary import Ids

RATE = 1e-3
"""Learning rate of the head."""
MEAN_DECAY = 0.999
"""Decay of the running mean squares of the gradient, per update."""
RETURN = 0.003
"""Fraction of the way back to the trained weights that each update goes."""
EPSILON = 1e-8
GATE_RATE = 0.02
"""Learning rate of the gate, per position, for the weights of the context's length."""
FEATURE_RATE = 0.004
"""The same for the weights of the features."""
Known = npt.NDArray[np.bool_]


class AdaptiveHead:
    """A copy of a network's head that learns; without a head, hs are the logits, and nothing is learned."""

    def __init__(self, head: Mapping[str, Floats]) -> None:
        self._trained = [head[name] for name in ("W", "b") if head]
        self._weights = [weights.copy() for weights in self._trained]
        self._squares = [np.zeros_like(weights) for weights in self._trained]
        self._updates = 0

    def logits(self, hs: Floats) -> Floats:
        """Apply the head: hs [P H] -> logits [P V]."""
        if not self._weights:
            return hs
        w, b = self._weights
        return np.asarray(hs @ w.T + b)

    def learn(self, hs: Floats, d_logits: Floats) -> None:
        """Update the weights by RMSprop, from hs [P H] and the gradient of the loss, d_logits [P V].

        The mean squares are corrected for their start at zero, as in Adam.
        """
        if not self._weights:
            return
        self._updates += 1
        correction = np.float32(1 / (1 - MEAN_DECAY**self._updates))
        gradients = (d_logits.T @ hs, d_logits.sum(0))
        groups = (self._weights, self._squares, gradients, self._trained)
        for weights, squares, gradient, trained in zip(*groups, strict=True):
            squares *= np.float32(MEAN_DECAY)
            squares += np.float32(1 - MEAN_DECAY) * gradient * gradient
            weights -= np.float32(RATE) * gradient / (np.sqrt(squares * correction) + np.float32(EPSILON))
            weights += np.float32(RETURN) * (trained - weights)


class AdaptiveGate:
    """A copy of the gate of a mixture that learns from each position."""

    def __init__(self, mixture: Mixture) -> None:
        self._ngram = mixture.ngram
        self._gate = Gate(mixture.gate.depths.copy(), mixture.gate.features.copy(), mixture.gate.hidden)
        self.start()

    def start(self) -> None:
        """Begin a text; the weights stay."""
        self._contexts = self._ngram.start(1)

    def mix(self, ids: Ids, hs: Floats, logits: Floats, p: Probabilities) -> Probabilities:
        """Read ids [P], and return the mixed probabilities [P V] of the next symbols.

        hs [P H], logits [P V] and p [P V] are the input of the head and the prediction of the network.
        """
        q, depths = self._ngram.read(ids[:, None].astype(np.int64), self._contexts)
        self._q, self._depths = q[:, 0], depths[:, 0]
        self._features = features(logits, self._q)
        z = self._gate.logit(self._features, self._depths, hs).astype(np.float64)
        self._share, self._p = np.exp(NUMPY.log_sigmoid(z)), p
        self._mixed = self._share[:, None] * p + (1 - self._share)[:, None] * self._q
        return self._mixed

    def learn(self, targets: Ids, known: Known) -> None:
        """Learn from the targets [P] of the positions mixed last, where they are known."""
        at = np.flatnonzero(known)
        right = self._share[at] * self._p[at, targets[at]] / self._mixed[at, targets[at]]
        slope = (self._share[at] - right).astype(np.float32)
        np.subtract.at(self._gate.depths, self._depths[at], np.float32(GATE_RATE) * slope)
        weights = self._gate.features
        weights -= np.float32(FEATURE_RATE) * (slope @ self._features[at])
