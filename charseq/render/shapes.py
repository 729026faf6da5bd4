"""The tensors of a run over text as plain lines or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from charseq.inspection.equations import equation_of
from charseq.inspection.tracing import TracedTensor, TraceInput


def show_json(
    rows: Sequence[TracedTensor], inputs: TraceInput, *, values: bool, explain: bool, output: TextIO
) -> None:
    """One JSON object a tensor."""
    for row in rows:
        record: dict[str, Any] = {
            "name": row.name,
            "layer": row.layer,
            "step": row.step,
            "axes": row.axes,
            "shape": row.shape,
        }
        if row.direction:
            record["direction"] = row.direction
        if explain:
            record["equation"] = equation_of(row, inputs)
        if values:
            record["values"] = row.values.tolist()
        output.write(json.dumps(record, allow_nan=False) + "\n")


def show_plain(
    rows: Sequence[TracedTensor], inputs: TraceInput, *, values: bool, explain: bool, output: TextIO
) -> None:
    """One line a tensor, its fields between tabs, below one line of their names."""
    both_ways = any(row.direction for row in rows)
    names = ["name", "layer", "step", "axes", "shape"]
    names += ["direction"] * both_ways + ["equation"] * explain + ["values"] * values
    output.write("\t".join(names) + "\n")
    for row in rows:
        fields = [row.name, _or_dash(row.layer), _or_dash(row.step), ",".join(row.axes) or "-"]
        fields.append(shape_text(row.shape))
        if both_ways:
            fields.append(row.direction or "-")
        if explain:
            fields.append(equation_of(row, inputs))
        if values:
            fields.append(json.dumps(_rounded(row).tolist()))
        output.write("\t".join(fields) + "\n")


def _rounded(row: TracedTensor) -> "npt.NDArray[Any]":
    """Return values with four decimals; ids stay whole numbers."""
    values = np.asarray(row.values)
    return values if np.issubdtype(values.dtype, np.integer) else np.round(values.astype(float), 4)


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it: (1, 5, 4)."""
    return f"({', '.join(map(str, shape))})"
