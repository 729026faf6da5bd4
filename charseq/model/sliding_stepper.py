"""Read texts as the model was trained: with carried states, or in overlapping windows."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from charseq.model import stepper
from charseq.model.mixed_reader import MixedReader
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats
from charseq.model.stepper import Ids, Reader
from charseq.text.windows import Window


class TextReader(Protocol):
    """Reads a batch of texts symbol by symbol."""

    def read(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> logits of the next one [B V]."""

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""


class SlidingReader:
    """Reads each text in overlapping windows, each from the initial state, as in training.

    A state has therefore seen at most `window.length` symbols.
    """

    def __init__(self, model: Model, window: Window, base: Reader, read: Sequence[Sequence[int]]) -> None:
        """Continue from a reader that has read the symbols `read` of each row's window."""
        self._network, self._weights = model.network, model.weights
        self._window, self._base = window, base
        self._read = [list(ids) for ids in read]
        self._next: Reader | None = None

    def read(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> logits of the next one [B V]."""
        full = [row for row, read in enumerate(self._read) if len(read) == self._window.length]
        if full:
            self._slide(full)
        for read, symbol in zip(self._read, ids.tolist(), strict=True):
            read.append(symbol)
        return self._base.read(ids)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""
        self._base.keep(rows)
        self._read = [list(self._read[row]) for row in rows]

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""
        return self._base.output

    def _slide(self, rows: Sequence[int]) -> None:
        """Start the next windows of some rows, and read the symbols shared with their current windows."""
        for row in rows:
            del self._read[row][: self._window.stride]
        self._base.restart(rows)
        shared = np.array([self._read[row] for row in rows], np.intp)
        if not shared.size:
            return
        if self._next is None or self._next.rows != len(rows):
            self._next = Reader(self._network, self._weights, len(rows))
        self._next.restart(range(len(rows)))
        self._next.advance_sequence(shared.T)
        self._base.copy_states(rows, self._next)


def batch_reader(model: Model, rows: int = 1) -> Reader | MixedReader:
    """Return a reader of a batch of texts that carries the state, and has read nothing yet."""
    base = Reader(model.network, model.weights, rows)
    return base if model.mixture is None or model.window else MixedReader(model.mixture, base)


def reader_for(model: Model) -> TextReader:
    """Return a reader of one text that has read nothing yet."""
    if model.window:
        return SlidingReader(model, model.window, Reader(model.network, model.weights), [[]])
    return batch_reader(model)


def prefill(model: Model, prompts: Sequence[Sequence[int]]) -> tuple[TextReader, Ids]:
    """Return a reader that has read a batch of prompts except their last symbols, and those symbols [B]."""
    window = model.window
    if window is None:
        base, last = stepper.prefill(model.network, model.weights, prompts)
        if model.mixture is None:
            return base, last
        return MixedReader(model.mixture, base, [prompt[:-1] for prompt in prompts]), last
    prompts = [prompt[window.start(len(prompt) - 1) :] for prompt in prompts]
    base, last = stepper.prefill(model.network, model.weights, prompts)
    return SlidingReader(model, window, base, [prompt[:-1] for prompt in prompts]), last
