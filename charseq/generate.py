"""Continue texts with a trained model, one character after the other, many at once, without torch."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from charseq.choice import NOTHING, Choice, Noise, Thought, chosen, thoughts
from charseq.errors import UsageError
from charseq.model_file import Model
from charseq.reader import Ids, Reader

DEFAULT_LENGTH = 200
DEFAULT_TEMPERATURE = 0.8
ROWS = 64
"""Texts that are continued side by side ..."""
CHARACTERS, TOLD = 4_000_000, 50_000
"""... but not so many that more characters than these, or than these told at length, wait for their turn."""
SHOWN = 5
"""Of the likeliest symbols instead of one that was chosen."""


class Step(NamedTuple):
    """One character that was added: what the model thought of it, and of the likeliest instead."""

    character: str
    probability: float
    """As the model has it, before temperature and top-k."""
    top: tuple[tuple[str, float], ...]


class Request(NamedTuple):
    """A text to continue.  Random numbers come from these three alone, so that other prompts get others."""

    prompt: str
    seed: int = 0
    sample: int = 0

    @property
    def entropy(self) -> list[int]:
        """What a generator is seeded with."""
        digest = hashlib.sha256(self.prompt.encode("utf-8", "surrogatepass")).digest()
        return [self.seed, self.sample, int.from_bytes(digest[:8], "big")]


def default_choice(model: Model) -> Choice:
    """Greedy where a text was learned whole, else sampled at temperature 0.8."""
    return Choice(temperature=0.0 if model.learned else DEFAULT_TEMPERATURE)


def opening(model: Model) -> str:
    """What to start from where no prompt is given: the text's first character, or the start of a line."""
    return "" if model.vocabulary.boundary else model.opening


def continuation(
    model: Model,
    prompt: str,
    choice: Choice,
    *,
    length: int | None = None,
    until: Sequence[str] = (),
    seed: int = 0,
    sample: int = 0,
    top: int | None = SHOWN,
) -> Iterator[Step]:
    """Add characters to one prompt, yielding each as it is made; `continuations` has the rest."""
    (steps,) = continuations(
        model, [Request(prompt, seed, sample)], choice, length=length, until=until, top=top
    )
    return steps


def continuations(
    model: Model,
    requests: Sequence[Request],
    choice: Choice,
    *,
    length: int | None = None,
    until: Sequence[str] = (),
    top: int | None = SHOWN,
) -> Iterator[Iterator[Step]]:
    """Add characters to prompts, one iterator for each, in order; a group of them goes on side by side.

    A text ends after `length` characters, after any string of `until`, or by itself: where a line ends, where
    a text that was learned whole ends, and after 200 characters of any other.  With `top` None a step tells
    the character alone, and is made sooner.  Raises UnknownCharacter.
    """
    ending = _Ending(model, length)
    rows = max(1, min(ROWS, (CHARACTERS if top is None else TOLD) // max(ending.longest, 1)))
    for first in range(0, len(requests), rows):
        group = _Group(model, requests[first : first + rows], choice, ending, until, top)
        yield from map(group.steps, range(len(requests[first : first + rows])))


class _Group:
    """Texts that are continued side by side, all by a character whenever more of one is asked for."""

    def __init__(
        self,
        model: Model,
        requests: Sequence[Request],
        choice: Choice,
        ending: "_Ending",
        until: Sequence[str],
        top: int | None,
    ) -> None:
        self._model, self._choice, self._until, self._top = model, choice, until, top
        self._given = [model.vocabulary.encode(request.prompt).tolist() for request in requests]
        if not all(self._given) and not model.vocabulary.boundary:
            raise UsageError("there is nothing to continue", hint="give a prompt of at least one character")
        self._ending = ending
        self._limits = [self._ending.limit(given) for given in self._given]
        self._may_end_anywhere = bool(model.vocabulary.boundary or until or self._ending.may_be_learned)
        self._added: list[list[int]] = [[] for _ in requests]
        self._thoughts: list[list[Thought]] = [[] for _ in requests]
        self._going = [row for row, limit in enumerate(self._limits) if limit > 0]
        self._noise = Noise([requests[row].entropy for row in self._going], len(model.vocabulary))
        self._reader: Reader | None = None
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
            self._reader, self._last = self._begun()
        logits = self._reader.read(self._last)
        self._last = chosen(logits, self._choice, self._noise)
        symbols = self._last.tolist()
        if self._top is not None:
            told = thoughts(logits, symbols, self._top, self._model.vocabulary.symbols)
            for row, thought in zip(self._going, told, strict=True):
                self._thoughts[row].append(thought)
        for row, symbol in zip(self._going, symbols, strict=True):
            self._added[row].append(symbol)
        if self._may_end_anywhere or len(self._added[self._going[0]]) in self._limits:
            self._leave_what_ended(self._reader)

    def _leave_what_ended(self, reader: Reader) -> None:
        left = [place for place, row in enumerate(self._going) if not self._is_over(row)]
        if len(left) == len(self._going):
            return
        self._going = [self._going[place] for place in left]
        if left:
            self._last = self._last[left]
            self._noise.keep(left)
            reader.keep(left)

    def _is_over(self, row: int) -> bool:
        """Whether a text is at its end; the end of a line, which is a symbol, is taken away again."""
        added, vocabulary = self._added[row], self._model.vocabulary
        if vocabulary.boundary and added[-1] == 0:
            added.pop()
            return True
        return (
            len(added) >= self._limits[row]
            or self._ending.is_learned(self._given[row], added)
            or any(vocabulary.decode(added[-4 * len(end) :]).endswith(end) for end in self._until)
        )

    def _begun(self) -> tuple[Reader, Ids]:
        """A reader that has read all prompts but for their last symbols, and those."""
        edge = [0] if self._model.vocabulary.boundary else []
        prompts = [(*edge, *self._given[row]) for row in self._going]
        different = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
        reader = Reader(self._model.network, self._model.weights, len(different))
        longest = max(map(len, prompts))
        ids = np.zeros((len(different), longest), np.intp)
        for prompt, place in different.items():
            ids[place, longest - len(prompt) :] = prompt
        for time in range(longest):
            if time:
                reader.advance(ids[:, time - 1])
            begin = [place for prompt, place in different.items() if len(prompt) == longest - time]
            if time and begin:
                reader.restart(begin)
        rows = [different[prompt] for prompt in prompts]
        reader.keep(rows)
        return reader, ids[rows, -1]


class _Ending:
    """Where a continuation ends by itself."""

    def __init__(self, model: Model, length: int | None) -> None:
        self._learned: set[tuple[int, ...]] = set()
        self._length = DEFAULT_LENGTH if length is None else length
        self._longest = 0
        if length is None and model.learned:
            self._learned = {tuple(model.vocabulary.encode(text).tolist()) for text in model.learned}
            self._longest = max(map(len, self._learned))

    @property
    def longest(self) -> int:
        """The most symbols that are added to a text."""
        return self._longest if self._learned else self._length

    @property
    def may_be_learned(self) -> bool:
        """Whether a continuation ends where a learned text does."""
        return bool(self._learned)

    def limit(self, given: list[int]) -> int:
        """How many symbols may be added: none where a learned text is whole already."""
        if not self._learned:
            return self._length
        return 0 if self.is_learned(given, []) else max(self._longest - len(given), 0)

    def is_learned(self, given: list[int], added: list[int]) -> bool:
        """Whether a learned text is whole now, and begins no longer one."""
        if not self._learned:
            return False
        text = (*given, *added)
        return text in self._learned and not any(
            len(longer) > len(text) and longer[: len(text)] == text for longer in self._learned
        )
