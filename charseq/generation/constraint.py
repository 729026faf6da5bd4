"""Which symbols may come next, so that a text can still become one that was asked for."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.errors import UsageError
from charseq.units import segments
from charseq.vocabulary import Ids, Vocabulary

MOST = 50_000_000
"""Pairs of a state and a symbol; a pattern with more is refused."""
NEVER = np.iinfo(np.int32).max
MOST_REPEATS = 100_000
_COUNTS = re.compile(r"\{(?:\d+,)?(\d+),?\}")
"""How often something may be repeated, or must be."""
END = "\U0010ffff"
"""A code point that is no character, and never will be."""

States = npt.NDArray[np.int32]
Transitions = Mapping[int, Mapping[int, int]]


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
            chosen = set(segments(allow, vocabulary.unit))
            allowed = np.array([symbol in chosen for symbol in vocabulary.symbols])
            if not allowed.any():
                raise UsageError(
                    f"--allow {allow!r} names no character that the model knows",
                    hint=f"it knows {vocabulary.listing}",
                )
        if pattern is None:
            following = np.where(allowed, 0, -1).astype(np.int32)[None]
            return cls(following, np.ones(1, np.bool_), boundary=vocabulary.boundary)
        following, accepting = _over_symbols(*_compiled(pattern), vocabulary, allowed)
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
    """How many symbols each state is away from the nearest accepting one."""
    sources, _ = np.nonzero(following >= 0)
    before: dict[int, set[int]] = defaultdict(set)
    for source, target in set(zip(sources.tolist(), following[following >= 0].tolist(), strict=True)):
        before[target].add(source)
    found = np.full(len(following), NEVER, np.int32)
    front, distance = set(np.flatnonzero(accepting).tolist()), 0
    while front:
        found[list(front)] = distance
        distance += 1
        front = {source for state in front for source in before[state] if found[source] == NEVER}
    return found


def _compiled(pattern: str) -> tuple[Transitions, int, set[int]]:
    """A pattern as an automaton over bytes: what follows each state, the first one, the accepting ones.

    A sign that no text has must follow what matches: without that the library leaves out what goes on from
    one match and is not yet the next, as the comma in `a(,a)*`.
    """
    try:
        import outlines_core as library  # a package of its own, wanted by few
    except ModuleNotFoundError as missing:
        raise UsageError(
            "--pattern needs the package outlines_core", hint="pip install 'charseq[pattern]'"
        ) from missing
    if math.prod(int(most) for most in _COUNTS.findall(pattern) if int(most)) > MOST_REPEATS:
        raise UsageError(f"--pattern {pattern!r} repeats too often", hint="use smaller counts")
    whole = pattern.removeprefix("^")
    if whole.endswith("$") and not whole.endswith(r"\$"):
        whole = whole[:-1]
    every_byte: Any = {bytes([byte]): [byte] for byte in range(256)}
    try:
        index = library.Index(f"(?:{whole}){END}", library.Vocabulary(256, every_byte))
    except ValueError as error:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as wrong:
            reason = f"is no regular expression: {wrong}"
        else:
            reason = f"is none that can be followed symbol by symbol: {error}"
        raise UsageError(
            f"--pattern {pattern!r} {reason}",
            hint="it may have classes, groups, alternatives and repetitions, but no look-around, \\b or \\1",
        ) from None
    bytewise, final = index.get_transitions(), set(index.get_final_states())
    accepting = {state for state in bytewise if _walked(bytewise, state, END.encode()) in final}
    return bytewise, index.get_initial_state(), accepting


def _over_symbols(
    bytewise: Transitions,
    first: int,
    accepting: set[int],
    vocabulary: Vocabulary,
    allowed: npt.NDArray[np.bool_],
) -> tuple[States, npt.NDArray[np.bool_]]:
    """The automaton's states that whole symbols reach, from the first one on, with what follows them."""
    spelled = [
        (i, data)
        for i, data in enumerate(_spelled(vocabulary))
        if data and allowed[i] and data != END.encode()
    ]
    numbers, states, rows = {first: 0}, [first], []
    for state in states:  # which grows
        row = np.full(len(vocabulary), -1, np.int32)
        for i, data in spelled:
            reached = _walked(bytewise, state, data)
            if reached is not None:
                if reached not in numbers:
                    numbers[reached] = len(states)
                    states.append(reached)
                row[i] = numbers[reached]
        rows.append(row)
        if len(states) * len(vocabulary) > MOST:
            raise UsageError(
                "--pattern has too many states", hint="repeat less, or write it without .* before counts"
            )
    return np.stack(rows), np.array([state in accepting for state in states])


def _spelled(vocabulary: Vocabulary) -> Iterator[bytes]:
    """The bytes of every symbol."""
    encoding = "latin-1" if vocabulary.unit == "byte" else "utf-8"
    for symbol in vocabulary.symbols:
        yield symbol.encode(encoding, "strict" if vocabulary.unit == "byte" else "surrogatepass")


def _walked(bytewise: Transitions, state: int | None, data: bytes) -> int | None:
    """Where some bytes lead, or None."""
    for byte in data:
        state = bytewise.get(state, {}).get(byte) if state is not None else None
    return state
