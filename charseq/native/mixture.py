"""Mix the probabilities of a network and of an n-gram model, in C on NumPy arrays."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.native import threads
from charseq.native.linear import Floats, address, contiguous
from charseq.native.loader import Gate
from charseq.native.ngram import NativeNgram
from charseq.native.threads import threads_for

GATE_FEATURES = 7
"""The number of values that the gate reads of the two distributions, as in library.h."""
WORK_PER_SYMBOL = 32
"""Multiplications that take as long as mixing one probability."""


def _team(lib: ctypes.CDLL, rows: int, vocabulary_size: int) -> int:
    return max(1, min(rows, threads_for(lib, rows * vocabulary_size * WORK_PER_SYMBOL)))


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
        self.reference = ctypes.byref(self._gate)

    def mix(self, logits: Floats, q: Floats, depths: npt.NDArray[Any], h: Floats, out: Floats) -> None:
        """Write the logarithms of the mixed probabilities [P V]."""
        rows, size = logits.shape
        arrays = (contiguous(logits), q, depths, contiguous(h), out)
        self._lib.charseq_mix(self.reference, rows, *map(address, arrays), _team(self._lib, rows, size))


class MixedStep:
    """One symbol of each row through an n-gram model and a gate, with arrays that are allocated once."""

    def __init__(
        self,
        lib: ctypes.CDLL,
        ngram: NativeNgram,
        gate: NativeGate,
        contexts: npt.NDArray[np.int32],
        vocabulary_size: int,
    ) -> None:
        self._lib = lib
        rows = len(contexts)
        self._contexts, self._ids = contexts, np.zeros(rows, np.int64)
        self._q, self._out = np.empty((2, rows, vocabulary_size), np.float32)
        self._depths = np.empty(rows, np.int32)
        q, depths, out = map(address, (self._q, self._depths, self._out))
        self._threads = (
            ctypes.c_long(ngram.team(rows, rows)),
            ctypes.c_long(_team(lib, rows, vocabulary_size)),
        )
        read = (ctypes.c_long(1), ctypes.c_long(rows), address(self._ids), address(contexts), q, depths)
        self._read_arguments = (ngram.reference, *read, self._threads[0])
        self._before = (gate.reference, ctypes.c_long(rows))
        self._between, self._after = (q, depths), (out, self._threads[1])
        self._logits: Floats | None = None
        self._h: Floats | None = None

    def __call__(self, ids: npt.NDArray[Any], logits: Floats, h: Floats) -> Floats:
        """Read ids [B]; mix logits [B V] with h [B H] -> log-probabilities [B V].

        All arrays are contiguous float32.  The next call overwrites the result.
        """
        if threads.forked:
            for team in self._threads:
                team.value = 1
        self._ids[:] = ids
        self._lib.charseq_ngram_read(*self._read_arguments)
        if logits is not self._logits:  # looking up an address takes as long as mixing a few symbols
            self._logits, self._logits_address = logits, address(logits)
        if h is not self._h:
            self._h, self._h_address = h, address(h)
        self._lib.charseq_mix(
            *self._before, self._logits_address, *self._between, self._h_address, *self._after
        )
        return self._out
