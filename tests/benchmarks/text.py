"""How fast text becomes a vocabulary and ids, and ids become text again: megabytes of UTF-8 a second.

python -m tests.benchmarks.text --megabytes 50

Beside charseq stands what one would otherwise write: sorted(set(text)), a dict, a list comprehension, a join.
Both are measured in turn, in one process; a ratio is that of one round.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from charseq.text.vocabulary import Vocabulary

GOALS = {"ASCII": 100.0, "Korean": 50.0}
"""Megabytes a second, of vocabulary and encoding together."""
SYLLABLES = 1_200
"""Different ones in the Korean text, about as many as a long book has."""


def corpus(name: str, megabytes: float) -> str:
    """Text of so many megabytes, of letters, or of Hangul syllables with a space after every third."""
    random = np.random.default_rng(0)
    if name == "ASCII":
        letters = np.frombuffer(b"eeettaaooiinnsshhrrddllcumwfgypbvkjxqz   \n.,ETAOIN", np.uint8)
        return random.choice(letters, int(megabytes * 1e6)).tobytes().decode()
    count = int(megabytes * 1e6 / 2.5)  # three bytes a syllable, one a space
    codes = random.integers(0xAC00, 0xAC00 + SYLLABLES, count).astype("<u4")
    codes[3::4] = ord(" ")
    return codes.tobytes().decode("utf-32-le")


def by_charseq(text: str) -> Iterator[Callable[[], object]]:
    """Vocabulary, encoding, decoding."""
    vocabulary = Vocabulary.of([text])
    ids = vocabulary.encode(text)
    yield lambda: Vocabulary.of([text])
    yield lambda: vocabulary.encode(text)
    yield lambda: vocabulary.decode(ids)


def by_hand(text: str) -> Iterator[Callable[[], object]]:
    """The same as one would write it."""
    symbols = sorted(set(text))
    number = {symbol: i for i, symbol in enumerate(symbols)}
    ids = [number[symbol] for symbol in text]
    yield lambda: sorted(set(text))
    yield lambda: np.array([number[symbol] for symbol in text])
    yield lambda: "".join([symbols[i] for i in ids])


def seconds(run: Callable[[], object]) -> float:
    """The time of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    """Measure both texts, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    table = Table("text", "what", "by hand, MB/s", "charseq, MB/s", "ratio (min to max)", "goal, MB/s")
    for name, goal in GOALS.items():
        text = corpus(name, options.megabytes)
        size = len(text.encode()) / 1e6
        parts = ("vocabulary", "encoding", "decoding")
        ways = list(zip(by_hand(text), by_charseq(text), strict=True))
        took = [[[seconds(run) for run in way] for way in ways] for _ in range(options.rounds)]
        both = [[sum(part[way] for part in part_times[:2]) for way in (0, 1)] for part_times in took]
        rows = [(part, [round_[i] for round_ in took], "") for i, part in enumerate(parts)]
        rows.insert(2, ("vocabulary and encoding", both, f"{goal:.0f}"))
        for part, pairs, wanted in rows:
            hand, ours = (size / statistics.median(column) for column in zip(*pairs, strict=True))
            ratios = [slow / fast for slow, fast in pairs]
            if options.json:
                row = {"text": name, "what": part, "by_hand": hand, "charseq": ours, "ratios": ratios}
                print(json.dumps(row), flush=True)
                continue
            spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            table.add_row(name, part, f"{hand:,.0f}", f"{ours:,.0f}", spread, wanted)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
