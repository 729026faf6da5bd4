"""Which symbols may come next, so that a text can still become one that was asked for."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError
from charseq.inference.automaton import States, compiled
from charseq.text.vocabulary import Ids, Vocabulary

NEVER = np.iinfo(np.int32).max


class Constraint:
    """A finite automaton over a vocabulary's symbols.  A text is whole where its state is an accepting one.

    A state knows how many symbols it is away from the nearest accepting one, so no way is taken that cannot
    be finished with the symbols there are, in the length there is.  The end of a line is left to models of
    lines, where the text is whole.
    """

    def __init__(self, following: States, accepting: npt.NDArray[np.bool_], *, boundary: bool) -> None:
        self._following = following
        """The next state [S V], -1 where there is none."""
        self._distance = _distances(following, accepting)
        beyond = np.where(following < 0, NEVER, self._distance[following])
        if boundary:
            beyond[:, 0] = np.where(accepting, 0, NEVER)
        self._beyond = beyond
        """How far the next state [S V] is from an accepting one."""
        self._nearest = beyond[:, int(boundary) :].min(1)

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, *, allow: str | None = None, pattern: str | None = None
    ) -> "Constraint":
        """Only texts of some characters, or that match a pattern as a whole, or both.

        The pattern is one of https://docs.rs/regex/latest/regex/#syntax.  Raises UsageError where it is
        ill-formed, or no text of the vocabulary matches it, or none of the characters is known.
        """
        allowed = np.ones(len(vocabulary), np.bool_)
        if allow is not None:
            allowed = np.zeros(len(vocabulary), np.bool_)
            allowed[vocabulary.encode_text(allow, unknown="skip").ids] = True
            if not allowed.any():
                raise UsageError(
                    f"--allow {allow!r} names no character that the model knows",
                    hint=f"it knows {vocabulary.listing}",
                )
        if pattern is None:
            following = np.where(allowed, 0, -1).astype(np.int32)[None]
            return cls(following, np.ones(1, np.bool_), boundary=vocabulary.boundary)
        spelled = zip(allowed, _spelled(vocabulary), strict=True)
        following, accepting = compiled(pattern, [data if known else None for known, data in spelled])
        made = cls(following, accepting, boundary=vocabulary.boundary)
        if made.shortest == NEVER:
            raise UsageError(
                f"no text of the model's characters matches --pattern {pattern!r}",
                hint=f"it knows {vocabulary.listing}",
            )
        return made

    @property
    def shortest(self) -> int:
        """How many symbols the shortest text has; NEVER where there is none."""
        return int(self._distance[0])

    def start(self, rows: int) -> States:
        """The state of texts [B] to which nothing was added."""
        return np.zeros(rows, np.int32)

    def allowed(self, states: States, left: Sequence[int]) -> npt.NDArray[np.bool_]:
        """States [B], and how many symbols may yet be added to each text -> which may be next [B V]."""
        room: npt.NDArray[np.bool_] = self._beyond[states] < np.array(left)[:, None]
        return room

    def after(self, states: States, ids: Ids) -> States:
        """The states [B] once a symbol each [B] was added."""
        return self._following[states, ids]

    def is_whole(self, state: int) -> bool:
        """Whether a text may end here."""
        return bool(self._distance[state] == 0)

    def leads_on(self, state: int, left: int) -> bool:
        """Whether anything can follow, where so many symbols may yet be added."""
        return bool(self._nearest[state] < left)


def _distances(following: States, accepting: npt.NDArray[np.bool_]) -> States:
    """How many symbols each state [S] is from the nearest accepting one: breadth first, backward."""
    edges = np.flatnonzero(following >= 0)
    targets = following.ravel()[edges]
    order = np.argsort(targets, kind="stable")
    sources = (edges[order] // following.shape[1]).astype(np.int32)
    bounds = np.searchsorted(targets[order], np.arange(len(following) + 1)).tolist()
    found = np.full(len(following), NEVER, np.int32)
    front, distance = np.flatnonzero(accepting), 0
    while len(front):
        found[front] = distance
        distance += 1
        before = np.concatenate([sources[bounds[state] : bounds[state + 1]] for state in front.tolist()])
        front = np.unique(before[found[before] == NEVER])
    return found


def _spelled(vocabulary: Vocabulary) -> Iterator[bytes]:
    """The bytes of every symbol."""
    encoding = "latin-1" if vocabulary.unit == "byte" else "utf-8"
    for symbol in vocabulary.symbols:
        yield symbol.encode(encoding, "strict" if vocabulary.unit == "byte" else "surrogatepass")
