"""Generated lists of many kinds, for training with --lines."""

import random
from collections.abc import Callable

from tests.benchmarks.texts import Kind, book, symbols
from tests.support.line_texts import korean_name, name, paragraph, password, smiles, word, wrapped

Lines = list[str]


def names(r: random.Random, count: int = 20_000) -> Lines:
    """Return distinct names in random order."""
    distinct: dict[str, None] = {}
    while len(distinct) < count:
        distinct[name(r) + word(r)] = None
    return list(distinct)


def listed(make: Callable[[random.Random], Lines], *, random: bool = False) -> Kind:
    """Return a kind of text that is a list of lines."""
    return Kind(lambda r: ["".join(f"{line}\n" for line in make(r))], lines=True, random=random)


def items(make: Callable[[random.Random], str], count: int = 20_000, *, random: bool = False) -> Kind:
    """Return a kind of list with independent lines."""
    return listed(lambda r: [make(r) for _ in range(count)], random=random)


def with_line(line: str, position: float) -> Kind:
    """Return a kind of list of names with one unusual line, at a position from 0 (start) to 1 (end)."""

    def make(r: random.Random) -> Lines:
        lines = names(r)
        lines.insert(round(position * len(lines)), line)
        return lines

    return listed(make)


def with_footer(r: random.Random) -> Lines:
    """Return names followed by a paragraph of text."""
    return [*names(r), *wrapped(paragraph(r), 72).splitlines()]


def duplicated(r: random.Random) -> Lines:
    """Return 4,000 lines of which 150 are distinct."""
    return r.choices(names(r, 150), k=4_000)


def logged(r: random.Random) -> Lines:
    """Return records with increasing times."""
    time, records = 0, []
    levels = ["info", "info", "info", "warning", "error"]
    for _ in range(6_000):
        time += r.randint(0, 30)
        clock = f"{time // 3600 % 24:02}:{time // 60 % 60:02}:{time % 60:02}"
        record = f'"level": "{r.choice(levels)}", "user": "{name(r)}", "ms": {r.randint(1, 900)}'
        records.append(f'{{"time": "2024-03-{1 + time // 86400:02}T{clock}Z", {record}}}')
    return records


def row(r: random.Random) -> str:
    """Return a row of a table."""
    return f"{name(r)},{r.randint(18, 90)},{r.choice(['north', 'south', 'east'])},{r.random() * 100:.2f}"


def total(r: random.Random) -> str:
    """Return an addition."""
    a, b = r.randint(0, 99), r.randint(0, 99)
    return f"{a}+{b}={a + b}"


def two_languages(r: random.Random) -> Lines:
    """Return names of one language, then names of another."""
    return [*names(r, 8_000), *(korean_name(r) + korean_name(r) for _ in range(8_000))]


LINE_LISTS: dict[str, Kind] = {
    "names, sorted": listed(lambda r: sorted(names(r))),
    "names, reversed": listed(lambda r: sorted(names(r), reverse=True)),
    "names, by length": listed(lambda r: sorted(names(r), key=len)),
    "names, footer": listed(with_footer),
    "names, long URL": with_line("https://example.org/" + "path/to/something?key=value&" * 60, 0.9),
    "300 letters, start": with_line("x" * 300, 0.0),
    "300 letters, middle": with_line("x" * 300, 0.5),
    "300 letters, end": with_line("x" * 300, 1.0),
    "2,000 letters, start": with_line("x" * 2_000, 0.0),
    "2,000 letters, middle": with_line("x" * 2_000, 0.5),
    "2,000 letters, end": with_line("x" * 2_000, 1.0),
    "many duplicates": listed(duplicated),
    "lengths 3 and 300": items(
        lambda r: symbols(r, "abcdefgh", r.choice([3, 300])), 3_000, random=True
    ),
    "names in two languages": listed(two_languages),
    "1 line": listed(lambda r: names(r, 1)),
    "3 lines": listed(lambda r: names(r, 3)),
    "11 lines": listed(lambda r: names(r, 11)),
    "100 names": listed(lambda r: names(r, 100)),
    "1,000,000 lines": items(lambda r: name(r) + word(r), 1_000_000),
    "CSV rows": items(row, 8_000),
    "JSON log": listed(logged),
    "molecules": items(smiles),
    "passwords": items(password),
    "Korean names": items(korean_name),
    "numbers, rising": listed(lambda r: [f"{i:06}" for i in range(30_000)]),
    "sums": items(total),
    "one line of 1 MB": listed(lambda r: [book(r, 1_000_000).replace("\n", " ")]),
    "white space lines": items(lambda r: "".join(r.choices(" \t", k=r.randint(1, 8))), random=True),
}  # fmt: skip
"""Lists of lines by name.  Training should not depend on the order of the lines."""
