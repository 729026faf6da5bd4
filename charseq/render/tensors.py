"""The values of a tensor, rounded for people, in lines of numbers beside what they belong to."""

import math
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from charseq.arrays import Floats
from charseq.render.marked import piece
from charseq.shapes import Row

PAST_THE_END = "·"
MOST_LINES = 24
MOST_VALUES = 240
GAP = "  "


def values_text(row: Row, read: Sequence[Sequence[str]], width: int) -> Text:
    """The values of a row in at most `width` cells; a big tensor is summed up in one line.

    Every line is one place: of a batch, or over a sequence, it begins with the symbol that was `read` there,
    and a blank line stands between two texts.  Zeros are dim.
    """
    values = row.values[..., None] if row.letters in ("", "B", "B T") else row.values
    labels = _labels(row, read, math.prod(values.shape[:-1]))
    numbers = _numbers(values)
    room = width - cell_len(labels[0])
    a_line = max(1, (room + len(GAP)) // (len(numbers.flat[0]) + len(GAP)))
    height = len(labels) * math.ceil(values.shape[-1] / a_line)
    if values.size > MOST_VALUES or height > MOST_LINES:
        return _summed_up(values)
    texts = values.shape[0] if row.letters.startswith("B T") else 1
    shown = Text()
    for i, label in enumerate(labels):
        if i:
            shown.append("\n\n" if i % (len(labels) // texts) == 0 else "\n")
        line, is_zero = (
            numbers.reshape(-1, values.shape[-1])[i],
            (values == 0).reshape(-1, values.shape[-1])[i],
        )
        shown.append(label, "bold")
        for k, (number, zero) in enumerate(zip(line, is_zero, strict=True)):
            if k:
                shown.append(GAP if k % a_line else "\n" + " " * cell_len(label))
            shown.append(str(number), "dim" if zero else "")
    return shown


def read_at(read: Sequence[Sequence[str]], step: int) -> list[str]:
    """The symbols that the batch reads at a step; nothing stands past a text's end."""
    return [piece(text[step]) if step < len(text) else PAST_THE_END for text in read]


def _numbers(values: Floats) -> "np.ndarray[tuple[int, ...], np.dtype[np.str_]]":
    """Every value as text, all equally wide: whole numbers as they are, others with four places."""
    flat = [float(value) for value in values.flat]
    if all(value.is_integer() and abs(value) < 1e6 for value in flat):
        texts = [f"{value:.0f}" for value in flat]
    elif any(abs(value) >= 1000 for value in flat):
        texts = [f"{value:.3e}" for value in flat]
    else:
        texts = [f"{value:.4f}" if value == 0 or abs(value) >= 5e-5 else f"{value:.0e}" for value in flat]
    widest = max(map(len, texts))
    return np.array([text.rjust(widest) for text in texts]).reshape(values.shape)


def _labels(row: Row, read: Sequence[Sequence[str]], count: int) -> list[str]:
    """What stands before each of `count` lines: the symbol read there where a line is one place of a text."""
    places = range(max(map(len, read)))
    if row.letters.startswith(("B T", "BT")):
        labels = [symbol for text in read for symbol in (read_at([text], t)[0] for t in places)]
    elif row.step is not None and count == len(read) > 1:
        labels = read_at(read, row.step)
    else:
        return [""] * count
    widest = max(map(cell_len, labels))
    return [label + " " * (widest - cell_len(label)) + GAP for label in labels]


def _summed_up(values: Floats) -> Text:
    return Text(
        f"{values.size:,} values from {values.min():.4f} to {values.max():.4f}, mean {values.mean():.4f}",
        "dim",
    )
