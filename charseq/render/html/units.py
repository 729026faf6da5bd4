"""The section about single units: the values of every tensor [H] over texts, and its statistics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.inspection.reported_run import ReadText
from charseq.inspection.tracing import TraceInput, trace
from charseq.model.model_file import Model
from charseq.render.html.reading import NO_TEXT, Section, base64_of

Values = dict[tuple[int, str], npt.NDArray[np.float32]]
MAX_TEXT = 600
"""Symbols of a text over which units are shown."""
MAX_VALUES = 600_000
"""Values that a page contains, each in one byte."""
OPEN, CLOSED = 0.9, 0.1
"""A gate above the one is open, below the other closed."""
INPUTS = ("x_gates", "h_gates", "x_proj", "h_proj", "gates")
"""Tensors that are sums before an activation, or that hold several gates."""


def units(model: Model, texts: Sequence[ReadText]) -> Section:
    """Return the values of the units of every layer over the texts, and the statistics of gates."""
    if not texts:
        return {"left_out": NO_TEXT}
    read = _shortened(texts)
    parts = [_values(model, ids) for ids in read]
    values = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    ids = np.concatenate(read)
    kept = max(1, MAX_VALUES // (len(ids) * len(values)))
    hidden = model.network.hidden_size
    origins = list(dict.fromkeys(each.origin for each in texts[: len(read)]))
    return {
        "heading": "What single units do",
        "tracked": [],
        "origin": " and ".join(origins),
        "ids": ids.tolist(),
        "starts": np.cumsum([0, *(len(part) for part in read[:-1])]).tolist(),
        "shortened": sum(len(each.ids) for each in texts) > len(ids),
        "hidden": hidden,
        "kept": min(kept, hidden),
        "tensors": [_tensor(layer, name, array, kept) for (layer, name), array in values.items()],
    }


def _shortened(texts: Sequence[ReadText]) -> list[npt.NDArray[Any]]:
    """Return the ids of texts, MAX_TEXT symbols in all."""
    read: list[npt.NDArray[Any]] = []
    for each in texts:
        left = MAX_TEXT - sum(map(len, read))
        if left > 1:
            read.append(each.ids[:left])
    return read


def _values(model: Model, ids: npt.NDArray[Any]) -> Values:
    """Return every tensor [T H] of the steps, by layer and name; the output h of each layer is first."""
    read = ids.astype(np.int64)
    inputs = TraceInput(model.network, model.vocabulary, model.arrays, (read,), (read[1:],))
    steps: dict[tuple[int, str], list[Any]] = {}
    for tensor in trace(inputs):
        wanted = tensor.step is not None and tensor.symbolic_axes == "B H" and tensor.name not in INPUTS
        if wanted and tensor.layer is not None:
            steps.setdefault((tensor.layer, tensor.name), []).append(tensor.values[0])
    order = sorted(steps, key=lambda key: (key[0], key[1] != "h"))
    return {key: np.stack(steps[key]) for key in order}


def _tensor(layer: int, name: str, values: npt.NDArray[np.float32], kept: int) -> dict[str, Any]:
    """Return the values of the units that vary most, in one byte each, relative to the unit's largest."""
    order = np.argsort(-values.std(0), kind="stable")[:kept]
    is_gate = bool(values.min() >= 0 and values.max() <= 1 and name not in ("h", "s"))
    middle = 0.5 if is_gate else 0.0
    centered = values[:, order] - middle
    scale = np.full(len(order), 0.5) if is_gate else np.maximum(np.abs(centered).max(0), 1e-9)
    quantized = np.clip(np.round(centered / scale * 127), -127, 127).astype(np.int8)
    statistics: dict[str, float] = {"mean": float(values.mean()), "deviation": float(values.std())}
    if is_gate:
        statistics |= {"open": float((values > OPEN).mean()), "closed": float((values < CLOSED).mean())}
    return {
        "layer": layer,
        "name": name,
        "is_gate": is_gate,
        "units": order.tolist(),
        "middle": middle,
        "scales": [float(f"{value:.4g}") for value in scale.tolist()],
        "values": base64_of(quantized.T),
        "statistics": {key: float(f"{value:.4g}") for key, value in statistics.items()},
    }
