"""Run mutation tests: `python -m tests.mutation --help`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.areas import CORE, ROOT, TESTS
from tests.mutation.blocks import block_of
from tests.mutation.draw import drawn
from tests.mutation.mutants import Mutant
from tests.mutation.reach import Reach, measure
from tests.mutation.report import Verdict, score, survivors, table
from tests.mutation.session import Job, Outcome
from tests.mutation.workspace import Workspace, run

LEAST = 95.0
"""The percentage of mutants that tests must kill."""


def main() -> int:
    """Draw mutants, test each, and print the table; return 1 if too few are killed."""
    options = _parser().parse_args()
    paths = [path for path in CORE if path in options.files] if options.files else CORE
    mutants = [mutant for found in drawn(paths, options.count, options.seed).values() for mutant in found]
    if options.list:
        for mutant in mutants:
            old, new = mutant.lines((ROOT / mutant.path).read_bytes())
            sys.stdout.write(f"{mutant.path}:{mutant.line} {mutant.operator}\n  - {old}\n  + {new}\n")
        return 0
    _preload()
    with tempfile.TemporaryDirectory(prefix="charseq-mutation-") as folder:
        workspaces = [Workspace(Path(folder) / str(number)) for number in range(options.workers)]
        for workspace in workspaces:
            for outcome in run([Job("compile", {}, TESTS, options=("--collect-only",))], [workspace]):
                if outcome.code:
                    raise SystemExit(outcome.output)
        reach = measure(workspaces, options.measured)
        verdicts = list(_tested(mutants, reach, workspaces))
    verdicts.sort(key=lambda verdict: (CORE.index(verdict.mutant.path), verdict.mutant.start))
    for name in reach.failed:
        sys.stdout.write(f"{name} fails without any mutant, and was left out.\n")
    sys.stdout.write(f"{table(verdicts)}\n\n{survivors(verdicts)}\n")
    sys.stdout.write(f"{score(verdicts):.1f} % of {len(verdicts)} mutants killed, seed {options.seed}\n")
    return 0 if score(verdicts) >= LEAST else 1


def _tested(mutants: Sequence[Mutant], reach: Reach, workspaces: Sequence[Workspace]) -> Iterator[Verdict]:
    jobs = {}
    for number, mutant in enumerate(mutants):
        source = (ROOT / mutant.path).read_bytes()
        seconds = reach.tests_of(mutant.path, block_of(mutant.path, source, mutant.line))
        files = tuple(dict.fromkeys(name.partition("::")[0] for name in seconds))
        if seconds:
            jobs[str(number)] = Job(str(number), {mutant.path: mutant.applied(source)}, files, seconds)
        else:
            yield Verdict(mutant, "survived", 0.0)
    began = time.monotonic()
    for count, outcome in enumerate(run(jobs.values(), workspaces), 1):
        verdict = _verdict(mutants[int(outcome.job.key)], outcome)
        passed = time.monotonic() - began
        sys.stderr.write(
            f"{count}/{len(jobs)} {passed:.0f} s {verdict.how} {verdict.mutant.path}:{verdict.mutant.line} "
            f"{verdict.seconds:.1f} s {verdict.by}\n"
        )
        yield verdict


def _verdict(mutant: Mutant, outcome: Outcome) -> Verdict:
    if outcome.code == 0:
        return Verdict(mutant, "survived", outcome.seconds)
    how = "timeout" if "Timeout (" in outcome.output else "killed"
    return Verdict(mutant, how, outcome.seconds, outcome.result["failed"] or "no test began")


def _preload() -> None:
    """Import the libraries of every run, but no module of charseq."""
    os.environ.update(GOMP_SPINCOUNT="3000", OPENBLAS_NUM_THREADS="1")  # as charseq.native.share_cores does
    import hypothesis.strategies
    import numpy
    import safetensors.numpy
    import torch

    assert all((hypothesis.strategies, numpy, safetensors.numpy, torch))
    assert not [name for name in sys.modules if name.partition(".")[0] == "charseq"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--count", type=int, default=250, help="Mutants to draw.  [250]")
    parser.add_argument("--seed", type=int, default=0, help="Random seed of the draw.  [0]")
    parser.add_argument("--files", nargs="+", metavar="FILE", choices=CORE, help="Files to mutate.  [all]")
    parser.add_argument("--workers", type=int, default=2, help="Mutants tested at the same time.  [2]")
    parser.add_argument(
        "--measured", type=Path, metavar="FOLDER", help="Keep what tests reach for a next run."
    )
    parser.add_argument("--list", action="store_true", help="List the mutants without testing them.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
