"""Measure the search for copies: indexing a reference text, and finding copies of it in a text of that size.

python -m tests.benchmarks.copies --megabytes 10 --rounds 3

The reference is a generated text of words, of random letters, of log lines, or one repeated letter, in ASCII.
The text to search in is the reference itself, passages of it in random order (20 to 400 characters each), or
its characters in random order.  Memory is what indexing adds to the peak of a process that has the text, on
Linux.  Seconds are medians.  --numpy measures the fallback without native kernels.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from charseq.inference import suffix_index
from charseq.inference.reference import Reference, ReferenceText
from charseq.native import library

WORDS = 20_000
"""Distinct words of the generated text of words."""
T = TypeVar("T")
KINDS = ("words", "letters", "log", "one letter")


def text_of(kind: str, size: int) -> str:
    """Return a generated text of `size` characters."""
    random = np.random.default_rng(0)
    if kind == "one letter":
        return "a" * size
    if kind == "letters":
        return random.integers(97, 123, size).astype(np.uint8).tobytes().decode()
    if kind == "log":
        numbers = random.integers(0, 100_000, (size // 50 + 1, 3)).tolist()
        return "".join(f"12:{a % 60:02}:{b % 60:02} INFO request {a} took {c} ms\n" for a, b, c in numbers)[
            :size
        ]
    lengths = random.integers(2, 11, WORDS)
    letters = random.choice(np.frombuffer(b"eeettaaooiinnsshhrrddllcumwfgypbvkjxqz", np.uint8), 10 * WORDS)
    words = [letters[10 * i : 10 * i + length].tobytes().decode() for i, length in enumerate(lengths)]
    ranks = (random.pareto(1.0, size // 3) * 3).astype(np.int64) % WORDS  # few words are frequent
    return " ".join([words[rank] for rank in ranks])[:size]


def queries_of(text: str) -> dict[str, str]:
    """Return texts of the reference's size that are copied as a whole, in passages, or hardly at all."""
    random = np.random.default_rng(1)
    starts = random.integers(0, max(len(text) - 400, 1), len(text) // 200 + 1).tolist()
    lengths = random.integers(20, 401, len(starts)).tolist()
    passages = "".join(text[a : a + length] for a, length in zip(starts, lengths, strict=True))
    mixed = random.permutation(np.frombuffer(text.encode(), np.uint8)).tobytes().decode()
    return {"itself": text, "passages": passages[: len(text)], "random order": mixed}


def reference_of(text: str, *, numpy: bool) -> Reference:
    """Return the index of a text."""
    if not numpy:
        return Reference([ReferenceText("text", text)])
    with patch.object(suffix_index, "library", lambda: None):
        return Reference([ReferenceText("text", text)])


def timed(work: Callable[[], T], rounds: int) -> tuple[T, list[float]]:
    """Return the result of a call and its duration in each round."""
    durations = []
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        durations.append(time.perf_counter() - began)
    return result, durations


def peak_of_index(text: str, *, numpy: bool) -> float | None:
    """Return the megabytes that indexing adds to the peak of a process with the text, on Linux."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(1) as pool:
        path = Path(folder) / "text"
        path.write_text(text)
        return pool.apply(_peak, (path, numpy))


def _peak(path: Path, numpy: bool) -> float | None:
    text, status = path.read_text(), Path("/proc/self/status")
    if not status.exists():
        return None
    before = _kilobytes(status.read_text(), "VmHWM:")
    reference_of(text, numpy=numpy)
    return (_kilobytes(status.read_text(), "VmHWM:") - before) * 1024 / 1e6


def _kilobytes(status: str, field: str) -> int:
    return int(status.partition(field)[2].split()[0])


def main() -> None:
    """Measure every kind of text and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=10, help="size of each text (default: 10)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of text (default: %(default)s)")
    parser.add_argument("--numpy", action="store_true", help="measure the fallback without native kernels")
    parser.add_argument("--json", action="store_true", help="print one JSON object per row")
    options = parser.parse_args()
    kernels = "NumPy" if options.numpy or library() is None else "native kernels"
    tasks = ("itself", "passages", "random order")
    table = Table("reference", "index", "MB", *tasks, "spans of passages", title=f"seconds, {kernels}")
    for kind in options.kinds.split(","):
        text = text_of(kind, int(options.megabytes * 1e6))
        build = partial(reference_of, text, numpy=options.numpy)
        megabytes = peak_of_index(text, numpy=options.numpy)
        reference, indexing = timed(build, options.rounds)
        measured = {"index": indexing}
        spans = {}
        for name, query in queries_of(text).items():
            found, measured[name] = timed(partial(reference.copies, query), options.rounds)
            spans[name] = len(found.spans)
        if options.json:
            print(json.dumps({"reference": kind, "megabytes": megabytes, **measured, "spans": spans}))
        medians = [f"{statistics.median(durations):.2f}" for durations in measured.values()]
        peak = "-" if megabytes is None else f"{megabytes:.0f}"
        table.add_row(kind, medians[0], peak, *medians[1:], f"{spans['passages']:,}")
    if not options.json:
        Console().print(table)


if __name__ == "__main__":
    main()
