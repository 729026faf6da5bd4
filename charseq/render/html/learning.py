"""The sections about training: loss and accuracy over epochs, samples, and the evolution of predictions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from charseq.inspection.reported_run import ReportedRun
from charseq.inspection.text_predictions import predict_text
from charseq.render.quantities import floored
from charseq.render.visible import visible
from charseq.runs.run_log import number, text

Section = dict[str, Any]
MAX_POINTS = 1500
"""The most evaluations of a curve; others are left out evenly."""
MAX_SAMPLES = 60
MAX_SAMPLE = 400
"""Characters of a sample."""
MAX_CELLS = 8000
"""The most characters of an evolution, over all epochs."""
MAX_ROWS = 200
MAX_STRINGS = 12
MAX_POSITIONS = 120
LOSSES = (
    ("validation_loss", "validation"),
    ("network_validation_loss", "validation, network alone"),
    ("ngram_validation_loss", "validation, n-grams alone"),
    ("loss", "training"),
)
"""The curves of the losses, the most important first."""
ACCURACIES = (("validation_accuracy", "validation"), ("accuracy", "training"))


def learning(run: ReportedRun) -> Section:
    """Return loss and accuracy at every evaluation, and the samples."""
    events = run.log.evaluations
    xs = [_passes(event) for event in events]
    points = [(x, event) for x, event in zip(xs, events, strict=True) if x is not None]
    if not points and text(run.log.end, "status") == "imported":
        return {"left_out": "The model was imported, without the log of its training."}
    if not points:
        return {"left_out": "The log has no evaluation: the run ended within its first epoch, or has no log."}
    saved = _saved_passes(run)
    kept = thinned(points, MAX_POINTS, keep=[i for i, (x, _) in enumerate(points) if x == saved])
    losses = _curves(LOSSES, [event for _, event in kept])
    if {curve["name"] for curve in losses} >= {"validation", "validation, network alone"}:
        same = losses[0]["values"] == losses[1]["values"]  # without an n-gram model
        losses = [curve for curve in losses if not (same and curve["name"] == "validation, network alone")]
    samples = [(x, sample) for x, event in points if (sample := text(event, "sample"))]
    return {
        "heading": _learning_heading(run, saved),
        "passes": [round(x, 4) for x, _ in kept],
        "losses": losses,
        "accuracies": _curves(ACCURACIES, [event for _, event in kept]),
        "best": saved,
        "samples": [[round(x, 4), _sample(run, sample)] for x, sample in thinned(samples, MAX_SAMPLES)],
    }


def evolution(run: ReportedRun) -> Section:
    """Return the predicted symbols of every epoch beside the targets, at most MAX_CELLS of them."""
    rows = [(event, ids) for event in run.log.epochs if (ids := _ids(run, event, "predicted_ids"))]
    if not rows:
        return {"left_out": "The log contains no predictions."}
    targets = _ids(run, rows[-1][0], "target_ids")
    shape = [len(string) for string in targets]
    rows = [(event, ids) for event, ids in rows if [len(string) for string in ids] == shape]
    if not targets or not rows:
        return {"left_out": "The log has no targets beside its predictions."}
    heading = _last_learned(run, [ids for _, ids in rows], targets)
    strings = range(min(len(targets), MAX_STRINGS))
    positions = sum(min(len(targets[s]), MAX_POSITIONS) for s in strings)
    saved = number(run.log.end, "epoch")
    keep = [i for i, (event, _) in enumerate(rows) if event.get("epoch") == saved]
    rows = thinned(rows, max(2, min(MAX_ROWS, MAX_CELLS // max(positions, 1))), keep=keep)
    return {
        "heading": heading,
        "targets": [targets[s][:MAX_POSITIONS] for s in strings],
        "rows": [
            {
                "epoch": event.get("epoch"),
                "loss": _rounded(number(event, "loss")),
                "accuracy": _rounded(number(event, "accuracy")),
                "predicted": [ids[s][:MAX_POSITIONS] for s in strings],
            }
            for event, ids in rows
        ],
        "saved": saved,
        "probabilities": _probabilities(run, targets, strings),
        "shortened": len(targets) > MAX_STRINGS or max(shape) > MAX_POSITIONS,
        "all_epochs": len(rows) == len(run.log.epochs),
        "memorized": bool(run.model.memorized) if run.model else bool(run.log.start.get("whole")),
    }


def thinned(rows: Sequence[Any], count: int, keep: Iterable[int] = ()) -> list[Any]:
    """Return at most about `count` rows: the first, the last, those to keep, and others evenly."""
    last = len(rows) - 1
    if last < count:
        return list(rows)
    chosen = {round(i * last / (count - 1)) for i in range(count)} | set(keep)
    return [rows[i] for i in sorted(chosen)]


def _passes(event: Mapping[str, Any]) -> float | None:
    """Return the passes over the text at an event; early logs have its epoch only."""
    passes = number(event, "passes")
    return number(event, "epoch") if passes is None else passes


def _saved_passes(run: ReportedRun) -> float | None:
    """Return the passes after which the saved weights were measured."""
    for record in (run.log.end, run.model.training if run.model else {}):
        passes = number(record, "passes") if "passes" in record else number(record, "epoch")
        if passes:
            return passes
    return None


def _curves(names: Sequence[tuple[str, str]], events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the curves that have any value."""
    curves = [
        {"name": name, "values": [_rounded(number(event, field)) for event in events]}
        for field, name in names
    ]
    return [curve for curve in curves if any(value is not None for value in curve["values"])]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _sample(run: ReportedRun, sample: str) -> str:
    """Return a sample as visible text; the tab that ends a label is kept."""
    keep = "\n\t" if run.model and run.model.vocabulary.labels else "\n"
    return visible(sample if len(sample) <= MAX_SAMPLE else sample[: MAX_SAMPLE - 3] + "...", keep=keep)


def _learning_heading(run: ReportedRun, saved: float | None) -> str:
    if text(run.log.end, "status") == "diverged":
        return "Training diverged"
    if saved is None:
        return "Loss and accuracy"
    epochs = "epoch" if floored(saved) == "1" else "epochs"
    if len(run.log.evaluations) == 1:
        return f"Evaluated once, after {floored(saved)} {epochs}"
    if number(run.log.end, "validation_loss") is not None:
        return f"The validation loss was lowest after {floored(saved)} {epochs}"
    if number(run.log.end, "accuracy") == 1:
        return f"All {run.unit}s are correct after {floored(saved)} {epochs}"
    return f"The saved weights are those after {floored(saved)} {epochs}"


def _ids(run: ReportedRun, event: Mapping[str, Any], name: str) -> list[list[int]]:
    """Return the ids of an event, string by string; empty if there are none, or if one has no symbol."""
    strings: list[list[int]] = event[name]
    is_known = all(0 <= i < len(run.symbols) for string in strings for i in string)
    return strings if is_known and any(strings) else []


def _last_learned(
    run: ReportedRun, epochs: Sequence[list[list[int]]], targets: Sequence[Sequence[int]]
) -> str:
    """Return a sentence that names the position that was correct last, if there is one such position."""
    if not run.model or not run.model.memorized or len(targets) > 1 or epochs[-1][0] != targets[0]:
        return "Predictions over the epochs"
    target = targets[0]
    since = [
        max((e + 1 for e, ids in enumerate(epochs) if ids[0][t] != target[t]), default=0)
        for t in range(len(target))
    ]
    latest = max(since)
    if latest == 0 or since.count(latest) > 1:
        return "Predictions over the epochs"
    at = since.index(latest)
    from charseq.render.html.symbols import symbol_sign

    sign = symbol_sign(run.symbols[target[at]], run.unit)
    times = [t for t in range(len(target)) if target[t] == target[at]]
    which = "" if len(times) == 1 else f"the {_ordinal(times.index(at) + 1)} "
    return f"The network learned {which}‘{sign}’ last"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    words = ("first", "second", "third", "fourth", "fifth")
    return words[number - 1] if number <= len(words) else f"{number}{ending}"


def _probabilities(
    run: ReportedRun, targets: Sequence[Sequence[int]], strings: range
) -> list[list[float]] | None:
    """Return the probability of the most likely symbol at each position for the saved weights, if known.

    It is known where the log shows the memorized strings, because the model file has them whole.
    """
    if run.model is None or not run.model.memorized:
        return None
    found = []
    for s in strings:
        ids = run.model.vocabulary.encode_text(run.model.memorized[s], begin=True, end=True).ids
        if ids[1:].tolist() != list(targets[s]):
            return None
        predictions = predict_text(run.model, ids[: MAX_POSITIONS + 1])
        found.append([round(p, 4) for p in predictions.top_probabilities[:, 0].tolist()])
    return found
