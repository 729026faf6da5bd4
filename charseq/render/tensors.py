"""The values of a tensor, rounded for people, in lines of numbers beside what they belong to."""

import math
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from charseq.inspection.tracing import TracedTensor
from charseq.model.numpy_ops import Floats
from charseq.render.marked import piece

PAST_THE_END = "∅"
BLANK = "␣"
MOST_LINES = 16
MOST_VALUES = 128
"""What is more is summed up."""
GAP = "  "
LABEL_LENGTH = 8
"""Of a text that names its row of a batch."""


def values_text(row: TracedTensor, read: Sequence[Sequence[str]], symbols: Sequence[str], width: int) -> Text:
    """The values of a row in at most `width` cells; a big tensor is summed up in one line.

    Every line is one place: of a batch, or over a sequence, it begins with the symbol that was `read` there,
    and a blank line stands between two texts.  Over the values of a vocabulary stand its symbols.  Zeros are
    dim.
    """
    values = row.values[..., None] if row.symbolic_axes in ("", "B", "B T") else row.values
    values = values[None] if values.ndim == 1 else values
    labels = _labels(row, read, math.prod(values.shape[:-1]))
    numbers = _targets(row, read, symbols) if row.name == "targets" else _numbers(values)
    room = width - cell_len(labels[0])
    across, wide = values.shape[-1], len(numbers.flat[0])
    a_line = max(1, (room + len(GAP)) // (wide + len(GAP)))
    if values.size > MOST_VALUES or len(labels) * math.ceil(across / a_line) > MOST_LINES:
        return _summed_up(values)
    shown = Text()
    if across == len(symbols) <= a_line and (row.symbolic_axes.endswith("V") or row.name == "input"):
        heads = GAP.join(named(symbol).rjust(wide) for symbol in symbols)
        shown.append(" " * cell_len(labels[0]) + heads + "\n", "bold")
    texts = values.shape[0] if row.symbolic_axes.startswith("B T") else 1
    zeros = (values == 0).reshape(-1, across)
    for i, (label, line) in enumerate(zip(labels, numbers.reshape(-1, across), strict=True)):
        if i:
            shown.append("\n\n" if i % (len(labels) // texts) == 0 else "\n")
        shown.append(label, "bold")
        for k, number in enumerate(line):
            if k:
                shown.append(GAP if k % a_line else "\n" + " " * cell_len(label))
            shown.append(str(number), "dim" if zeros[i, k] else "")
    return shown


def read_at(read: Sequence[Sequence[str]], step: int) -> list[str]:
    """The symbols that the batch reads at a step; past a text's end stands a sign of its own."""
    return [named(text[step]) if step < len(text) else PAST_THE_END for text in read]


def named(symbol: str) -> str:
    """A symbol as something that can be seen."""
    return BLANK if symbol == " " else piece(symbol)


def _targets(
    row: TracedTensor, read: Sequence[Sequence[str]], symbols: Sequence[str]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.str_]]":
    """The ids to predict [B T 1] with their symbols; a dash where nothing follows."""
    closed = symbols[:1] == ("",)  # a line ends in a boundary, which is predicted, too
    texts = [
        f"{int(i)} {named(symbols[int(i)])}" if t < len(text) - (not closed) else "-"
        for text, ids in zip(read, row.values, strict=True)
        for t, i in enumerate(ids)
    ]
    return np.array(texts)[:, None]


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


def _labels(row: TracedTensor, read: Sequence[Sequence[str]], count: int) -> list[str]:
    """What stands before each of `count` lines: the symbol read there where a line is one place of a text."""
    places = range(max(map(len, read)))
    if row.symbolic_axes.startswith(("B T", "BT")):
        labels = [symbol for text in read for symbol in (read_at([text], t)[0] for t in places)]
    elif row.symbolic_axes.startswith("B") and count == len(read) > 1:
        whole = ["".join(map(named, text)) for text in read]
        labels = read_at(read, row.step) if row.step is not None else [t[:LABEL_LENGTH] for t in whole]
    else:
        return [""] * count
    widest = max(map(cell_len, labels))
    return [label + " " * (widest - cell_len(label)) + GAP for label in labels]


def _summed_up(values: Floats) -> Text:
    if np.issubdtype(values.dtype, np.integer):
        return Text(f"{values.size:,} ids from {values.min()} to {values.max()}", "dim")
    return Text(
        f"{values.size:,} values from {values.min():.4f} to {values.max():.4f}, mean {values.mean():.4f}",
        "dim",
    )
