"""The section about single units: the values of every tensor [H] of a step over a text, and its statistics."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from charseq.inspection.reported_run import ReadText, ReportedRun
from charseq.inspection.tracing import TraceInput, trace
from charseq.render.html.reading import NO_MODEL, NO_TEXT, Section, base64_of

Values = dict[tuple[int, str], npt.NDArray[np.float32]]
MAX_TEXT = 600
"""Symbols of a text over which units are shown."""
MAX_VALUES = 600_000
"""Values that a page contains, each in one byte."""
OPEN, CLOSED = 0.9, 0.1
"""A gate above the one is open, below the other closed."""
INPUTS = ("x_gates", "h_gates", "x_proj", "h_proj", "gates")
"""Tensors that are sums before an activation, or that hold several gates."""


def units(run: ReportedRun, texts: Sequence[ReadText]) -> Section:
    """Return the values of the units of every layer over the longest text, and the statistics of gates."""
    if run.model is None:
        return {"left_out": NO_MODEL}
    if not texts:
        return {"left_out": NO_TEXT}
    chosen = max(texts[:1] if run.model.memorized else texts, key=lambda each: min(len(each.ids), MAX_TEXT))
    ids = chosen.ids[:MAX_TEXT]
    values = _values(run, ids)
    kept = max(1, MAX_VALUES // (len(ids) * len(values)))
    hidden = run.model.network.hidden_size
    return {
        "heading": "What single units do",
        "tracked": [],
        "origin": chosen.origin,
        "ids": ids.tolist(),
        "shortened": len(chosen.ids) > len(ids),
        "hidden": hidden,
        "kept": min(kept, hidden),
        "tensors": [_tensor(layer, name, array, kept) for (layer, name), array in values.items()],
    }


def _values(run: ReportedRun, ids: npt.NDArray[Any]) -> Values:
    """Return every tensor [T H] of the steps, by layer and name; the output h of each layer is first."""
    assert run.model is not None
    model = run.model
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
    """Return the values of the units that vary most, in one byte each, relative to the unit's largest value."""
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
