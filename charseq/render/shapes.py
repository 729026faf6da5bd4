"""The tensors of a run over text: a table that a class can read, plain lines, or JSON lines."""

import json
from collections.abc import Sequence
from typing import Any, Literal, TextIO

import numpy as np

from charseq.network import Network
from charseq.render.marked import piece
from charseq.shapes import Row
from charseq.units import normalized, segments
from charseq.vocabulary import Vocabulary


def show(
    rows: Sequence[Row],
    network: Network,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    *,
    form: Literal["table", "plain", "json"],
    values: bool,
    output: TextIO,
) -> None:
    """Show every row in order."""
    if form == "json":
        for row in rows:
            output.write(json.dumps(_record(row, values), allow_nan=False) + "\n")
    elif form == "plain":
        output.write(
            "\t".join(["name", "layer", "step", "axes", "shape", *(["values"] if values else [])]) + "\n"
        )
        for row in rows:
            output.write("\t".join(_fields(row, values)) + "\n")
    else:
        _show_table(rows, network, vocabulary, texts, values=values)


def _record(row: Row, values: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": row.name,
        "layer": row.layer,
        "step": row.step,
        "axes": row.axes,
        "shape": row.shape,
    }
    if values:
        record["values"] = row.values.tolist()
    return record


def _fields(row: Row, values: bool) -> list[str]:
    fields = [
        row.name,
        "-" if row.layer is None else str(row.layer),
        "-" if row.step is None else str(row.step),
        ",".join(row.axes),
        shape_text(row.shape),
    ]
    if values:
        fields.append(json.dumps(np.round(row.values.astype(float), 4).tolist()))
    return fields


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it: (1, 5, 4)."""
    return f"({', '.join(map(str, shape))})"


def _show_table(
    rows: Sequence[Row], network: Network, vocabulary: Vocabulary, texts: Sequence[str], *, values: bool
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    read = [segments(normalized(text, vocabulary.normalization), vocabulary.unit) for text in texts]
    console.print(Text(_caption(network, vocabulary)), style="dim", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("step", "tensor", "axes", "shape"):
        table.add_column(name, no_wrap=True)
    if values:
        table.add_column("values")
    before: tuple[int | None, int | None] = (None, None)
    for row in rows:
        place = (row.layer, row.step)
        where = Text()
        if place != before and row.step is not None:
            where = Text(f"{row.step} ", "dim").append(_read_at(read, row.step), "bold")
            if network.layers > 1:
                where = Text(f"layer {row.layer}, ", "dim").append_text(where)
        elif row.step is None and row.layer is not None and network.layers > 1:
            where = Text(f"layer {row.layer}", "dim")
        before = place
        title = Text(row.name, "bold" if row.step is None else "")
        cells = [
            where,
            title,
            Text(", ".join(row.axes), "dim"),
            Text(shape_text(row.shape), "cyan"),
        ]
        if values:
            cells.append(Text(np.array2string(row.values, precision=4, suppress_small=True, threshold=64)))
        table.add_row(*cells)
    console.print(table)


def _read_at(read: Sequence[Sequence[str]], step: int) -> str:
    """The symbols that the batch reads at a step; nothing stands past a text's end."""
    return " ".join(piece(text[step]) if step < len(text) else "·" for text in read[:8])


def _caption(network: Network, vocabulary: Vocabulary) -> str:
    known = "".join(map(piece, vocabulary.symbols[:40]))
    more = "..." if len(vocabulary) > 40 else ""
    return (
        f"{network.cell.name}: {network.layers} x {network.hidden_size} hidden, fresh weights; "
        f"vocabulary of {len(vocabulary)}: {known}{more}"
    )
