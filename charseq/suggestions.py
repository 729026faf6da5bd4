"""Suggest names for a misspelled one."""

from collections.abc import Iterable

MAX_SUGGESTIONS = 3
"""The maximum number of suggestions."""
LETTERS_PER_EDIT = 3
"""The letters of a name per edit that it may differ by; one edit is always allowed."""
TYPO = 1
"""The match kind of a name with a typing error; smaller kinds are likelier, greater ones are guesses."""
SHORTEST_WORD = 3
"""The minimum number of letters of a word that names are compared by."""


def suggestions(name: str, known: Iterable[str]) -> list[str]:
    """Return at most MAX_SUGGESTIONS known names that `name` may stand for, the most likely first.

    Names that begin with `name` come first, the shortest first, then those within a small edit distance, the
    nearest first.  If there are none: names that share a word, or whose initials are `name`.
    """
    ranked = []
    for position, candidate in enumerate(dict.fromkeys(known)):
        if rank := _rank(_normalized(name), _normalized(candidate)):
            ranked.append((*rank, position, candidate))
    ranked.sort()
    close = [candidate for kind, _, _, candidate in ranked if kind <= TYPO]
    return (close or [candidate for *_, candidate in ranked])[:MAX_SUGGESTIONS]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the suggestions as a question; empty if there are none.  Options stand without quotes."""
    near = suggestions(name, known)
    *others, last = [word if word.startswith("-") else f"'{word}'" for word in near] or [""]
    if not last:
        return ""
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _normalized(name: str) -> str:
    return name.strip().lower().replace("_", "-").lstrip("-")


def _rank(name: str, candidate: str) -> tuple[int, int] | None:
    """Return the kind of match and a distance, both smaller for likelier names; None for no match."""
    if not name or not candidate:
        return None
    if candidate.startswith(name):
        return TYPO - 1, len(candidate)
    most = max(1, len(name) // LETTERS_PER_EDIT)
    distance = _distance(name, candidate, most)
    if distance <= most and distance < max(len(name), len(candidate)):
        return TYPO, distance
    if sorted(name) == sorted(candidate):
        return TYPO, most + 1
    words = candidate.split("-")
    common = {word for word in words if len(word) >= SHORTEST_WORD} & set(name.split("-"))
    if common:
        return TYPO + 1, len(words) - len(common)
    if len(words) > 1 and name == "".join(word[:1] for word in words):
        return TYPO + 2, 0
    return None


def _distance(one: str, other: str, most: int) -> int:
    """Return the number of characters to insert, delete, replace or swap, or any number above `most`."""
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
