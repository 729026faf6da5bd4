"""Measure how reliably short strings are memorized with default settings: strings x cells x seeds.

python -m tests.benchmarks.memorization --seeds 100
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from charseq.cells import CELLS

SHIP = (
    "If you want to build a ship, do not gather people to fetch wood and hand out the work; "
    "teach them instead to long for the wide and endless sea, and the wood will find its own way to you."
)


def drawn(alphabet: str, length: int, seed: int) -> str:
    """Return a random string that is the same on every machine."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


STRINGS = {
    "two letters": "ab",
    "one letter twice": "aa",
    "aab": "aab",
    "hihello": "hihello",
    "banana": "banana",
    "mississippi": "mississippi",
    "a name": "Wolfgang Amadeus Mozart",
    "a palindrome": "able was I ere I saw elba",
    "alphabet": "abcdefghijklmnopqrstuvwxyz",
    "one letter 200 times": "a" * 200,
    "count to 9": "a" * 9 + "b",
    "count to 29": "a" * 29 + "b",
    "count to 99": "a" * 99 + "b",
    "50 and 50": "a" * 50 + "b" * 50,
    "alternating 200": "ab" * 100,
    "period 3": "aab" * 66,
    "growing runs": "".join("a" * n + "b" for n in range(1, 19)),
    "remember the first": "b" + "a" * 100 + "c" + "d" + "a" * 60 + "e",
    "bits 20": drawn("01", 20, 1),
    "bits 100": drawn("01", 100, 2),
    "bits 200": drawn("01", 200, 3),
    "DNA 200": drawn("ACGT", 200, 4),
    "letters 200": drawn("abcdefghijklmnopqrstuvwxyz", 200, 5),
    "digits 120": drawn("0123456789", 120, 6),
    "a repeated block": drawn("abcd", 50, 7) * 4,
    "there and back": drawn("abc", 100, 8) + drawn("abc", 100, 8)[::-1],
    "200 distinct": "".join(chr(0x4E00 + n) for n in range(200)),
    "a sentence": SHIP[:200],
    "Korean": "나는 오늘 아침 일찍 일어나 강가를 걸었다. 물안개가 피어오르고 새들이 낮게 날았다. "
    "나는 오래 서서 보았다.",
    "Korean, decomposed": "\u1112\u1161\u11ab\u1100\u1173\u11af \u1112\u1161\u11ab\u1100\u1165\u11b7",
    "emoji": "🙂🙃🙂🙂👩‍👩‍👧🙂🙃🇰🇷🇰🇷🙂",
    "control characters": "\x1b[2J\x1b[H\x00\x07\r\n\t\x1b[31mred\x1b[0m",
    "code": "def f(n):\n    return 1 if n < 2 else n * f(n - 1)\n\nprint(f(5))\n",
    "a molecule": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "a melody": "CCGGAAG FFEEDDC GGFFEED GGFFEED CCGGAAG FFEEDDC",
    "brackets": "((()())(()))[[{}]{}]<<>><>",
}


class Trial(NamedTuple):
    """A run to make."""

    string: str
    cell: str
    seed: int


class Outcome(NamedTuple):
    """The result of a trial; `reproduced` says whether greedy prediction gives the string."""

    trial: Trial
    accuracy: float
    epochs: int
    seconds: float
    reproduced: bool


def attempt(trial: Trial) -> Outcome:
    """Train with default settings, then predict from the first character with the model file."""
    from charseq.events import End
    from charseq.inference.continuation import continuation, default_sampling
    from charseq.model.model_file import read
    from charseq.runs.prepare import plan_run
    from charseq.settings.defaults import choose_settings
    from charseq.text.corpus import Corpus
    from charseq.text.vocabulary import Vocabulary
    from charseq.training.loop import train

    text = STRINGS[trial.string]
    corpus = Corpus((text,))
    vocabulary = Vocabulary.of([text])
    settings = choose_settings(corpus, len(vocabulary), {"cell": trial.cell, "seed": trial.seed})
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for event in train(plan_run(corpus, vocabulary, settings, out=Path(folder) / "run")):
            end = event
        model = read(Path(folder) / "run" / "model.safetensors")
    if not isinstance(end, End):
        raise TypeError(f"the run ended with {end}")
    added = continuation(model, text[0], default_sampling(model))
    reproduced = text[0] + "".join(step.character for step in added) == text
    return Outcome(trial, end.accuracy or 0.0, end.epochs, time.perf_counter() - started, reproduced)


def main() -> None:
    """Run all trials and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds for each string and cell")
    parser.add_argument("--first-seed", type=int, default=0, help="the smallest seed")
    parser.add_argument("--cells", default=",".join(CELLS), help="comma-separated cells")
    parser.add_argument("--strings", default="", help="comma-separated names of strings (default: all)")
    parser.add_argument(
        "--jobs", type=int, default=1, help="parallel processes; times are meaningless above 1"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per trial")
    options = parser.parse_args()
    names = options.strings.split(",") if options.strings else list(STRINGS)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    trials = [
        Trial(name, cell, seed) for cell in options.cells.split(",") for name in names for seed in seeds
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes: Iterator[Outcome] = pool.map(attempt, trials)
        show(outcomes, options.seeds, as_json=options.json)


def show(outcomes: Iterator[Outcome], seeds: int, *, as_json: bool) -> None:
    """Print one row for each string and cell, then the totals."""
    memorized: dict[str, list[bool]] = {}
    row: list[Outcome] = []
    for outcome in outcomes:
        is_memorized = outcome.accuracy == 1 and outcome.reproduced
        memorized.setdefault(outcome.trial.cell, []).append(is_memorized)
        if as_json:
            print(json.dumps({**outcome._asdict(), **outcome.trial._asdict(), "trial": None}), flush=True)
            continue
        row.append(outcome)
        if len(row) == seeds:
            count = sum(o.accuracy == 1 and o.reproduced for o in row)
            epochs = sorted(o.epochs for o in row)[len(row) // 2]
            seconds = sorted(o.seconds for o in row)[len(row) // 2]
            print(
                f"{outcome.trial.cell:6s} {outcome.trial.string:22s} {count:4d} of {len(row)}"
                f"   median {epochs:5d} epochs {seconds:6.1f} s",
                flush=True,
            )
            row = []
    for cell, results in memorized.items():
        print(
            f"{cell}: {sum(results)} of {len(results)} memorized ({sum(results) / len(results):.2%})",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
