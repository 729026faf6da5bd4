"""Logits, targets and weights that are written by hand, for inspect-loss."""

import json
import math
from typing import TYPE_CHECKING, Any

from charseq.errors import UsageError, quoted

if TYPE_CHECKING:
    from charseq.inspection.sequence_loss import SequenceLoss

EXAMPLE = "--logits '[[0.2, 0.7], [0.6, 0.2]]' --targets '1 0'"
LONGEST_QUOTE = 40
"""Characters of a value that a message quotes."""

Matrix = list[list[float]]


def loss_by_hand(logits: str, targets: str | None, weights: str | None) -> "SequenceLoss":
    """Return the loss of logits in JSON, [T V] or [B T V], of targets and of weights, which default to 1.

    Targets and weights are numbers between spaces or commas, the rows of a batch between semicolons.  Raises
    UsageError.
    """
    import numpy as np

    from charseq.inspection.sequence_loss import SequenceLoss
    from charseq.model.numpy_ops import ignore_overflow

    batch = _batch(_parsed(logits))
    length, classes = len(batch[0]), len(batch[0][0])
    if targets is None:
        raise UsageError("--logits requires --targets", hint=f"write {EXAMPLE}")
    chosen = _rows("--targets", targets, len(batch), length)
    for row in chosen:
        for target in row:
            if target != int(target) or not 0 <= target < classes:
                few = f"a class from 0 to {classes - 1}" if classes > 1 else "0, the only class"
                raise UsageError(
                    f"--targets: {target:g} is not {few}",
                    hint=f"each position has {classes} {'logit' if classes == 1 else 'logits'}",
                )
    weighted = [[1.0] * length] * len(batch)
    if weights is not None:
        weighted = _rows("--weights", weights, len(batch), length)
        if lowest := [weight for row in weighted for weight in row if weight < 0]:
            raise UsageError(
                f"--weights: {lowest[0]:g} is negative", hint="a weight is 0 (masked) or greater"
            )
        if not any(map(any, weighted)):
            raise UsageError(
                "--weights: all weights are 0, so the loss is undefined", hint="give one position a weight"
            )
    with ignore_overflow():
        loss = SequenceLoss(np.array(batch), np.array(chosen, np.int64), np.array(weighted))
        if not (np.isfinite(loss.weighted).all() and math.isfinite(loss.mean)):
            raise UsageError("the loss overflows", hint="use smaller logits and weights")
    return loss


def _parsed(logits: str) -> Any:
    """Parse JSON; NaN and Infinity are parsed, too, and refused with their position."""
    try:
        return json.loads(logits)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "it is too deeply nested"
        raise UsageError(
            f"--logits: {_short(logits)} is not JSON: {reason}", hint=f"write {EXAMPLE}"
        ) from None


def _batch(value: Any) -> list[Matrix]:
    """Return logits as a batch of matrices of equal shape.  Raises UsageError."""
    is_batch = (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(matrix, list) and matrix and all(isinstance(row, list) for row in matrix)
            for matrix in value
        )
    )
    matrices = value if is_batch else [value]
    batch = []
    for number, matrix in enumerate(matrices):
        name = f" of matrix {number}" if is_batch else ""
        if not (isinstance(matrix, list) and matrix and all(isinstance(row, list) for row in matrix)):
            raise UsageError(
                f"--logits: {_short(json.dumps(value))} is not a list of rows of numbers",
                hint=f"write a row for each position: {EXAMPLE}",
            )
        batch.append([_numbers(row, f"position {t}{name}") for t, row in enumerate(matrix)])
        if len(matrix) != len(matrices[0]):
            raise UsageError(
                f"--logits: matrix {number} has {len(matrix)} positions, but matrix 0 has {len(matrices[0])}",
                hint="pad the shorter one, and give the padding the weight 0",
            )
        for t, row in enumerate(batch[-1]):
            if len(row) != len(batch[0][0]):
                raise UsageError(
                    f"--logits: position {t}{name} has {_count(row)}, but position 0 has {len(batch[0][0])}",
                    hint="give every position a logit for each class",
                )
    return batch


def _numbers(row: list[Any], where: str) -> list[float]:
    if not row:
        raise UsageError(f"--logits: {where} is empty", hint="give every position a logit for each class")
    values = []
    for value in row:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(
                f"--logits: {_short(json.dumps(value))} at {where} is not a number",
                hint=f"write {EXAMPLE}",
            )
        values.append(_finite(value, "--logits", f" at {where}"))
    return values


def _rows(option: str, text: str, rows: int, length: int) -> Matrix:
    """Parse the rows of --targets or --weights, and require the number of rows and of positions."""
    parsed = [_row(option, part) for part in text.translate(str.maketrans("[],", "   ")).split(";")]
    if len(parsed) == 1 and rows > 1 and len(parsed[0]) == rows * length and "]" in text:
        parsed = [parsed[0][b * length : (b + 1) * length] for b in range(rows)]  # a JSON list of lists
    if len(parsed) != rows:
        raise UsageError(
            f"{option} has {len(parsed)} {'row' if len(parsed) == 1 else 'rows'}, but --logits has {rows}",
            hint="write the rows of a batch with semicolons between them: '1 1 0; 0 1 1'",
        )
    for number, row in enumerate(parsed):
        if len(row) != length:
            where = f" in row {number}" if rows > 1 else ""
            raise UsageError(
                f"{option} has {_count(row)}{where}, but --logits has {length} positions",
                hint="give one value for each position",
            )
    return parsed


def _row(option: str, text: str) -> list[float]:
    values = []
    for word in text.split():
        try:
            values.append(_finite(float(word), option, f" {word}"))
        except ValueError:
            raise UsageError(
                f"{option}: {_short(word)} is not a number", hint="write numbers with spaces between them"
            ) from None
    return values


def _finite(value: float, option: str, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UsageError(
            f"{option}: the value{where} is {'NaN' if math.isnan(number) else 'infinite'}",
            hint="give finite numbers",
        )
    return number


def _count(row: list[float]) -> str:
    return "1 value" if len(row) == 1 else f"{len(row)} values"


def _short(text: str) -> str:
    return quoted(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "...")
