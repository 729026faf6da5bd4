"""Draws mutants by a seed, spread over the files by the number of their mutants."""

import ast
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.mutation.areas import ROOT
from tests.mutation.mutants import Mutant, mutants_of, required_keywords


def drawn(paths: Sequence[str], count: int, seed: int) -> dict[str, list[Mutant]]:
    """Draw `count` mutants of files.

    A mutant is drawn by its own text, so that a change elsewhere in its file does not change what is drawn.
    """
    required = required_keywords([path.read_bytes() for path in (ROOT / "charseq").rglob("*.py")])
    mutants = {path: mutants_of(path, (ROOT / path).read_bytes(), required) for path in paths}
    shares = _shares({path: len(found) for path, found in mutants.items()}, count)
    return {path: _drawn(found, shares[path], seed) for path, found in mutants.items()}


def _drawn(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    seen: Counter[str] = Counter()
    ranks: dict[str, Mutant] = {}
    for mutant in mutants:
        source = (ROOT / mutant.path).read_bytes()
        text = "\n".join([str(seed), mutant.path, mutant.scope, *mutant.lines(source)])
        seen[text] += 1
        ranks[hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()] = mutant
    chosen: list[Mutant] = []
    for _, mutant in sorted(ranks.items()):
        if len(chosen) < count and _is_valid(mutant):
            chosen.append(mutant)
    return sorted(chosen, key=lambda mutant: mutant.start)


def _is_valid(mutant: Mutant) -> bool:
    """Whether it is a program, and another one."""
    source = (ROOT / mutant.path).read_bytes()
    try:
        tree = ast.parse(mutant.applied(source))
    except SyntaxError:
        return False
    return ast.dump(tree) != ast.dump(ast.parse(source))


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Split a count in proportion to sizes, by the largest remainder; every file with mutants has one."""
    total = sum(sizes.values())
    exact = {path: count * size / total for path, size in sizes.items()}
    shares = {path: min(sizes[path], max(1, int(share))) for path, share in exact.items()}
    by_remainder = sorted(exact, key=lambda path: shares[path] - exact[path])
    for path in by_remainder:
        if sum(shares.values()) < count and shares[path] < sizes[path]:
            shares[path] += 1
    return shares
