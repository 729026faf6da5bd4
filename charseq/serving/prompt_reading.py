"""Read prompts before their continuations join the batch: short ones together, long ones in pieces."""

import time
from collections.abc import Sequence

import numpy as np

from charseq.inference.scoring import BLOCK_LOGITS
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax
from charseq.model.sliding_stepper import TextReader, prefill, reader_for
from charseq.model.stepper import Reader
from charseq.serving.batch import most_probable, not_finite
from charseq.serving.choice import Choice
from charseq.text.vocabulary import Ids

SHORT_PROMPT = 256
"""Maximum number of symbols of a prompt that is read at once, beside others."""
SHORT_TOTAL = 2048
"""Symbols of short prompts that are read at once."""
PIECE_SECONDS = 0.002
"""The duration of a piece of a long prompt while other rows wait for their next symbol."""
ALONE_SECONDS = 0.05
"""The duration of a piece while no row waits."""
FIRST_PIECE = 32
"""The symbols of the first piece, which measures the speed."""


class PromptReading:
    """A prompt that is read in pieces, with the log-probabilities of its symbols if they were asked for."""

    def __init__(self, model: Model, choice: Choice, base: Reader) -> None:
        self._model, self.choice = model, choice
        self._reader = reader_for(model, base)
        ids = np.array(choice.prompt, np.intp)
        if choice.scored is None and model.window:
            ids = ids[model.window.start(len(ids) - 1) :]
        self._ids, self._position = ids, 0
        self._end = len(ids) - 1 if choice.scored is None else max(len(choice.scored), len(ids) - 1)

    @property
    def is_complete(self) -> bool:
        """Whether all that the continuation needs is read."""
        return self._position >= self._end

    @property
    def joining(self) -> tuple[TextReader, Ids]:
        """The reader, for the batch, and the last symbol of the prompt [1], which it has not read."""
        return self._reader, self._ids[-1:]

    def read(self, symbols: int) -> int:
        """Read the next symbols, at most this many; return their number."""
        end = min(self._position + max(symbols, 1), self._end)
        if self.choice.scored is not None:
            end = min(end, self._position + max(1, BLOCK_LOGITS // len(self._model.vocabulary)))
        piece = self._ids[self._position : end, None]
        if self.choice.scored is None:
            self._reader.advance_sequence(piece)
        else:
            self._score(self._reader.read_sequence(piece)[:, 0], self.choice.scored)
        self._position = end
        return len(piece)

    def _score(self, logits: Floats, scored: Ids) -> None:
        """Record the log-probabilities of the symbols after a piece, under its logits [T V]."""
        targets = scored[self._position : self._position + len(logits)]
        logits = logits[: len(targets)]
        if not np.isfinite(logits).all():
            self.choice.error = not_finite()
            return
        log_p = np.asarray(log_softmax(logits.astype(np.float64)), np.float64)
        unknown = targets == logits.shape[1]
        chosen = log_p[np.arange(len(targets)), np.where(unknown, 0, targets).astype(np.intp)]
        chosen[unknown] = log_p[unknown].min(1)
        vocabulary = self._model.vocabulary
        texts = np.where(vocabulary.is_label, -np.inf, log_p) if vocabulary.labels else log_p
        if record := self.choice.prompt_logprobs:
            record.extend(chosen, *most_probable(texts, record.top))


class PromptReader:
    """The prompts that are being read."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._base = Reader(model.network, model.weights)
        self._short: list[Choice] = []
        self._long: list[PromptReading] = []
        self._rate = FIRST_PIECE / PIECE_SECONDS
        self._last_end = 0.0

    def __len__(self) -> int:
        """Return the number of prompts that are not completely read."""
        return len(self._short) + len(self._long)

    @property
    def choices(self) -> list[Choice]:
        """The choices whose prompts are not completely read."""
        return [*self._short, *(reading.choice for reading in self._long)]

    def add(self, choice: Choice) -> None:
        """Begin to read the prompt of a choice."""
        if choice.scored is None and len(choice.prompt) <= SHORT_PROMPT:
            self._short.append(choice)
        else:
            self._long.append(PromptReading(self._model, choice, self._base))

    def drop_ended(self) -> list[Choice]:
        """Forget the choices that have ended, because of an error or because nobody waits; return them."""
        ended = [choice for choice in self.choices if choice.ended]
        self._short = [choice for choice in self._short if choice not in ended]
        self._long = [reading for reading in self._long if reading.choice not in ended]
        return ended

    def read_short(self) -> tuple[TextReader, Ids, list[Choice]] | None:
        """Read short prompts; return a reader of all but their last symbols, these symbols, and choices."""
        total, count = 0, 0
        for choice in self._short:
            total += len(choice.prompt)
            if count and total > SHORT_TOTAL:
                break
            count += 1
        if not count:
            return None
        read, self._short = self._short[:count], self._short[count:]
        return (*prefill(self._model, [choice.prompt for choice in read], self._base), read)

    def read_long(self, *, others_wait: bool) -> Sequence[PromptReading]:
        """Read a piece of a long prompt; return its reading if it is complete.

        While other rows wait for their next symbol, pieces are short, and take at most half of the time.
        """
        if not self._long or (others_wait and time.perf_counter() - self._last_end < PIECE_SECONDS):
            return ()
        reading = self._long.pop(0)
        started = time.perf_counter()
        symbols = int(self._rate * (PIECE_SECONDS if others_wait else ALONE_SECONDS))
        count = 0 if reading.is_complete else reading.read(symbols)
        self._last_end = time.perf_counter()
        self._rate = max(count / max(self._last_end - started, 1e-6), 1.0)
        if reading.is_complete or reading.choice.error:
            return (reading,)
        self._long.append(reading)
        return ()
