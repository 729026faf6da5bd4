"""Beam search: the most probable continuations of a prompt."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from charseq.inference.constraint import Constraint
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Request, Step, prompt_ids
from charseq.inference.sampling import step_probabilities, without_labels
from charseq.inference.stopping import StoppingRule
from charseq.model.model_file import Model
from charseq.model.numpy_ops import log_softmax, require_finite
from charseq.model.sliding_stepper import prefill


class Beam(NamedTuple):
    """A continuation and its log-probability in nats, which includes the end of a line."""

    steps: tuple[Step, ...]
    log_probability: float


class _Path(NamedTuple):
    """The symbols added so far, and the state of the constraint."""

    ids: tuple[int, ...]
    steps: tuple[Step, ...]
    log_probability: float
    state: int


def beams(
    model: Model,
    request: Request,
    width: int,
    *,
    until: Sequence[str] = (),
    constraint: Constraint | None = None,
    top: int = DEFAULT_ALTERNATIVES,
) -> list[Beam]:
    """Return at most `width` continuations, the most probable first, found by a search of that width.

    After every symbol the `width` most probable unfinished paths are kept.  The search ends when none of
    them can become more probable than `width` finished ones: a path only becomes less probable as it grows.
    Continuations end as those of `continuations` do; log-probabilities are not normalized by length.

    Raises UnknownCharacter, and UsageError if no text of the length satisfies the constraint.
    Source: Lowerre 1976, "The HARPY Speech Recognition System".
    """
    rule = StoppingRule(model, request.length, until, constraint)
    prompt, vocabulary = prompt_ids(model, request), model.vocabulary
    limit = rule.limit(prompt)
    if limit == 0:
        return [Beam((), 0.0)]
    finished: list[_Path] = []
    active = [_Path((), (), 0.0, 0)]
    top = min(top, len(vocabulary) - len(vocabulary.labels))
    reader, last = prefill(model, [prompt])
    while active:
        logits = without_labels(vocabulary, reader.read(last))
        require_finite(logits)
        log_p = log_softmax(logits.astype(np.float64))
        log_p[:, vocabulary.is_label] = -np.inf
        if constraint:
            states = np.array([path.state for path in active])
            log_p[~constraint.allowed(states, [limit - len(path.ids) for path in active])] = -np.inf
        total = log_p + np.array([[path.log_probability] for path in active])
        order = np.argsort(-total, axis=None, kind="stable")[:width]
        parents, ids = (axis[np.isfinite(total.flat[order])] for axis in np.unravel_index(order, total.shape))
        steps = step_probabilities(logits[parents], ids.tolist(), top, vocabulary.symbols)
        next_states = constraint.advance(states[parents], ids).tolist() if constraint else [0] * len(ids)
        extended, rows = [], []
        for row, symbol, probabilities, state in zip(
            parents.tolist(), ids.tolist(), steps, next_states, strict=True
        ):
            parent, log_probability = active[row], float(total[row, symbol])
            if vocabulary.boundary and symbol == 0:
                finished.append(parent._replace(log_probability=log_probability))
                continue
            step = Step(vocabulary.symbols[symbol], *probabilities)
            path = _Path((*parent.ids, symbol), (*parent.steps, step), log_probability, state)
            if rule.is_complete(prompt, path.ids, limit, state):
                finished.append(path)
            else:
                extended.append(path)
                rows.append(row)
        finished = sorted(finished, key=lambda path: -path.log_probability)[:width]
        is_full = len(finished) == width and len(extended) > 0
        if is_full and extended[0].log_probability <= finished[-1].log_probability:
            break
        active = extended
        if active:
            reader.keep(rows)
            last = np.array([path.ids[-1] for path in active])
    return [Beam(path.steps, path.log_probability) for path in finished]
