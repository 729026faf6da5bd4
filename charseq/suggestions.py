"""Names that a misspelt one may stand for, the most likely first."""

from collections.abc import Iterable

MOST = 3
"""Suggestions at most."""
LETTERS_PER_EDIT = 3
"""A name may differ by one edit for this many of its letters, and by one in any case."""
MISSPELT = 1
"""The kind of likeness of a name with a typing error; smaller ones are likelier, greater ones are guesses."""
SHORTEST_WORD = 3
"""Letters of a word that names are compared by: in a shorter one, agreement is chance."""


def suggestions(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names that `name` may stand for, the most likely first, at most three.

    First the names that begin with it, the shortest first; then those within a small edit distance, the
    nearest first.  Only if there are none: those with a word in common, or whose
    words begin with its letters.
    """
    ranked = []
    for position, candidate in enumerate(dict.fromkeys(known)):
        if rank := _rank(_plain(name), _plain(candidate)):
            ranked.append((*rank, position, candidate))
    ranked.sort()
    close = [candidate for kind, _, _, candidate in ranked if kind <= MISSPELT]
    return (close or [candidate for *_, candidate in ranked])[:MOST]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the suggestions as a question; empty if there are none."""
    *others, last = suggestions(name, known) or [""]
    if not last:
        return ""
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").lstrip("-")


def _rank(name: str, candidate: str) -> tuple[int, int] | None:
    """Return the kind of likeness and how far it is, both the smaller the likelier; None for no likeness."""
    if not name or not candidate:
        return None
    if candidate.startswith(name):
        return MISSPELT - 1, len(candidate)
    most = max(1, len(name) // LETTERS_PER_EDIT)
    distance = _distance(name, candidate, most)
    if distance <= most and distance < max(len(name), len(candidate)):
        return MISSPELT, distance
    if sorted(name) == sorted(candidate):
        return MISSPELT, most + 1
    words = candidate.split("-")
    common = {word for word in words if len(word) >= SHORTEST_WORD} & set(name.split("-"))
    if common:
        return MISSPELT + 1, len(words) - len(common)
    if len(words) > 1 and name == "".join(word[:1] for word in words):
        return MISSPELT + 2, 0
    return None


def _distance(one: str, other: str, most: int) -> int:
    """Return how many characters to insert, delete, replace or swap; above `most`, any greater number."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
