"""The values of a tensor as text: rounded numbers, in lines that are labeled with symbols."""

import math
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from charseq.inspection.tracing import TracedTensor
from charseq.model.numpy_ops import Floats
from charseq.render.diverging import Palette, Scale
from charseq.render.symbols import symbol_name

PAST_THE_END = "∅"
"""The sign for a position past the end of a text in a batch."""
MAX_LINES = 16
MAX_VALUES = 128
"""The size of a tensor from which a heat map is shown instead of numbers."""
MAX_MAP_ROWS = 8
"""The number of lines of a heat map."""
VALUES_FROM = " values from "
"""The words between the number and the range of the values of a heat map."""
GAP = "  "
MAX_LABEL = 8
"""The number of columns of a text that labels its row of a batch."""

Strings = np.ndarray[tuple[int, ...], np.dtype[np.str_]]


def values_text(
    row: TracedTensor, texts: Sequence[Sequence[str]], symbols: Sequence[str], width: int, palette: Palette
) -> Text:
    """Return the values of a tensor in at most `width` columns; those of a large tensor as a heat map.

    A line has the values of one position, after the symbol at that position of `texts`.  Blank lines separate
    texts.  Values over a vocabulary are below its symbols.  Zeros are dim.
    """
    values = row.values[..., None] if row.symbolic_axes in ("", "B", "B T") else row.values
    values = values[None] if values.ndim == 1 else values
    labels = _labels(row, texts, math.prod(values.shape[:-1]))
    numbers = _targets(row, texts, symbols) if row.name == "targets" else _numbers(values)
    label_width = cell_len(labels[0])
    size, number_width = values.shape[-1], len(numbers.flat[0])
    per_line = max(1, (width - label_width + len(GAP)) // (number_width + len(GAP)))
    if values.size > MAX_VALUES or len(labels) * math.ceil(size / per_line) > MAX_LINES:
        return _heat_map(values, labels, width, palette)
    shown = Text()
    if size == len(symbols) <= per_line and (row.symbolic_axes.endswith("V") or row.name == "input"):
        heads = GAP.join(symbol_name(symbol).rjust(number_width) for symbol in symbols)
        shown.append(" " * label_width + heads + "\n", "bold")
    text_count = values.shape[0] if row.symbolic_axes.startswith("B T") else 1
    is_zero = (values == 0).reshape(-1, size)
    for i, (label, line) in enumerate(zip(labels, numbers.reshape(-1, size), strict=True)):
        if i:
            shown.append("\n\n" if i % (len(labels) // text_count) == 0 else "\n")
        shown.append(label, "bold")
        for k, number in enumerate(line):
            if k:
                shown.append(GAP if k % per_line else "\n" + " " * label_width)
            shown.append(str(number), "dim" if is_zero[i, k] else "")
    return shown


def symbols_at(texts: Sequence[Sequence[str]], step: int) -> list[str]:
    """Return the symbol of each text at a step, or a sign past its end."""
    return [symbol_name(text[step]) if step < len(text) else PAST_THE_END for text in texts]


def _targets(row: TracedTensor, texts: Sequence[Sequence[str]], symbols: Sequence[str]) -> Strings:
    """Return target ids [B T 1] with their symbols; a dash at the last position, which has no target."""
    has_boundary = symbols[:1] == ("",)  # the end of a line is a target, too
    shown = [
        f"{int(i)} {symbol_name(symbols[int(i)])}" if t < len(text) - (not has_boundary) else "-"
        for text, ids in zip(texts, row.values, strict=True)
        for t, i in (enumerate(ids) if row.step is None else [(row.step, ids)])
    ]
    return np.array(shown)[:, None]


def _numbers(values: Floats) -> Strings:
    """Return values as text of equal width: integers, or four decimals."""
    flat = [float(value) for value in values.flat]
    if all(value.is_integer() and abs(value) < 1e6 for value in flat):
        texts = [f"{value:.0f}" for value in flat]
    elif any(abs(value) >= 1000 for value in flat):
        texts = [f"{value:.3e}" for value in flat]
    else:
        texts = [f"{value:.4f}" if value == 0 or abs(value) >= 5e-5 else f"{value:.0e}" for value in flat]
    width = max(map(len, texts))
    return np.array([text.rjust(width) for text in texts]).reshape(values.shape)


def _labels(row: TracedTensor, texts: Sequence[Sequence[str]], lines: int) -> list[str]:
    """Return the label of each line: the symbol at its position, or the text of its row of a batch."""
    positions = range(max(map(len, texts)))
    if row.symbolic_axes.startswith(("B T", "BT")):
        labels = [symbols_at([text], position)[0] for text in texts for position in positions]
    elif row.symbolic_axes.startswith("B") and lines == len(texts) > 1:
        if row.step is not None:
            labels = symbols_at(texts, row.step)
        else:
            labels = ["".join(map(symbol_name, text))[:MAX_LABEL] for text in texts]
    else:
        return [""] * lines
    width = max(map(cell_len, labels))
    return [label + " " * (width - cell_len(label)) + GAP for label in labels]


def is_heat_map(text: Text) -> bool:
    """Return whether `values_text` has drawn a heat map."""
    return VALUES_FROM in text.plain


def _heat_map(values: Floats, labels: Sequence[str], width: int, palette: Palette) -> Text:
    """Return the range of values [... N], and below it a cell for each value, or for each block of values."""
    size = f"{values.size:,}"
    if np.issubdtype(values.dtype, np.integer):
        return Text(f"{size} ids from {values.min()} to {values.max()}", "dim")
    shown = Text(f"{size}{VALUES_FROM}{values.min():.4f} to {values.max():.4f}", "dim")
    matrix = values.reshape(-1, values.shape[-1])
    height = math.ceil(len(matrix) / MAX_MAP_ROWS)
    labels = labels if height == 1 else [""] * len(labels)
    columns = max(1, width - cell_len(labels[0]))
    block = math.ceil(matrix.shape[1] / columns)
    if height * block > 1:
        shown.append(f" ({height}x{block})")
    levels = Scale.of(matrix).levels(_pooled(matrix, height, block)).tolist()
    for label, line in zip(labels, levels, strict=False):
        shown.append("\n").append(label, "not dim bold")
        for level in line:
            cell, style = palette.cell(level)
            shown.append(cell, f"not dim {style}")
    return shown


def _pooled(matrix: Floats, height: int, width: int) -> Floats:
    """Return the value of the largest magnitude in each block of a matrix [R C] -> [R/height C/width]."""
    rows, columns = math.ceil(matrix.shape[0] / height), math.ceil(matrix.shape[1] / width)
    padded = np.zeros((rows * height, columns * width), matrix.dtype)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    blocks = padded.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows, columns, -1)
    largest = np.abs(blocks).argmax(-1)[..., None]
    return np.asarray(np.take_along_axis(blocks, largest, -1)[..., 0])
