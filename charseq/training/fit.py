"""Judge from the training and validation losses of a run whether its network underfits or overfits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from charseq.events import Event, Fit, Report

WORSE = 0.003
"""The relative rise of the validation loss above its minimum that shows overfitting."""
STILL_FALLING = 0.008
"""The relative fall of the validation loss in the last quarter of a run that shows underfitting.

tests/benchmarks/README.md has the measurements.
"""
NEGLIGIBLE = 0.02
"""The validation loss in nats per position below which nothing is left to learn."""

EVALUATIONS = {"epoch", Report.event}
"""The names of events that follow an evaluation."""


class Point(NamedTuple):
    """One evaluation; losses are those of the network, in nats per position."""

    passes: float
    loss: float
    validation_loss: float


def judge(curve: Sequence[Point], *, stopped_improving: bool = False) -> Fit | None:
    """Return how a network fits its text; None for fewer than two evaluations.

    It overfits if the validation loss rose after its minimum while the training loss fell further.  It
    underfits if the validation loss was lowest at the end and still falling in the last quarter, unless the
    run ended because that of the whole model had `stopped_improving`.
    """
    if len(curve) < 2:
        return None
    last, best = curve[-1], min(curve, key=lambda point: point.validation_loss)
    if last.validation_loss > (1 + WORSE) * best.validation_loss and last.loss < best.loss:
        return "overfits"
    if stopped_improving or last.validation_loss < NEGLIGIBLE or last is not best:
        return "fits"
    earlier = [point for point in curve if point.passes <= 0.75 * last.passes]
    before = earlier[-1] if earlier else curve[0]
    falling = before.validation_loss > (1 + STILL_FALLING) * last.validation_loss
    return "underfits" if falling else "fits"


def points(events: Iterable[Event | Mapping[str, Any]]) -> list[Point]:
    """Return the evaluations among events, or among their records in a log."""
    found = []
    for event in events:
        record = event if isinstance(event, Mapping) else vars(event) | {"event": event.event}
        values = [record.get(name) for name in ("passes", "loss", "network_validation_loss")]
        if record.get("event") in EVALUATIONS and all(isinstance(value, float) for value in values):
            found.append(Point(*values))  # type: ignore[arg-type]
    return found
