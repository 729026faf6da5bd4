"""The tensors of a network run over texts: a table, plain lines, or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from charseq.inspection.equations import equation_of
from charseq.inspection.tracing import TracedTensor, TraceInput
from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View


def shape_view(
    inputs: TraceInput, about: str, *, values: bool, explain: bool, has_head: bool, bidirectional: bool
) -> View[TracedTensor]:
    """Return the renderers of the tensors of a run, with their values and equations if requested.

    `about` describes the weights in a caption.  Without a head, its parameters are left out of the count.
    """

    def record(row: TracedTensor) -> dict[str, Any]:
        fields = {
            "name": row.name,
            "layer": row.layer,
            "step": row.step,
            "axes": row.axes,
            "shape": row.shape,
        }
        fields |= {"direction": row.direction} if row.direction else {}
        fields |= {"equation": equation_of(row, inputs)} if explain else {}
        return fields | ({"values": row.values.tolist()} if values else {})

    def plain_row(row: TracedTensor) -> list[list[str]]:
        fields = [row.name, _or_dash(row.layer), _or_dash(row.step), ",".join(row.axes) or "-"]
        fields.append(shape_text(row.shape))
        if bidirectional:
            fields.append(row.direction or "-")
        if explain:
            fields.append(equation_of(row, inputs))
        if values:
            fields.append(json.dumps(_rounded(row).tolist()))
        return [fields]

    def print_table(rows: Sequence[TracedTensor], output: TextIO) -> None:
        from rich.console import Console

        from charseq.render.shapes_table import ShapesTable

        console = Console(file=output)
        table = ShapesTable(console, inputs, about, values=values, explain=explain, has_head=has_head)
        table.print(rows)

    columns = ["name", "layer", "step", "axes", "shape"]
    columns += ["direction"] * bidirectional + ["equation"] * explain + ["values"] * values
    return View(
        table=lambda output: TableAtEnd(output, print_table),
        plain=lambda output: PlainLines(output, columns, plain_row),
        json=lambda output: JSONLines(output, record),
    )


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as a tuple: (1, 5, 4)."""
    return f"({', '.join(map(str, shape))})"


def _rounded(row: TracedTensor) -> npt.NDArray[Any]:
    """Return the values with four decimals; ids remain integers."""
    values = np.asarray(row.values)
    return values if np.issubdtype(values.dtype, np.integer) else np.round(values.astype(float), 4)


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)
