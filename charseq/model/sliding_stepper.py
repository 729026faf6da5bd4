"""Read texts as the model was trained: with carried states, or in overlapping windows."""

from collections.abc import Sequence
from typing import Protocol, Self

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

    def read_sequence(self, ids: Ids) -> Floats:
        """Read several symbols of each row [T B] -> logits [T B V], bit for bit those of `read`."""

    def advance_sequence(self, ids: Ids) -> object:
        """Read several symbols of each row [T B]."""

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""

    def join(self, other: Self) -> None:
        """Add the rows of another reader of the same model after the rows of this one."""

    @property
    def output(self) -> Floats:
        """The output of the last layer's cell [H] for the first row."""


class SlidingReader:
    """Reads each text in overlapping windows, each from the initial state, as in training.

    A state has therefore seen at most `window.length` symbols.
    """

    def __init__(self, window: Window, base: Reader, read: Sequence[Sequence[int]]) -> None:
        """Continue from a reader that has read the symbols `read` of each row's window."""
        self._window, self._base = window, base
        self._read = [list(ids) for ids in read]

    def read(self, ids: Ids) -> Floats:
        """Read one symbol of each row [B] -> logits of the next one [B V]."""
        full = [row for row, read in enumerate(self._read) if len(read) == self._window.length]
        if full:
            self._slide(full)
        for read, symbol in zip(self._read, ids.tolist(), strict=True):
            read.append(symbol)
        return self._base.read(ids)

    def read_sequence(self, ids: Ids) -> Floats:
        """Read several symbols of each row [T B] -> logits [T B V], bit for bit those of `read`."""
        return np.stack([self.read(step).copy() for step in ids])

    def advance_sequence(self, ids: Ids) -> None:
        """Read several symbols of each row [T B]."""
        for step in ids:
            self.read(step)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows only, in this order."""
        self._base.keep(rows)
        self._read = [list(self._read[row]) for row in rows]

    def join(self, other: "SlidingReader") -> None:
        """Add the rows of another reader of the same model after the rows of this one."""
        self._base.join(other._base)
        self._read += other._read

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
        following = self._base.with_rows(len(rows))
        following.advance_sequence(shared.T)
        self._base.copy_states(rows, following)


def batch_reader(model: Model, rows: int = 1) -> Reader | MixedReader:
    """Return a reader of a batch of texts that carries the state, and has read nothing yet."""
    base = Reader(model.network, model.weights, rows)
    return base if model.mixture is None or model.window else MixedReader(model.mixture, base)


def reader_for(model: Model, base: Reader | None = None) -> TextReader:
    """Return a reader of one text that has read nothing yet; it shares the weights of `base`, if any."""
    base = base.with_rows(1) if base else Reader(model.network, model.weights)
    if model.window:
        return SlidingReader(model.window, base, [[]])
    return base if model.mixture is None else MixedReader(model.mixture, base)


def prefill(
    model: Model, prompts: Sequence[Sequence[int]], base: Reader | None = None
) -> tuple[TextReader, Ids]:
    """Return a reader that has read a batch of prompts except their last symbols, and those symbols [B].

    It shares the weights of `base`, a reader of the same network, if there is one.
    """
    window = model.window
    if window is None:
        base, last = stepper.prefill(model.network, model.weights, prompts, base)
        if model.mixture is None:
            return base, last
        return MixedReader(model.mixture, base, [prompt[:-1] for prompt in prompts]), last
    prompts = [prompt[window.start(len(prompt) - 1) :] for prompt in prompts]
    base, last = stepper.prefill(model.network, model.weights, prompts, base)
    return SlidingReader(window, base, [prompt[:-1] for prompt in prompts]), last
