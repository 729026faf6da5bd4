"""Measure vocabulary, encoding and decoding in megabytes of UTF-8 per second.

python -m tests.benchmarks.text --megabytes 50

charseq is compared with plain Python: sorted(set(text)), a dict, a list comprehension, a join.  Both are
measured in turn in one process; a ratio compares the two within one round.
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
"""The goal for vocabulary and encoding together, in megabytes per second."""
SYLLABLES = 1_200
"""The number of distinct syllables in the Korean text, about that of a long book."""


def corpus(name: str, megabytes: float) -> str:
    """Return a text of this size: ASCII letters, or Hangul syllables with a space after every third."""
    random = np.random.default_rng(0)
    if name == "ASCII":
        letters = np.frombuffer(b"eeettaaooiinnsshhrrddllcumwfgypbvkjxqz   \n.,ETAOIN", np.uint8)
        return random.choice(letters, int(megabytes * 1e6)).tobytes().decode()
    count = int(megabytes * 1e6 / 2.5)  # three bytes a syllable, one a space
    codes = random.integers(0xAC00, 0xAC00 + SYLLABLES, count).astype("<u4")
    codes[3::4] = ord(" ")
    return codes.tobytes().decode("utf-32-le")


def by_charseq(text: str) -> Iterator[Callable[[], object]]:
    """Yield charseq's vocabulary, encoding and decoding."""
    vocabulary = Vocabulary.of([text])
    ids = vocabulary.encode(text)
    yield lambda: Vocabulary.of([text])
    yield lambda: vocabulary.encode(text)
    yield lambda: vocabulary.decode(ids)


def plain_python(text: str) -> Iterator[Callable[[], object]]:
    """Yield the same three in plain Python."""
    symbols = sorted(set(text))
    number = {symbol: i for i, symbol in enumerate(symbols)}
    ids = [number[symbol] for symbol in text]
    yield lambda: sorted(set(text))
    yield lambda: np.array([number[symbol] for symbol in text])
    yield lambda: "".join([symbols[i] for i in ids])


def seconds(run: Callable[[], object]) -> float:
    """Return the duration of a call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    """Measure both texts and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=20, help="size of each text (default: 20)")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    table = Table("text", "task", "plain Python, MB/s", "charseq, MB/s", "ratio (min to max)", "goal, MB/s")
    for name, goal in GOALS.items():
        text = corpus(name, options.megabytes)
        size = len(text.encode()) / 1e6
        tasks = ("vocabulary", "encoding", "decoding")
        calls = list(zip(plain_python(text), by_charseq(text), strict=True))
        durations = [[[seconds(run) for run in pair] for pair in calls] for _ in range(options.rounds)]
        both = [[sum(pair[i] for pair in of_round[:2]) for i in (0, 1)] for of_round in durations]
        rows = [(task, [of_round[i] for of_round in durations], "") for i, task in enumerate(tasks)]
        rows.insert(2, ("vocabulary and encoding", both, f"{goal:.0f}"))
        for task, pairs, wanted in rows:
            plain, ours = (size / statistics.median(column) for column in zip(*pairs, strict=True))
            ratios = [slow / fast for slow, fast in pairs]
            if options.json:
                row = {"text": name, "what": task, "plain_python": plain, "charseq": ours, "ratios": ratios}
                print(json.dumps(row), flush=True)
                continue
            spread = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
            table.add_row(name, task, f"{plain:,.0f}", f"{ours:,.0f}", spread, wanted)
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
