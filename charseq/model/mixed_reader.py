"""Read texts with a network and an n-gram model, symbol by symbol, without PyTorch."""

from collections.abc import Sequence

import numpy as np

from charseq.model.mixture import Mixture
from charseq.model.ngram import Contexts
from charseq.model.numpy_ops import Floats, ignore_overflow
from charseq.model.stepper import Ids, Reader
from charseq.native.linear import contiguous
from charseq.native.mixture import MixedStep


class MixedReader:
    """A reader of a network, with the context of each row for an n-gram model."""

    def __init__(self, mixture: Mixture, base: Reader, read: Sequence[Sequence[int]] | None = None) -> None:
        """Continue from a reader whose rows have read the symbols `read`; None for nothing."""
        self._mixture, self._base = mixture, base
        self._contexts: Contexts = mixture.ngram.start(base.rows)
        for row, ids in enumerate(read or ()):
            mixture.ngram.advance(np.array(ids, np.int64)[:, None], self._contexts[row : row + 1])
        self._step: MixedStep | None = None

    def read(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> log-probabilities of the next one, valid until the next call."""
        h = self._base.advance(ids)
        self._step = self._step or self._mixture.step(self._contexts)
        if self._step:
            return self._step(ids, contiguous(self._base.read_out(h)), contiguous(h))
        q, depths = self._mixture.ngram.read(ids[None], self._contexts)
        with ignore_overflow():
            return self._mixture.mix(self._base.read_out(h), q[0], depths[0], h)

    def read_sequence(self, ids: Ids) -> Floats:
        """Read several symbols of each row [T B] -> log-probabilities [T B V]."""
        hs = self._base.advance_sequence(ids)
        logits = self._base.read_out_sequence(hs)
        q, depths = self._mixture.ngram.read(ids, self._contexts)
        flat_logits, flat_q, h = (each.reshape(ids.size, -1) for each in (logits, q, hs))
        with ignore_overflow():
            mixed = self._mixture.mix(flat_logits, flat_q, depths.ravel(), h)
        return mixed.reshape(logits.shape)

    def advance_sequence(self, ids: Ids) -> None:
        """Read several symbols of each row [T B]."""
        self._base.advance_sequence(ids)
        self._mixture.ngram.advance(ids, self._contexts)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""
        self._base.keep(rows)
        self._contexts = self._contexts[list(rows)]
        self._step = None

    def join(self, other: "MixedReader") -> None:
        """Add the rows of another reader of the same model after the rows of this one."""
        self._base.join(other._base)
        self._contexts = np.concatenate([self._contexts, other._contexts])
        self._step = None

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""
        return self._base.output
