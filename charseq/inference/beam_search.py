"""The likeliest continuations of a text, by beam search."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from charseq.inference.constraint import Constraint
from charseq.inference.requests import DEFAULT_ALTERNATIVES, Request, Step, prompt_ids
from charseq.inference.sampling import thoughts
from charseq.inference.stopping import Ending
from charseq.model.model_file import Model
from charseq.model.numpy_ops import log_softmax, require_finite
from charseq.model.sliding_stepper import begun


class Beam(NamedTuple):
    """One continuation, and how likely all of it is, the end of a line included, in nats."""

    steps: tuple[Step, ...]
    log_probability: float


class _Path(NamedTuple):
    """What was added so far, and the state of the constraint."""

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
    """The likeliest continuations that a search of this width finds, the likeliest first.

    After every symbol the `width` likeliest texts go on.  It ends where none that goes on could still become
    likelier than `width` ones that are whole, for a text only becomes less likely.  Texts end as by
    `continuations`; lengths are not made up for.  Raises UnknownCharacter, UsageError.

    Source: Lowerre 1976, "The HARPY speech recognition system".
    """
    ending = Ending(model, request.length, until, constraint)
    given, vocabulary = prompt_ids(model, request), model.vocabulary
    limit = ending.limit(given)
    whole: list[_Path] = []
    going = [_Path((), (), 0.0, 0)]
    if limit == 0:
        return [Beam((), 0.0)]
    reader, last = begun(model, [given])
    while going:
        logits = reader.read(last)
        require_finite(logits)
        log_p = log_softmax(logits.astype(np.float64))
        if constraint:
            states = np.array([path.state for path in going])
            log_p[~constraint.allowed(states, [limit - len(path.ids) for path in going])] = -np.inf
        total = log_p + np.array([[path.log_probability] for path in going])
        order = np.argsort(-total, axis=None, kind="stable")[:width]
        parents, ids = (axis[np.isfinite(total.flat[order])] for axis in np.unravel_index(order, total.shape))
        told = list(thoughts(logits[parents], ids.tolist(), top, vocabulary.symbols))
        afterwards = constraint.after(states[parents], ids).tolist() if constraint else [0] * len(ids)
        found, rows = [], []
        for parent, symbol, thought, state in zip(
            parents.tolist(), ids.tolist(), told, afterwards, strict=True
        ):
            before = going[parent]
            likely = float(total[parent, symbol])
            if vocabulary.boundary and symbol == 0:
                whole.append(before._replace(log_probability=likely))
                continue
            step = Step(vocabulary.symbols[symbol], *thought)
            path = _Path((*before.ids, symbol), (*before.steps, step), likely, state)
            if ending.is_over(given, path.ids, limit, state):
                whole.append(path)
            else:
                found.append(path)
                rows.append(parent)
        whole = sorted(whole, key=lambda path: -path.log_probability)[:width]
        if len(whole) == width and found and found[0].log_probability <= whole[-1].log_probability:
            break
        going = found
        if going:
            reader.keep(rows)
            last = np.array([path.ids[-1] for path in going])
    return [Beam(path.steps, path.log_probability) for path in whole]
