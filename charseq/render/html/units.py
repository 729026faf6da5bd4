"""The section about single units: the values of every tensor [H] over texts, what units track, and gates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.inspection.activations import Piece, Source, gate_tensors, read_units, unit_tensors
from charseq.inspection.neurons import HIGH, LOW, Correlations, Tracked, accumulate
from charseq.inspection.reported_run import ReadText
from charseq.inspection.text_features import features_of
from charseq.inspection.unit_text import UnitText
from charseq.model.model_file import Model
from charseq.model.numpy_ops import Floats, require_finite
from charseq.render.html.reading import NO_TEXT, Section, base64_of

MAX_TEXT = 600
"""Symbols of all texts over which units are shown."""
MAX_VALUES = 600_000
"""Values that a page contains, each in one byte."""
SUMS = ("x_proj", "h_proj")
"""Tensors that are sums before an activation."""
MIN_RANKED = 100
"""The fewest symbols over which units are ranked: over fewer, many a unit follows a feature by chance."""
CLEAR = 0.5
"""The smallest magnitude of a correlation that is shown."""
TOP = 2
"""Units of each feature."""


class _AllValues:
    """The values [N H] of every tensor."""

    def __init__(self, length: int, sources: Sequence[Source], hidden_size: int) -> None:
        self.values = {source: np.zeros((length, hidden_size), np.float32) for source in sources}

    def add(self, piece: Piece) -> None:
        """Add a piece."""
        for whole, part in zip(self.values.values(), piece.values, strict=True):
            whole[piece.positions] = part


def units(model: Model, texts: Sequence[ReadText]) -> Section:
    """Return the values of the units of every layer over the texts, their ranking, and statistics."""
    if not texts:
        return {"left_out": NO_TEXT}
    network, read = model.network, _shortened(texts)
    text = _joined(model, read)
    names = [name for name in unit_tensors(network) if name not in SUMS]
    names.sort(key=lambda name: name != "h")  # the output is first
    sources = [Source(layer, name) for layer in range(network.layers) for name in names]
    features, _ = features_of(text)
    correlations = Correlations(features, sources, network.hidden_size)
    everything = _AllValues(len(text), sources, network.hidden_size)
    accumulate(read_units(model, text, sources), correlations, everything)
    for array in everything.values.values():
        require_finite(array)
    ranking = correlations.ranking(TOP) if len(text) >= MIN_RANKED and features else []
    tracked = [row for row in ranking if abs(row.correlation) >= CLEAR]
    kept = max(1, MAX_VALUES // (len(text) * len(sources)))
    gates = gate_tensors(network)
    tensors = []
    for source, values in everything.values.items():
        first = [row.unit.unit for row in tracked if (row.unit.layer, row.unit.tensor) == source]
        tensors.append(_tensor(source, values, first, kept, is_gate=source.tensor in gates))
    return {
        "heading": _heading(tracked),
        "tracked": [_tracked(row, sources) for row in tracked],
        "origin": " and ".join(dict.fromkeys(each.origin for each in texts[: len(read)])),
        "ids": text.ids.tolist(),
        "starts": text.starts.tolist(),
        "shortened": sum(len(each.ids) for each in texts) > len(text),
        "hidden": network.hidden_size,
        "kept": min(kept, network.hidden_size),
        "tensors": tensors,
    }


def _shortened(texts: Sequence[ReadText]) -> list[npt.NDArray[Any]]:
    """Return the ids of texts, MAX_TEXT symbols in all."""
    read: list[npt.NDArray[Any]] = []
    for each in texts:
        left = MAX_TEXT - sum(map(len, read))
        if left > 1:
            read.append(each.ids[:left])
    return read


def _joined(model: Model, read: Sequence[npt.NDArray[Any]]) -> UnitText:
    lengths = np.array([len(ids) for ids in read], np.int64)
    return UnitText(model.vocabulary, np.concatenate(read), np.cumsum(lengths) - lengths)


def _heading(tracked: Sequence[Tracked]) -> str:
    """Return a sentence about the unit that tracks a feature best, or a noun."""
    if not tracked:
        return "What single units do"
    best = tracked[0]
    return f"Unit {best.unit.name} tracks ‘{best.feature}’ (r = {best.correlation:.2f})"


def _tracked(row: Tracked, sources: Sequence[Source]) -> dict[str, Any]:
    return {
        "tensor": sources.index(Source(row.unit.layer, row.unit.tensor)),
        "unit": row.unit.unit,
        "text": f"{row.feature}: {row.unit.name} (r = {row.correlation:.2f})",
    }


def _tensor(
    source: Source, values: Floats, first: Sequence[int], kept: int, *, is_gate: bool
) -> dict[str, Any]:
    """Return the values of the first units and of those that vary most, each in one byte.

    A byte is relative to the largest value of the unit, or, of a gate, to the distance from 0.5.
    """
    by_deviation = np.argsort(-values.std(0), kind="stable").tolist()
    order = [*dict.fromkeys([*first, *by_deviation])][: max(kept, len(first))]
    middle = 0.5 if is_gate else 0.0
    centered = values[:, order] - middle
    scale = np.full(len(order), 0.5) if is_gate else np.maximum(np.abs(centered).max(0), 1e-9)
    quantized = np.clip(np.round(centered / scale * 127), -127, 127).astype(np.int8)
    statistics: dict[str, float] = {"mean": float(values.mean()), "deviation": float(values.std())}
    if is_gate:
        statistics |= {"open": float((values > HIGH).mean()), "closed": float((values < LOW).mean())}
    return {
        "layer": source.layer,
        "name": source.tensor,
        "units": order,
        "middle": middle,
        "scales": [float(f"{value:.4g}") for value in scale.tolist()],
        "values": base64_of(quantized.T),
        "statistics": {key: float(f"{value:.4g}") for key, value in statistics.items()},
    }
