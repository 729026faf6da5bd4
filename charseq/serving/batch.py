"""Rows of a batch that are continued side by side, a symbol at a time; rows join and leave between steps."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from charseq.inference.sampling import without_labels
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, log_softmax
from charseq.model.sliding_stepper import TextReader
from charseq.serving.choice import Choice, Finish
from charseq.serving.errors import APIError, failed
from charseq.serving.row_sampler import RowSampler
from charseq.text.vocabulary import Ids

BLOCK = 64
"""Maximum number of steps whose symbols are handed to the choices at once."""
MOST_TABLES = 256
"""Maximum number of sets of stop strings whose tables are kept."""


def not_finite() -> APIError:
    """Return the error for a model whose output is NaN or infinite."""
    message = "the output of the network is NaN or infinite: its weights are too large; train it again"
    return failed(message, code="not_finite")


class Batch:
    """The choices that are being continued, and the state of the model for each."""

    def __init__(self, model: Model, capacity: int) -> None:
        self._model, self.capacity = model, capacity
        self.choices: list[Choice] = []
        self._reader: TextReader | None = None
        self._sampler = RowSampler(len(model.vocabulary), capacity)
        self._last: Ids = np.zeros(0, np.intp)
        self._block = np.zeros((BLOCK, capacity), np.intp)
        self._filled = 0
        self._tables: dict[tuple[str, ...], npt.NDArray[np.bool_]] = {}
        self._recorded: list[tuple[Floats, Ids, Floats]] = []
        self._arrange()

    def join(self, reader: TextReader, last: Ids, choices: Sequence[Choice]) -> list[Choice]:
        """Add choices, and a reader of their prompts except the last symbols [B].

        Returns the choices that nobody waits for any more, which leave.
        """
        ended = self.hand_out()
        if self._reader is None:
            self._reader, self._last = reader, last
        else:
            self._reader.join(reader)
            self._last = np.concatenate([self._last, last])
        for choice in choices:
            self._sampler.join(choice.params, choice.request.entropy)
            self.choices.append(choice)
        self._arrange()
        return ended

    def step(self) -> list[Choice]:
        """Add a symbol to every row; return the choices that ended, which leave."""
        if self._reader is None:
            return []
        logits = without_labels(self._model.vocabulary, self._reader.read(self._last))
        if not math.isfinite(float(logits.sum())):
            self._refuse_rows(logits)
        ids = self._last = self._sampler.sample(logits)
        if self._with_logprobs:
            self._record(logits[self._with_logprobs], ids[self._with_logprobs])
        self._block[self._filled, : len(ids)] = ids
        self._filled += 1
        self._steps_left -= 1
        if self._steps_left <= 0 or self._may_end(ids):
            return self.hand_out()
        return []

    def hand_out(self) -> list[Choice]:
        """Hand the symbols of the last steps to the choices; return those that ended, which leave."""
        if self._filled:
            self._hand_out_logprobs()
            columns = self._block[: self._filled, : len(self.choices)].T.tolist()
            for choice, ids in zip(self.choices, columns, strict=True):
                choice.ids += ids
                self._finish(choice)
            self._filled = 0
        has_ended = [choice.ended for choice in self.choices]  # once: another thread may cancel meanwhile
        ended = [choice for choice, gone in zip(self.choices, has_ended, strict=True) if gone]
        if ended:
            self._keep([row for row, gone in enumerate(has_ended) if not gone])
            self._arrange()
        self._count_steps()
        return ended

    def _keep(self, rows: list[int]) -> None:
        self.choices = [self.choices[row] for row in rows]
        self._last = self._last[rows]
        self._sampler.keep(rows)
        if self._reader is not None and rows:
            self._reader.keep(rows)
        else:
            self._reader = None

    def _finish(self, choice: Choice) -> None:
        """Set why a choice ended, if it did; remove the boundary symbol from its end."""
        ids = choice.ids
        if self._model.vocabulary.boundary and ids[-1] == 0:
            ids.pop()
            if choice.logprobs:
                choice.logprobs.cut(len(ids))
            choice.finish = Finish.STOP
        elif choice.rule.may_end_early and choice.rule.has_ended(choice.prompt, ids):
            choice.finish = Finish.STOP
        elif len(ids) >= choice.limit:
            choice.finish = Finish.LENGTH

    def _may_end(self, ids: Ids) -> bool:
        """Return whether a row may have reached its end with the last symbols [B]."""
        if self._model.vocabulary.boundary and not ids.all():
            return True
        return self._ends is not None and bool(self._ends[self._rows, ids].any())

    def _arrange(self) -> None:
        """Prepare what a step needs of all rows."""
        choices = self.choices
        self._with_logprobs = [row for row, choice in enumerate(choices) if choice.logprobs is not None]
        self._top = max((choice.top or 0 for choice in choices), default=0)
        self._count_steps()
        self._ends: npt.NDArray[np.bool_] | None = None
        """Whether a symbol may end a stop string of a row [B V]."""
        if any(choice.stops for choice in choices):
            self._rows = np.arange(len(choices))
            self._ends = np.stack([self._stop_ends(choice.stops) for choice in choices])

    def _count_steps(self) -> None:
        """Set the number of steps after which the choices receive their symbols."""
        left = (1 if c.rule.ends_where_memorized else c.limit - len(c.ids) for c in self.choices)
        self._steps_left = min([*left, BLOCK])

    def _stop_ends(self, stops: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Return whether each symbol may be the end of a stop string [V]."""
        if stops not in self._tables:
            if len(self._tables) >= MOST_TABLES:
                self._tables.clear()
            self._tables[stops] = self._table(stops)
        return self._tables[stops]

    def _table(self, stops: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        vocabulary = self._model.vocabulary
        if vocabulary.unit == "byte":
            last = {chr(stop.encode("utf-8", "surrogateescape")[-1]) for stop in stops}
        else:
            last = {stop[-1] for stop in stops}
        return np.array([symbol[-1:] in last for symbol in vocabulary.symbols], np.bool_)

    def _record(self, logits: Floats, ids: Ids) -> None:
        log_p = log_softmax(logits.astype(np.float64))
        chosen = log_p[np.arange(len(ids)), ids]
        self._recorded.append((chosen, *most_probable(log_p, self._top)))

    def _hand_out_logprobs(self) -> None:
        if not self._recorded:
            return
        chosen, ids, values = (np.stack(field, 1) for field in zip(*self._recorded, strict=True))
        self._recorded.clear()
        for number, row in enumerate(self._with_logprobs):
            if record := self.choices[row].logprobs:
                record.extend(chosen[number], ids[number], values[number])

    def _refuse_rows(self, logits: Floats) -> None:
        """Let the rows with NaN or infinite logits end with an error."""
        for row in np.flatnonzero(~np.isfinite(logits).all(1)).tolist():
            self.choices[row].error = not_finite()
            self._steps_left = 0


def most_probable(log_p: Floats, top: int) -> tuple[Ids, Floats]:
    """Return the ids and log-probabilities of the `top` most probable symbols of each row [N V] -> [N K]."""
    ids = np.argsort(-log_p, 1, kind="stable")[:, :top]
    return ids, np.take_along_axis(log_p, ids, 1)
