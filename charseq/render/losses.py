"""The sequence loss, position by position: a table, plain lines, or one JSON object."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from charseq.inspection.sequence_loss import SequenceLoss
from charseq.inspection.tracing import TraceInput
from charseq.render.base import JSONLines, PlainLines, TableAtEnd, View
from charseq.render.symbols import symbol_name
from charseq.text.units import displayable

DECIMALS = 6
EMPTY = "-"
MAX_SHOWN_LOGITS = 12
"""The number of classes from which a table leaves out the logits and their softmax."""


@dataclass(frozen=True)
class LossView:
    """The loss of logits, or of a network over texts, whose symbols are then shown."""

    loss: SequenceLoss
    inputs: TraceInput | None = None
    about: str = ""
    """The network and the origin of its weights."""

    @property
    def rows(self) -> Iterator[dict[str, Any]]:
        """The positions of all rows of the batch, in order, as JSON values."""
        return (self._row(b, t) for b, t in _positions(self.loss))

    @property
    def record(self) -> dict[str, Any]:
        """The loss, the sum of the weights and all positions, as JSON values."""
        total = float(self.loss.weights.sum())
        return {"loss": float(self.loss.mean), "total_weight": total, "positions": [*self.rows]}

    def _row(self, b: int, t: int) -> dict[str, Any]:
        loss = self.loss
        weight, nats = float(loss.weights[b, t]), float(loss.cross_entropies[b, t])
        if self.inputs is None:
            return {
                "row": b, "position": t, "logits": loss.logits[b, t].tolist(),
                "softmax": loss.probabilities[b, t].tolist(), "target": int(loss.targets[b, t]),
                "cross_entropy": nats, "weight": weight,
            }  # fmt: skip
        read, targets = self.inputs.sequences[b], self.inputs.targets[b]
        symbols, has_target = self.inputs.vocabulary.symbols, t < len(targets)
        probability = float(loss.probabilities[b, t, loss.targets[b, t]])
        return {
            "text": b, "position": t, "input": symbols[read[t]] if t < len(read) else None,
            "target": symbols[targets[t]] if has_target else None,
            "probability": probability if has_target else None,
            "cross_entropy": nats if has_target else None, "weight": weight,
        }  # fmt: skip


def _positions(loss: SequenceLoss) -> Iterator[tuple[int, int]]:
    rows, steps = loss.targets.shape
    return ((b, t) for b in range(rows) for t in range(steps))


def _columns(view: LossView) -> list[str]:
    return [name.replace("_", "-") for name in next(view.rows)]


def _fields(view: LossView) -> Iterator[list[str]]:
    """Yield the fields of each position, and of the loss in a last line named mean."""
    unit = "character" if view.inputs is None else view.inputs.vocabulary.unit
    names: list[str] = []
    for row in view.rows:
        names = names or [*row]
        yield [_field(value, unit) for value in row.values()]
    values = {names[0]: "mean", "cross_entropy": _number(view.loss.mean)}
    values["weight"] = _number(view.loss.weights.sum())
    yield [values.get(name, EMPTY) for name in names]


def _field(value: Any, unit: str) -> str:
    if value is None:
        return EMPTY
    if isinstance(value, str):
        return symbol_name(displayable([value], unit)[0])
    if isinstance(value, list):
        return " ".join(map(_number, value))
    return str(value) if isinstance(value, int) else _number(value)


def _number(value: float) -> str:
    number = float(value)
    return f"{number:.{DECIMALS}f}" if number == 0 or 1e-4 <= abs(number) < 1e6 else f"{number:.6g}"


def _print_table(events: Sequence[LossView], output: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    from charseq.render.columns import print_columns

    console = Console(file=output)
    (view,) = events
    columns, *rows = _columns(view), *_fields(view)
    hidden = {"row", "text"} if len(view.loss.targets) == 1 else set()
    hidden |= {"logits", "softmax"} if view.loss.logits.shape[-1] > MAX_SHOWN_LOGITS else set()
    shown = [i for i, name in enumerate(columns) if name not in hidden]
    rows[-1][shown[0]] = "mean"
    if view.about:
        console.print(Text(view.about, "dim"))
    styles = ["dim" if float(row[columns.index("weight")]) == 0 else "" for row in rows[:-1]]
    print_columns(
        console, [columns[i] for i in shown], [[row[i] for i in shown] for row in rows],
        foldable={"logits", "softmax"}, styles=[*styles, "bold"],
    )  # fmt: skip
    weighted, total = _number(view.loss.weighted.sum()), _number(view.loss.weights.sum())
    console.print(Text("loss = sum(weight * cross-entropy) / sum(weight)"))
    console.print(Text(f"     = {weighted} / {total} = {_number(view.loss.mean)} nats", "bold"))


def loss_view(view: LossView) -> View[LossView]:
    """Return the renderers of a loss."""
    return View(
        table=lambda output: TableAtEnd(output, _print_table),
        plain=lambda output: PlainLines(output, _columns(view), _fields),
        json=partial(JSONLines, record=lambda event: event.record),
    )
