"""The list of runs: a table, plain lines, or JSON lines."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TextIO

from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.quantities import measure, size
from charseq.render.visible import visible
from charseq.runs.history import Summary
from charseq.runs.removal import Removal

COLUMNS = (
    "run", "cell", "size", "characters", "status", "epochs", "loss", "accuracy", "validation", "changed",
    "text",
)  # fmt: skip
TABLE_COLUMNS = ("run", "text", "size", "epochs", "loss", "accuracy", "validation", "status", "changed")
"""The columns of the table; the name of a run contains its cell."""
LESS_IMPORTANT = ("size", "changed", "epochs", "accuracy", "validation", "text", "loss")
"""The columns that a narrow screen leaves out, in this order."""


def _fields(run: Summary) -> list[str]:
    layers = "-" if run.hidden_size is None else f"{run.layers} x {run.hidden_size}"
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed)) if run.changed else "-"
    return [
        visible(run.run),
        visible(run.cell or "-"),
        layers,
        "-" if run.characters is None else f"{run.characters:,}",
        visible(run.status) + ("" if run.has_model else ", no model"),
        "-" if run.epochs is None else str(run.epochs),
        *(measure(value) for value in (run.loss, run.accuracy, run.validation_loss)),
        changed,
        visible(run.text or "-"),
    ]


def _print_table(runs: Sequence[Summary], output: TextIO) -> None:
    from rich.console import Console

    from charseq.render.columns import print_columns

    rows = [dict(zip(COLUMNS, _fields(run), strict=True)) for run in runs]
    for row in rows:
        row["changed"] = row["changed"][5:] or "-"  # without the year
    fields = [[row[column] for column in TABLE_COLUMNS] for row in rows]
    console = Console(file=output)
    print_columns(console, TABLE_COLUMNS, fields, droppable=LESS_IMPORTANT, foldable=["status", "text"])


RUNS: View[Summary] = View(
    table=lambda output: TableAtEnd(output, _print_table),
    plain=lambda output: PlainLines(output, COLUMNS, lambda run: [_fields(run)]),
    json=lambda output: JSONLines(output, asdict),
)

REMOVAL_COLUMNS = ("run", "cell", "text", "bytes")


def _removal_fields(removal: Removal) -> list[str]:
    run = removal.run
    return [visible(run.run), visible(run.cell or "-"), visible(run.text or "-"), str(removal.bytes)]


def _print_removals(removals: Sequence[Removal], output: TextIO) -> None:
    from rich.console import Console

    from charseq.render.columns import print_columns

    rows = [[*_removal_fields(removal)[:-1], size(removal.bytes)] for removal in removals]
    headings = (*REMOVAL_COLUMNS[:-1], "size")
    print_columns(Console(file=output), headings, rows, droppable=("cell", "text"), foldable=["text"])


REMOVALS: View[Removal] = View(
    table=lambda output: TableAtEnd(output, _print_removals),
    plain=lambda output: PlainLines(output, REMOVAL_COLUMNS, lambda removal: [_removal_fields(removal)]),
    json=lambda output: JSONLines(
        output, lambda removal: {**asdict(removal.run), "bytes": removal.bytes, "removed": True}
    ),
)
