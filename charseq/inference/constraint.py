"""Constrain continuations: which symbols may come next, given a pattern or a set of allowed characters."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError
from charseq.inference.automaton import States, compile_pattern
from charseq.text.vocabulary import Ids, Vocabulary

UNREACHABLE = np.iinfo(np.int32).max
"""The distance of a state from which no accepting state can be reached."""


class Constraint:
    """A finite automaton over the symbols of a vocabulary; a text satisfies it in an accepting state.

    Every state has a distance: the number of symbols to the nearest accepting state.  A symbol is allowed
    only if the text can still be finished, with known symbols and within the length.  A model of lines may
    end a line in an accepting state.
    """

    def __init__(self, transitions: States, accepting: npt.NDArray[np.bool_], *, boundary: bool) -> None:
        """`transitions` [S V] are the next states, -1 for none; `accepting` [S]; state 0 is the first."""
        self._transitions = transitions
        self._distance = _distances(transitions, accepting)
        next_distance = np.where(transitions < 0, UNREACHABLE, self._distance[transitions])
        if boundary:
            next_distance[:, 0] = np.where(accepting, 0, UNREACHABLE)
        self._next_distance = next_distance
        """The distance of the next state [S V]."""
        self._least_next_distance = next_distance[:, int(boundary) :].min(1)

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, *, allow: str | None = None, pattern: str | None = None
    ) -> "Constraint":
        """Return the constraint to the characters of `allow`, to texts that match a pattern, or to both.

        The syntax of a pattern is that of https://docs.rs/regex/latest/regex/#syntax; it matches the whole
        text.  Raises UsageError if the pattern is ill-formed, if no text of known symbols matches it, or if
        the model knows none of the allowed characters.
        """
        allowed = ~vocabulary.is_label
        if allow is not None:
            allowed = np.zeros(len(vocabulary), np.bool_)
            allowed[vocabulary.encode_text(allow, unknown="skip").ids] = True
            if not allowed.any():
                raise UsageError(
                    f"--allow {allow!r} names no character that the model knows",
                    hint=f"it knows {vocabulary.listing}",
                )
        if pattern is None:
            transitions = np.where(allowed, 0, -1).astype(np.int32)[None]
            return cls(transitions, np.ones(1, np.bool_), boundary=vocabulary.boundary)
        symbols = [
            data if usable else None for usable, data in zip(allowed, _bytes_of(vocabulary), strict=True)
        ]
        constraint = cls(*compile_pattern(pattern, symbols), boundary=vocabulary.boundary)
        if constraint.shortest == UNREACHABLE:
            raise UsageError(
                f"no text of the model's characters matches --pattern {pattern!r}",
                hint=f"it knows {vocabulary.listing}",
            )
        return constraint

    @property
    def shortest(self) -> int:
        """The number of symbols of the shortest text; UNREACHABLE if there is none."""
        return int(self._distance[0])

    def start(self, rows: int) -> States:
        """Return the first state of each text [B]."""
        return np.zeros(rows, np.int32)

    def allowed(self, states: States, remaining: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Return which symbols may come next [B V], in states [B] with `remaining` symbols to add [B]."""
        allowed: npt.NDArray[np.bool_] = self._next_distance[states] < np.array(remaining)[:, None]
        return allowed

    def advance(self, states: States, ids: Ids) -> States:
        """Return the states [B] after one more symbol each [B]."""
        return self._transitions[states, ids]

    def is_accepting(self, state: int) -> bool:
        """Return whether a text may end in a state."""
        return bool(self._distance[state] == 0)

    def can_continue(self, state: int, remaining: int) -> bool:
        """Return whether any symbol may come next, with `remaining` symbols to add."""
        return bool(self._least_next_distance[state] < remaining)


def _distances(transitions: States, accepting: npt.NDArray[np.bool_]) -> States:
    """Return the distance of every state [S], by breadth-first search from the accepting ones."""
    edges = np.flatnonzero(transitions >= 0)
    targets = transitions.ravel()[edges]
    order = np.argsort(targets, kind="stable")
    sources = (edges[order] // transitions.shape[1]).astype(np.int32)
    bounds = np.searchsorted(targets[order], np.arange(len(transitions) + 1)).tolist()
    distances = np.full(len(transitions), UNREACHABLE, np.int32)
    front, distance = np.flatnonzero(accepting), 0
    while len(front):
        distances[front] = distance
        distance += 1
        before = np.concatenate([sources[bounds[state] : bounds[state + 1]] for state in front.tolist()])
        front = np.unique(before[distances[before] == UNREACHABLE])
    return distances


def _bytes_of(vocabulary: Vocabulary) -> Iterator[bytes]:
    """Yield the bytes of every symbol."""
    of_bytes = vocabulary.unit == "byte"
    encoding, errors = ("latin-1", "strict") if of_bytes else ("utf-8", "surrogatepass")
    for symbol, is_label in zip(vocabulary.symbols, vocabulary.is_label, strict=True):
        yield b"" if is_label else symbol.encode(encoding, errors)
