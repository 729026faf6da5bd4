"""Continue prompts with a trained model, symbol by symbol, many at once, without torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice

import numpy as np

from charseq.inference.constraint import Constraint
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Request, Step, prompt_ids
from charseq.inference.sampling import (
    NOT_COMPUTED,
    GumbelNoise,
    SamplingParams,
    StepProbabilities,
    sample,
    step_probabilities,
    without_labels,
)
from charseq.inference.stopping import StoppingRule
from charseq.model.model_file import Model
from charseq.model.sliding_stepper import TextReader, prefill
from charseq.text.vocabulary import Ids

DEFAULT_TEMPERATURE = 0.8
"""Sampling temperature of a model that memorized no text."""
BATCH_SIZE = 64
"""Prompts that are continued together."""
WAITING_CHARACTERS = 4_000_000
"""Maximum number of generated characters of a batch that wait to be read."""
WAITING_STEPS = 50_000
"""Maximum number of steps with probabilities of a batch that wait to be read."""


def default_sampling(model: Model) -> SamplingParams:
    """Return greedy sampling for a model that memorized its text, else a temperature of 0.8."""
    return SamplingParams(temperature=0.0 if model.memorized else DEFAULT_TEMPERATURE)


def continuation(
    model: Model,
    prompt: str,
    params: SamplingParams,
    *,
    length: int | None = None,
    until: Sequence[str] = (),
    constraint: Constraint | None = None,
    seed: int = 0,
    sample: int = 0,
    top: int | None = DEFAULT_ALTERNATIVES,
) -> Iterator[Step]:
    """Continue one prompt and yield each step as it is computed; see `continuations`."""
    request = Request(prompt, seed, sample, length)
    (steps,) = continuations(model, [request], params, until=until, constraint=constraint, top=top)
    return steps


def continuations(
    model: Model,
    requests: Iterable[Request],
    params: SamplingParams,
    *,
    until: Sequence[str] = (),
    constraint: Constraint | None = None,
    top: int | None = DEFAULT_ALTERNATIVES,
    batch_size: int = BATCH_SIZE,
) -> Iterator[Iterator[Step]]:
    """Continue prompts, up to `batch_size` of them together; yield an iterator of steps for each, in order.

    A continuation ends at its length, after any string of `until`, at the end of a line or of a memorized
    text, or when the constraint allows no further symbol.  A step lists the `top` most probable characters;
    with None it has no probabilities, and is computed faster.  What a prompt is continued by does not depend
    on the other prompts.

    Raises UnknownCharacter, and UsageError if no text of the length satisfies the constraint.
    """
    rules: dict[int | None, StoppingRule] = {}
    remaining = iter(requests)
    while group := list(islice(remaining, batch_size)):
        for request in group:
            if request.length not in rules:
                rules[request.length] = StoppingRule(model, request.length, until, constraint)
        longest = max(rules[request.length].longest for request in group)
        most = WAITING_CHARACTERS if top is None else WAITING_STEPS
        size = max(1, min(batch_size, most // max(longest, 1)))
        for first in range(0, len(group), size):
            batch = _Batch(model, group[first : first + size], params, rules, constraint, top)
            yield from map(batch.steps, range(len(group[first : first + size])))


class _Batch:
    """Prompts that are continued together: all of them by a symbol whenever one needs another symbol."""

    def __init__(
        self,
        model: Model,
        requests: Sequence[Request],
        params: SamplingParams,
        rules: Mapping[int | None, StoppingRule],
        constraint: Constraint | None,
        top: int | None,
    ) -> None:
        self._model, self._params, self._constraint, self._top = model, params, constraint, top
        self._prompts = [prompt_ids(model, request) for request in requests]
        self._rules = [rules[request.length] for request in requests]
        self._limits = [rule.limit(prompt) for rule, prompt in zip(self._rules, self._prompts, strict=True)]
        self._may_end_early = any(rule.may_end_early for rule in self._rules)
        self._added: list[list[int]] = [[] for _ in requests]
        self._probabilities: list[list[StepProbabilities]] = [[] for _ in requests]
        self._active = [row for row, limit in enumerate(self._limits) if limit > 0]
        self._states = constraint.start(len(self._active)) if constraint else None
        self._noise = GumbelNoise([requests[row].entropy for row in self._active], len(model.vocabulary))
        self._reader: TextReader | None = None
        self._last: Ids = np.zeros(0, np.intp)

    def steps(self, row: int) -> Iterator[Step]:
        """Yield the steps of one continuation."""
        symbols, added = self._model.vocabulary.symbols, self._added[row]
        for position in count():
            while len(added) <= position:
                if row not in self._active:
                    return
                self._advance()
            probabilities = NOT_COMPUTED
            if self._top is not None:
                probabilities = self._probabilities[row][position]
                self._probabilities[row][position] = NOT_COMPUTED
            yield Step(symbols[added[position]], *probabilities)

    def _advance(self) -> None:
        """Add a symbol to every active continuation."""
        if self._reader is None:
            self._reader, self._last = prefill(self._model, [self._prompts[row] for row in self._active])
        vocabulary = self._model.vocabulary
        logits = without_labels(vocabulary, self._reader.read(self._last))
        allowed = None
        if self._constraint and self._states is not None:
            remaining = [self._limits[row] - len(self._added[row]) for row in self._active]
            allowed = self._constraint.allowed(self._states, remaining)
        self._last = sample(logits, self._params, self._noise, allowed)
        if self._constraint and self._states is not None:
            self._states = self._constraint.advance(self._states, self._last)
        ids = self._last.tolist()
        if self._top is not None:
            top = min(self._top, len(vocabulary) - len(vocabulary.labels))
            steps = step_probabilities(logits, ids, top, vocabulary.symbols)
            for row, probabilities in zip(self._active, steps, strict=True):
                self._probabilities[row].append(probabilities)
        for row, symbol in zip(self._active, ids, strict=True):
            self._added[row].append(symbol)
        if self._may_end_early or len(self._added[self._active[0]]) in self._limits:
            self._drop_complete(self._reader)

    def _drop_complete(self, reader: TextReader) -> None:
        kept = [index for index in range(len(self._active)) if not self._is_complete(index)]
        if len(kept) == len(self._active):
            return
        self._active = [self._active[index] for index in kept]
        if kept:
            self._last = self._last[kept]
            self._states = None if self._states is None else self._states[kept]
            self._noise.keep(kept)
            reader.keep(kept)

    def _is_complete(self, index: int) -> bool:
        """Return whether an active continuation ends; remove the boundary symbol from its end."""
        row = self._active[index]
        added = self._added[row]
        if self._model.vocabulary.boundary and added[-1] == 0:
            added.pop()
            return True
        state = 0 if self._states is None else int(self._states[index])
        return self._rules[row].is_complete(self._prompts[row], added, self._limits[row], state)
