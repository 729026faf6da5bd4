"""Continue texts with a trained model, one character after the other, many at once, without torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice

import numpy as np

from charseq.inference.constraint import Constraint
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Request, Step, prompt_ids
from charseq.inference.sampling import NOTHING, Choice, Noise, Thought, chosen, thoughts
from charseq.inference.stopping import Ending
from charseq.model.model_file import Model
from charseq.model.sliding_stepper import TextReader, begun
from charseq.text.vocabulary import Ids

DEFAULT_TEMPERATURE = 0.8
ROWS = 64
"""Texts that are continued side by side ..."""
CHARACTERS, TOLD = 4_000_000, 50_000
"""... but not so many that more characters than these, or than these told at length, wait for their turn."""


def default_choice(model: Model) -> Choice:
    """Greedy where a text was learned whole, else sampled at temperature 0.8."""
    return Choice(temperature=0.0 if model.learned else DEFAULT_TEMPERATURE)


def continuation(
    model: Model,
    prompt: str,
    choice: Choice,
    *,
    length: int | None = None,
    until: Sequence[str] = (),
    constraint: Constraint | None = None,
    seed: int = 0,
    sample: int = 0,
    top: int | None = DEFAULT_ALTERNATIVES,
) -> Iterator[Step]:
    """Add characters to one prompt, yielding each as it is made; `continuations` has the rest."""
    request = Request(prompt, seed, sample, length)
    (steps,) = continuations(model, [request], choice, until=until, constraint=constraint, top=top)
    return steps


def continuations(
    model: Model,
    requests: Iterable[Request],
    choice: Choice,
    *,
    until: Sequence[str] = (),
    constraint: Constraint | None = None,
    top: int | None = DEFAULT_ALTERNATIVES,
    rows: int = ROWS,
) -> Iterator[Iterator[Step]]:
    """Add characters to prompts, one iterator for each, in order; up to `rows` of them go on side by side.

    A text ends after its length, after any string of `until`, or by itself: where a line ends, where a text
    that was learned whole ends, or where the constraint lets nothing follow.  With `top` None a step tells
    the character alone, and is made sooner.  Raises UnknownCharacter, UsageError where nothing of that length
    can fulfil the constraint.
    """
    endings: dict[int | None, Ending] = {}
    waiting = iter(requests)
    while some := list(islice(waiting, rows)):
        for request in some:
            if request.length not in endings:
                endings[request.length] = Ending(model, request.length, until, constraint)
        longest = max(endings[request.length].longest for request in some)
        size = max(1, min(rows, (CHARACTERS if top is None else TOLD) // max(longest, 1)))
        for first in range(0, len(some), size):
            group = _Group(model, some[first : first + size], choice, endings, constraint, top)
            yield from map(group.steps, range(len(some[first : first + size])))


class _Group:
    """Texts that are continued side by side, all by a character whenever more of one is asked for."""

    def __init__(
        self,
        model: Model,
        requests: Sequence[Request],
        choice: Choice,
        endings: Mapping[int | None, Ending],
        constraint: Constraint | None,
        top: int | None,
    ) -> None:
        self._model, self._choice, self._constraint, self._top = model, choice, constraint, top
        self._given = [prompt_ids(model, request) for request in requests]
        self._endings = [endings[request.length] for request in requests]
        self._limits = [ending.limit(given) for ending, given in zip(self._endings, self._given, strict=True)]
        self._may_come_early = any(ending.may_come_early for ending in self._endings)
        self._added: list[list[int]] = [[] for _ in requests]
        self._thoughts: list[list[Thought]] = [[] for _ in requests]
        self._going = [row for row, limit in enumerate(self._limits) if limit > 0]
        self._states = constraint.start(len(self._going)) if constraint else None
        self._noise = Noise([requests[row].entropy for row in self._going], len(model.vocabulary))
        self._reader: TextReader | None = None
        self._last: Ids = np.zeros(0, np.intp)

    def steps(self, row: int) -> Iterator[Step]:
        """What is added to one of the texts."""
        symbols, added = self._model.vocabulary.symbols, self._added[row]
        for place in count():
            while len(added) <= place:
                if row not in self._going:
                    return
                self._advance()
            thought = NOTHING
            if self._top is not None:
                thought, self._thoughts[row][place] = self._thoughts[row][place], NOTHING
            yield Step(symbols[added[place]], *thought)

    def _advance(self) -> None:
        """Add a character to every text that is not at its end."""
        if self._reader is None:
            prompts = [self._given[row] for row in self._going]
            self._reader, self._last = begun(self._model, prompts)
        logits = self._reader.read(self._last)
        allowed = None
        if self._constraint and self._states is not None:
            left = [self._limits[row] - len(self._added[row]) for row in self._going]
            allowed = self._constraint.allowed(self._states, left)
        self._last = chosen(logits, self._choice, self._noise, allowed)
        if self._constraint and self._states is not None:
            self._states = self._constraint.after(self._states, self._last)
        symbols = self._last.tolist()
        if self._top is not None:
            told = thoughts(logits, symbols, self._top, self._model.vocabulary.symbols)
            for row, thought in zip(self._going, told, strict=True):
                self._thoughts[row].append(thought)
        for row, symbol in zip(self._going, symbols, strict=True):
            self._added[row].append(symbol)
        if self._may_come_early or len(self._added[self._going[0]]) in self._limits:
            self._leave_what_ended(self._reader)

    def _leave_what_ended(self, reader: TextReader) -> None:
        left = [place for place in range(len(self._going)) if not self._is_over(place)]
        if len(left) == len(self._going):
            return
        self._going = [self._going[place] for place in left]
        if left:
            self._last = self._last[left]
            self._states = None if self._states is None else self._states[left]
            self._noise.keep(left)
            reader.keep(left)

    def _is_over(self, place: int) -> bool:
        """Whether a text is at its end; the end of a line, which is a symbol, is taken away again."""
        row = self._going[place]
        added = self._added[row]
        if self._model.vocabulary.boundary and added[-1] == 0:
            added.pop()
            return True
        state = 0 if self._states is None else int(self._states[place])
        return self._endings[row].is_over(self._given[row], added, self._limits[row], state)
