"""What a model file holds: a table, plain lines, or a JSON line."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from charseq.model.description import LINES, STATE, Description
from charseq.render.runs import Form, number
from charseq.render.visible import visible

LONGEST = 40
"""Symbols of a vocabulary, and characters of a text, that are shown to people."""


def show_model(path: Path, told: Description, *, verified: bool, form: Form, output: TextIO) -> None:
    """Show what a model file says of itself."""
    record = _record(path, told, verified)
    if form == "json":
        output.write(json.dumps(record, allow_nan=False) + "\n")
        return
    settings = record.pop("settings")
    shapes = record.pop("tensors")
    record["symbols"] = _short("".join(record["symbols"]))
    record["learned"] = list(map(_short, record["learned"]))
    rows = [[name, _shown(value)] for name, value in record.items()]
    rows += [[f"setting {name}", _shown(value)] for name, value in settings.items() if name not in record]
    rows += [[f"tensor {name}", " x ".join(map(str, shape))] for name, shape in shapes.items()]
    if form == "plain":
        for row in rows:
            output.write("\t".join(row) + "\n")
    else:
        from rich.console import Console

        from charseq.render.columns import print_columns

        print_columns(Console(), ("field", "value"), rows, foldable=["value"])


def _record(path: Path, told: Description, verified: bool) -> dict[str, Any]:
    training = dict(told.training)
    settings = training.pop("settings", {})
    settings.pop("reasons", None)
    shapes = {n: shape for n, shape in told.shapes.items() if n != LINES and not n.startswith(STATE)}
    text = (told.place or {}).get("text")
    text = text if isinstance(text, dict) else {}
    network = asdict(told.network)
    return {
        "model": str(path),
        "bytes": told.size,
        "format": told.format,
        "charseq": told.charseq,
        "verified": verified,
        "cell": network.pop("cell_name"),
        **network,
        "parameters": told.network.parameters(),
        "unit": told.vocabulary.unit,
        "normalization": told.vocabulary.normalization,
        "lines": told.vocabulary.boundary,
        "remembered_lines": told.shapes.get(LINES, (0,))[0],
        "symbols": told.vocabulary.symbols,
        "learned": list(told.learned),
        "can_go_on": told.place is not None,
        "text_sha256": text.get("sha256"),
        "text_files": text.get("files", []),
        **training,
        "settings": settings,
        "tensors": shapes,
    }


def _short(text: str) -> str:
    return text[:LONGEST] + ("..." if len(text) > LONGEST else "")


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return visible(", ".join(map(str, value)))
    return number(value) if isinstance(value, float) else visible(str(value))
