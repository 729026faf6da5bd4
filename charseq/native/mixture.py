"""Mix the probabilities of a network and of an n-gram model, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.linear import Floats, address, contiguous
from charseq.native.loader import Gate
from charseq.native.threads import threads_for

GATE_FEATURES = 7
"""The number of values that the gate reads of the two distributions, as in library.h."""
WORK_PER_SYMBOL = 32
"""Multiplications that take as long as mixing one probability."""


def _team(lib: ctypes.CDLL, rows: int, vocabulary_size: int) -> int:
    return min(rows, threads_for(lib, rows * vocabulary_size * WORK_PER_SYMBOL))


def gate_features(lib: ctypes.CDLL, logits: Floats, q: Floats) -> Floats:
    """Return the features [P GATE_FEATURES] of logits [P V] and probabilities q [P V]."""
    rows, size = logits.shape
    logits, q, p = contiguous(logits), contiguous(q), np.empty(logits.shape, np.float32)
    out = np.empty((rows, GATE_FEATURES), np.float32)
    lib.charseq_gate_features(rows, size, *map(address, (logits, q, p, out)), _team(lib, rows, size))
    return out


class NativeGate:
    """The weights of a gate for the kernels."""

    def __init__(
        self, lib: ctypes.CDLL, vocabulary_size: int, depths: Floats, features: Floats, hidden: Floats
    ) -> None:
        self._lib = lib
        self._arrays = tuple(map(contiguous, (depths, features, hidden)))
        self._gate = Gate(vocabulary_size, len(hidden), *map(address, self._arrays))
        self._reference = ctypes.byref(self._gate)

    def mix(self, logits: Floats, q: Floats, depths: npt.NDArray[Any], h: Floats, out: Floats) -> None:
        """Write the logarithms of the mixed probabilities [P V]."""
        rows, size = logits.shape
        team = _team(self._lib, rows, size)
        arrays = (contiguous(logits), q, depths, contiguous(h), out)
        self._lib.charseq_mix(self._reference, rows, *map(address, arrays), max(1, threads.allowed(team)))
