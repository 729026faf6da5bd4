"""A network and an n-gram model, mixed by a gate.

    p(w) = g p_network(w) + (1 - g) p_ngram(w)
    g = sigmoid(b[d] + f . v + h . u)

d is the length of the longest context that the n-gram model knows; f are features of both distributions
(`FEATURES`); h is what the head of the network reads.  The gate is fitted to held-out text after the network
(`charseq.training.gate`), whose own loss it never changes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from charseq.model.ngram import Contexts, NgramModel
from charseq.model.numpy_ops import NUMPY, Floats, log_softmax
from charseq.native import library
from charseq.native.mixture import GATE_FEATURES, MixedStep, NativeGate, gate_features

FEATURES = (
    "log of the network's highest probability",
    "log of the n-gram model's highest probability",
    "negative entropy of the network",
    "negative entropy of the n-gram model",
    "negative cross-entropy of the n-gram model under the network",
    "negative cross-entropy of the network under the n-gram model",
    "sum of the smaller of both probabilities of each symbol",
)
"""What the gate reads of both distributions, in nats."""
SMALLEST = np.finfo(np.float32).tiny
"""The smallest probability, so that its logarithm is finite."""


class Gate(NamedTuple):
    """The weights of the gate: a positive sum favors the network."""

    depths: npt.NDArray[np.float32]
    """b, by the length of the longest known context [N]."""
    features: npt.NDArray[np.float32]
    """v, the weights of FEATURES."""
    hidden: npt.NDArray[np.float32]
    """u, the weights of the inputs of the head [H]."""

    @classmethod
    def constant(cls, order: int, hidden_size: int, weight: float = 0.5) -> "Gate":
        """Return the gate that always gives the network the same weight, between 0 and 1."""
        depths = np.full(order, np.log(weight / (1 - weight)), np.float32)
        return cls(depths, np.zeros(GATE_FEATURES, np.float32), np.zeros(hidden_size, np.float32))

    def logit(self, features: Floats, depths: npt.NDArray[Any], h: Floats) -> Floats:
        """Return the argument of the sigmoid that is the network's share [P]."""
        z = self.depths[depths] + (features * self.features).sum(-1)
        return np.asarray(z + (h * self.hidden).sum(-1))


@dataclass(frozen=True)
class Mixture:
    """An n-gram model, and the gate that mixes it with a network."""

    ngram: NgramModel
    gate: Gate

    def step(self, contexts: Contexts) -> MixedStep | None:
        """Return what reads one symbol after these contexts [B N], in place; None without native kernels."""
        lib, ngram = library(), self.ngram
        if lib is None or ngram.native is None or self._native is None:
            return None
        return MixedStep(lib, ngram.native, self._native, contexts, ngram.vocabulary_size)

    @cached_property
    def _native(self) -> NativeGate | None:
        lib = library()
        return NativeGate(lib, self.ngram.vocabulary_size, *self.gate) if lib else None

    def mix(self, logits: Floats, q: Floats, depths: npt.NDArray[Any], h: Floats) -> Floats:
        """Return the logarithms of the mixed probabilities [P V].

        From the logits of the network [P V], the probabilities of the n-gram model `q` [P V], the lengths of
        its longest known contexts [P], and the inputs of the head [P H].
        """
        if self._native:
            out = np.empty(logits.shape, np.float32)
            self._native.mix(logits, q, depths, h, out)
            return out
        z = self.gate.logit(features(logits, q), depths, h)[:, None]
        network, ngram = (np.exp(NUMPY.log_sigmoid(each)) for each in (z, -z))
        mixed = network * np.exp(log_softmax(logits)) + ngram * q
        return np.asarray(np.log(np.maximum(mixed, SMALLEST)))


def features(logits: Floats, q: Floats) -> Floats:
    """Return FEATURES [P 7] of the logits of the network [P V] and the probabilities `q` [P V]."""
    if lib := library():
        return gate_features(lib, logits, q)
    log_p, log_q = log_softmax(logits), np.log(np.maximum(q, SMALLEST))
    p = np.exp(log_p)
    sums = (p * log_p, q * log_q, p * log_q, q * log_p, np.minimum(p, q))
    return np.stack([log_p.max(-1), log_q.max(-1), *(each.sum(-1) for each in sums)], -1)
