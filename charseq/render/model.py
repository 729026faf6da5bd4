"""The contents of a model file: a table, plain lines, or a JSON line."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from charseq.model.description import LINE_DIGESTS, STATE_PREFIX, Description
from charseq.model.ngram_tensors import size_of
from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.quantities import measure
from charseq.render.visible import visible
from charseq.text.units import displayable

MAX_CHARACTERS = 40
"""The number of symbols of a vocabulary, and of characters of a text, that are shown to people."""


def model_view(path: Path, *, verified: bool) -> View[Description]:
    """Return the renderers of the description of the model file at a path."""

    def record(description: Description) -> dict[str, Any]:
        return _record(path, description, verified)

    def rows(description: Description) -> list[list[str]]:
        return _rows(record(description))

    def print_table(descriptions: Sequence[Description], output: TextIO) -> None:
        from rich.console import Console

        from charseq.render.columns import print_columns

        for description in descriptions:
            fields = _rows(record(description), separators=True)
            print_columns(Console(file=output), ("field", "value"), fields, foldable=["value"])

    return View(
        table=lambda output: TableAtEnd(output, print_table),
        plain=lambda output: PlainLines(output, (), rows),
        json=lambda output: JSONLines(output, record),
    )


def _record(path: Path, description: Description, verified: bool) -> dict[str, Any]:
    training = dict(description.training)
    settings = training.pop("settings", {})
    settings.pop("reasons", None)
    shapes = {
        n: shape
        for n, shape in description.shapes.items()
        if n != LINE_DIGESTS and not n.startswith(STATE_PREFIX)
    }
    text = (description.progress or {}).get("text")
    text = text if isinstance(text, dict) else {}
    network = asdict(description.network)
    ngram_order, ngrams = size_of(description.shapes)
    names, ids = description.vocabulary.label_names, description.vocabulary.labels
    counts = dict(zip(names, description.label_counts, strict=True))
    return {
        "model": str(path),
        "bytes": description.size,
        "format": description.format,
        "charseq": description.charseq,
        "verified": verified,
        "cell": network.pop("cell_name"),
        **network,
        "parameters": description.network.parameter_count(),
        "ngram_order": ngram_order,
        "ngrams": ngrams,
        "ngram_bytes": description.ngram_bytes,
        "unit": description.vocabulary.unit,
        "normalization": description.vocabulary.normalization,
        "lines": description.vocabulary.boundary,
        "remembered_lines": description.shapes.get(LINE_DIGESTS, (0,))[0],
        "symbols": description.vocabulary.symbols,
        **({"labels": counts, "label_ids": ids} if ids else {}),
        "learned": list(description.memorized),
        "can_go_on": description.progress is not None,
        "text_sha256": text.get("sha256"),
        "text_files": text.get("files", []),
        "validation_files": text.get("validation_files", []),
        "lineage": [asdict(ancestor) for ancestor in description.lineage],
        **training,
        "settings": settings,
        "tensors": shapes,
    }


def _rows(record: dict[str, Any], *, separators: bool = False) -> list[list[str]]:
    settings, shapes = record.pop("settings"), record.pop("tensors")
    characters = record["symbols"]
    if labels := record.get("labels"):
        ids = record.pop("label_ids")
        characters = [symbol for i, symbol in enumerate(characters) if i not in ids]
        record["labels"] = [f"{label} ({number:,})" for label, number in labels.items()]
    record["symbols"] = _shortened("".join(displayable(characters, record["unit"])))
    record["lineage"] = [f"{each['model']} ({each['sha256']})" for each in record["lineage"]]
    if imported := record.get("imported"):
        record["imported"] = [f"{name} {value}" for name, value in imported.items() if value is not None]
    record["learned"] = list(map(_shortened, record["learned"]))
    return [
        *([name, _value_text(value, separators)] for name, value in record.items()),
        *(
            [f"setting {name}", _value_text(value, separators)]
            for name, value in settings.items()
            if name not in record
        ),
        *([f"tensor {name}", " x ".join(map(str, shape))] for name, shape in shapes.items()),
    ]


def _shortened(text: str) -> str:
    return text[:MAX_CHARACTERS] + ("..." if len(text) > MAX_CHARACTERS else "")


def _value_text(value: Any, separators: bool) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and separators:
        return f"{value:,}"
    if isinstance(value, list):
        return visible(", ".join(map(str, value)))
    return measure(value) if isinstance(value, float) else visible(str(value))
