"""The table of a mutation run, and the reasons of known survivors."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.areas import ROOT
from tests.mutation.mutants import Mutant

SURVIVORS = Path(__file__).with_name("survivors.md")
ENTRY = re.compile(r"^- `(?P<path>.+?)`: `(?P<old>.+)` becomes `(?P<new>.+)`\. (?P<reason>.+)$")


@dataclass(frozen=True)
class Verdict:
    """The result for one mutant."""

    mutant: Mutant
    how: str
    """killed, timeout or survived."""
    seconds: float
    by: str = ""
    """The test that killed it."""


def table(verdicts: Sequence[Verdict]) -> str:
    """Return one row for each file: mutants, killed, of those by a timeout, survived."""
    rows = ["| file | mutants | killed | by timeout | survived |", "| --- | --- | --- | --- | --- |"]
    for path in dict.fromkeys(verdict.mutant.path for verdict in verdicts):
        rows.append(_row(path, [v for v in verdicts if v.mutant.path == path]))
    return "\n".join([*rows, _row("all", verdicts)])


def survivors(verdicts: Sequence[Verdict]) -> str:
    """Return the survivors as changed lines, with the reasons that survivors.md gives."""
    reasons = known()
    lines = []
    for verdict in verdicts:
        if verdict.how == "survived":
            mutant = verdict.mutant
            old, new = mutant.lines((ROOT / mutant.path).read_bytes())
            reason = reasons.get((mutant.path, old, new), "not in survivors.md")
            lines.append(f"{mutant.path}:{mutant.line} in {mutant.scope or 'the module'}: {mutant.operator}")
            lines.append(f"  - {old}\n  + {new}\n  {reason}")
    return "\n".join(lines)


def score(verdicts: Sequence[Verdict]) -> float:
    """Return the percentage of killed mutants."""
    return 100 * sum(verdict.how != "survived" for verdict in verdicts) / max(1, len(verdicts))


def known() -> dict[tuple[str, str, str], str]:
    """Return the reasons of survivors.md by file, old line and new line."""
    found = (ENTRY.match(line) for line in SURVIVORS.read_text().splitlines())
    return {(match["path"], match["old"], match["new"]): match["reason"] for match in found if match}


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    counts = Counter(verdict.how for verdict in verdicts)
    killed = counts["killed"] + counts["timeout"]
    return f"| {name} | {len(verdicts)} | {killed} | {counts['timeout']} | {counts['survived']} |"
