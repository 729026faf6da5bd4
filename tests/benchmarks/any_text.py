"""Train with default settings on generated texts of many kinds and check the results.

python -m tests.benchmarks.any_text --seconds 5

Each training is the command in a separate process.  The checks:

- command: the exit code is 0 and the run completed; `diverged` is counted separately;
- frequencies: the validation loss is below that of the symbol frequencies (leave-one-out, add-one smoothing,
  over the whole text; with --lines, the end of a line is a symbol).  For independent random symbols it may
  be 0.02 nats or 1 % above.  With fewer than 1,000 held-out characters, it may be two standard errors above.
  If nothing is held out, the training loss counts;
- time: the run ends at most 10 % or 2 s after the limit;
- order: a list of 1,000 lines or more is trained on again in random order.  The two mean losses differ by at
  most 3 %, or by two standard errors of the difference (paired by seed) up to 10 %; with one seed, by at
  most 10 %.

With --quick, times and orders are not checked: they depend on the other load of the machine.

The exit code is 1 if a check failed.
"""

import argparse
import fnmatch
import json
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.line_lists import LINE_LISTS
from tests.benchmarks.measured import Run, trained
from tests.benchmarks.texts import RUNNING, Kind

KINDS = {**RUNNING, **LINE_LISTS}
QUICK = ("constant", "uniform 4", "English-like", "50 characters", "names, sorted", "11 lines")
QUICK_SECONDS = 1.5

FEWEST_HELD_OUT = 1_000
"""Held-out characters below which the check allows for the sampling error of the validation loss."""
NATS_ABOVE, SHARE_ABOVE = 0.02, 0.01
"""The tolerance for the loss of random symbols above that of their frequencies; the larger one applies."""
LATE_SHARE, LATE_SECONDS = 0.1, 2.0
"""The tolerance for the end of a run after its time limit; the larger one applies."""
ORDER_SHARE, ORDER_SHARE_OF_FEW = 0.03, 0.1
"""The tolerance for the relative difference of two orders of the same lines: usual, and for few samples."""
FEWEST_SHUFFLED = 1_000
"""The number of lines from which a list is also trained on in random order."""


@dataclass(frozen=True)
class Failure:
    """A check that failed."""

    check: str
    text: str
    detail: str


@dataclass
class Row:
    """All runs on a kind of text."""

    text: str
    characters: int
    symbols: int
    runs: list[Run]
    shuffled: list[Run]
    frequencies: list[float]

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """The losses of the original order and of the random one, for every seed that has both."""
        runs = zip(self.runs, self.shuffled, strict=False)
        both = ((original.measure, shuffled.measure) for original, shuffled in runs)
        return [(a, b) for a, b in both if a is not None and b is not None]

    @property
    def difference(self) -> float:
        """The mean loss of the original order relative to that of the random one, minus 1; or NaN."""
        original, shuffled = (sum(pair[i] for pair in self.pairs) for i in (0, 1))
        return original / shuffled - 1 if shuffled else math.nan


def _losses(runs: Sequence[Run]) -> list[float]:
    return [run.measure for run in runs if run.measure is not None]


def split_lines(files: Sequence[str]) -> list[str]:
    """Return the non-empty lines of files."""
    return [line for text in files for line in text.split("\n") if line]


def frequencies_loss(files: Sequence[str], lines: bool) -> tuple[float, int, int]:
    """Return the loss of the symbol frequencies in nats, the number of characters and the number of symbols.

    Each symbol is predicted from the counts of all others, with add-one smoothing.
    """
    strings = split_lines(files) if lines else files
    codes = np.frombuffer("".join(strings).encode("utf-32-le"), "<u4")
    counts = np.bincount(codes)
    counts = counts[counts > 0].astype(np.float64)
    if lines:
        counts = np.append(counts, len(strings))
    total = counts.sum()
    loss = float((counts * np.log((total - 1 + len(counts)) / counts)).sum() / total)
    return loss, len(codes), len(counts)


def measure(name: str, kind: Kind, seeds: int, seconds: float) -> Row:
    """Train on the text of each seed, and on its lines in random order if there are enough."""
    row = Row(name, 0, 0, [], [], [])
    for seed in range(seeds):
        files = kind.make(random.Random(seed))
        loss, row.characters, row.symbols = frequencies_loss(files, kind.lines)
        row.frequencies.append(loss)
        with tempfile.TemporaryDirectory() as folder:
            row.runs.append(trained(Path(folder), files, lines=kind.lines, seconds=seconds, seed=seed))
        lines = split_lines(files)
        if kind.lines and len(lines) >= FEWEST_SHUFFLED:
            random.Random(seed).shuffle(lines)
            files = ["".join(f"{line}\n" for line in lines)]
            with tempfile.TemporaryDirectory() as folder:
                row.shuffled.append(trained(Path(folder), files, lines=True, seconds=seconds, seed=seed))
    return row


def failures(row: Row, kind: Kind, seconds: float) -> Iterator[Failure]:
    """Yield the failed checks of all runs on a text."""
    for order, runs in (("", row.runs), (" shuffled", row.shuffled)):
        for seed, (run, frequencies) in enumerate(zip(runs, row.frequencies, strict=False)):
            where = f"seed {seed}{order}"
            if run.status == "diverged":
                yield Failure("diverged", row.text, where)
            elif run.exit_code or run.status != "completed":
                yield Failure("command", row.text, f"{where}: exit code {run.exit_code}, {run.problem}")
            elif run.measure is None:
                yield Failure("command", row.text, f"{where}: the end event has no loss")
            if run.measure is not None and not _is_below(run, frequencies, random=kind.random):
                detail = f"{where}: loss {run.measure:.4f}, frequencies {frequencies:.4f}"
                yield Failure("frequencies", row.text, detail)
            if run.seconds > seconds + max(LATE_SHARE * seconds, LATE_SECONDS):
                yield Failure("time", row.text, f"{where}: {run.seconds:.1f} s, limit {seconds:g} s")
    if row.pairs and not _agree(row):
        yield Failure("order", row.text, f"{row.difference:+.1%} against the shuffled lines")


def _is_below(run: Run, frequencies: float, *, random: bool) -> bool:
    """Return whether a loss is below that of the frequencies, or for random symbols not far above it.

    The tolerance for a small validation set is two standard errors, at a standard deviation of one nat.
    """
    loss = run.measure or 0.0
    if run.validation_loss is not None and 0 < run.held_out < FEWEST_HELD_OUT:
        frequencies += 2 / math.sqrt(run.held_out)
    if random:
        return loss <= frequencies + max(NATS_ABOVE, SHARE_ABOVE * frequencies)
    return loss < frequencies


def _agree(row: Row) -> bool:
    """Return whether both orders of the same lines have about the same loss."""
    if abs(row.difference) <= ORDER_SHARE:
        return True
    if len(row.pairs) < 2 or abs(row.difference) > ORDER_SHARE_OF_FEW:
        return abs(row.difference) <= ORDER_SHARE_OF_FEW
    differences = [original / shuffled - 1 for original, shuffled in row.pairs]
    return abs(row.difference) <= 2 * statistics.stdev(differences) / math.sqrt(len(differences))


HEADINGS = (
    "text",
    "characters",
    "symbols",
    "loss",
    "worst",
    "frequencies",
    "shuffled",
    "order",
    "s",
    "wall s",
    "MiB",
)
WIDTHS = (24, 11, 7, 7, 7, 11, 8, 7, 6, 6, 6)


def cells(row: Row) -> list[str]:
    """Return the table's cells for a text: medians over seeds, and the worst loss."""
    losses, shuffled, every = _losses(row.runs), _losses(row.shuffled), [*row.runs, *row.shuffled]
    return [
        row.text,
        f"{row.characters:,}",
        f"{row.symbols:,}",
        f"{statistics.median(losses):.4f}" if losses else "-",
        f"{max(losses):.4f}" if losses else "-",
        f"{statistics.median(row.frequencies):.4f}",
        f"{statistics.median(shuffled):.4f}" if shuffled else "-",
        f"{row.difference:+.1%}" if row.pairs else "-",
        f"{statistics.median(run.seconds for run in every):.1f}",
        f"{statistics.median(run.wall for run in every):.1f}",
        f"{max(run.mebibytes for run in every):.0f}",
    ]


def line_of(values: Sequence[str]) -> str:
    """Return values in columns, the first one aligned to the left."""
    first, *rest = (f"{value:>{width}}" for value, width in zip(values, WIDTHS, strict=True))
    return " ".join([f"{first.strip():<{WIDTHS[0]}}", *rest])


def chosen(patterns: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of the texts that match a pattern."""
    for pattern in patterns:
        if not fnmatch.filter(KINDS, pattern):
            parser.error(f"no text is named {pattern!r}; --list shows all, and 'names*' selects several")
    return [name for name in KINDS if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def main() -> None:
    """Train, check and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--text",
        action="append",
        metavar="NAME",
        help="a kind of text, or a pattern; may be repeated (default: all)",
    )
    parser.add_argument("--list", action="store_true", help="list the kinds of text")
    parser.add_argument("--seconds", type=float, help="time limit of a run (default: 5; 1.5 with --quick)")
    parser.add_argument("--seeds", type=int, help="runs on each text (default: 3; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help=f"only {'; '.join(QUICK)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object per text")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name}{'  (--lines)' if kind.lines else ''}" for name, kind in KINDS.items()))
        return
    names = chosen(options.text or (QUICK if options.quick else list(KINDS)), parser)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else 5.0)
    seeds = options.seeds or (1 if options.quick else 3)
    if not options.json:
        print(line_of(HEADINGS))
    failed: list[Failure] = []
    timed = ("time", "order") if options.quick else ()
    runs = 0
    for name in names:
        row = measure(name, KINDS[name], seeds, seconds)
        failed_here = [f for f in failures(row, KINDS[name], seconds) if f.check not in timed]
        failed += failed_here
        runs += len(row.runs) + len(row.shuffled)
        if options.json:
            difference = None if math.isnan(row.difference) else row.difference
            record = {**asdict(row), "difference": difference, "failed": list(map(asdict, failed_here))}
            print(json.dumps(record), flush=True)
        else:
            checks = dict.fromkeys(failure.check for failure in failed_here)
            print(line_of(cells(row)), *checks, flush=True)
    if not options.json:
        for failure in failed:
            print(f"failed: {failure.check}: {failure.text}: {failure.detail}")
        counts = ", ".join(
            f"{sum(failure.check == check for failure in failed)} {check}"
            for check in ("command", "diverged", "frequencies", "order", "time")
        )
        print(f"{len(names)} texts, {runs} runs of {seconds:g} s; failed checks: {counts}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
