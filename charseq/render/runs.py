"""The list of runs: a table, plain lines, JSON lines."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal, TextIO

from charseq.render.visible import visible
from charseq.runs.history import Summary

Form = Literal["table", "plain", "json"]
COLUMNS = ("run", "cell", "size", "characters", "status", "epochs", "loss", "right", "validation", "changed")
ON_SCREEN = ("run", "size", "epochs", "loss", "right", "validation", "status", "changed")
"""Columns of the table; a run's name has its cell."""
LESS_IMPORTANT = ("size", "changed", "epochs", "right", "validation", "loss")
"""Columns of the table that a narrow screen leaves out, in this order."""


def show_list(runs: Sequence[Summary], *, form: Form, output: TextIO) -> None:
    """Show every run, the oldest first."""
    if form == "json":
        for run in runs:
            output.write(json.dumps(asdict(run), allow_nan=False) + "\n")
    elif form == "plain":
        output.write("\t".join(COLUMNS) + "\n")
        for run in runs:
            output.write("\t".join(_fields(run)) + "\n")
    else:
        rows = [dict(zip(COLUMNS, _fields(run), strict=True)) for run in runs]
        for row in rows:
            row["changed"] = row["changed"][5:] or "-"  # the year is left to files
        from rich.console import Console

        from charseq.render.columns import print_columns

        fields = [[row[column] for column in ON_SCREEN] for row in rows]
        print_columns(Console(), ON_SCREEN, fields, droppable=LESS_IMPORTANT, foldable=["status"])


def _fields(run: Summary) -> list[str]:
    size = "-" if run.hidden_size is None else f"{run.layers} x {run.hidden_size}"
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed)) if run.changed else "-"
    return [
        visible(run.run),
        visible(run.cell or "-"),
        size,
        "-" if run.characters is None else f"{run.characters:,}",
        visible(run.status) + ("" if run.has_model else ", no model"),
        "-" if run.epochs is None else str(run.epochs),
        *(number(value) for value in (run.loss, run.accuracy, run.validation_loss)),
        changed,
    ]


def number(value: float | None) -> str:
    """Four digits of a measure, or a dash."""
    return "-" if value is None else f"{value:.4g}"
