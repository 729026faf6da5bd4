"""Axes of drawings on the terminal: positions and labels of their ticks."""

import math
from collections.abc import Sequence
from itertools import count

STEPS = (1, 2, 5)
"""The first digits of the distance between two ticks."""


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most `most` round numbers from `low` to `high`; whole ones if asked."""
    span = (high - low) / max(1, most - 1)
    power = math.floor(math.log10(span)) if span > 0 else 0
    steps = (digit * 10.0**exponent for exponent in count(power) for digit in STEPS)
    for step in steps:
        if whole and not step.is_integer():
            continue
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [number * step for number in range(first, last + 1)]
    raise AssertionError("there is always a larger step")


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers from `low` to `high` for a log scale."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = [10.0**exponent for exponent in range(first, last + 1)]
    for digits in (STEPS, (1, 3), (1,)):
        shown = [d * power for power in powers for d in digits if low <= d * power <= high]
        if 2 <= len(shown) <= most:
            return shown
    shown = [power for power in powers if low <= power <= high]
    if len(shown) > most:
        return shown[:: math.ceil(len(shown) / most)]
    return shown if len(shown) > 1 else ticks(low, high, most)


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return numbers as text, all with the decimals that tell them apart."""
    if any(value and not 1e-4 <= abs(value) < 1e6 for value in values):
        return [f"{value:.3g}" for value in values]
    decimals = next(d for d in count() if all(round(v, d) == round(v, 9) for v in values) or d > 6)
    return [f"{value:,.{decimals}f}" for value in values]


def place(labels: Sequence[str], columns: Sequence[int], width: int) -> str:
    """Return labels in a line, each centered at its column; those without room are left out."""
    line = ""
    for label, column in zip(labels, columns, strict=True):
        start = max(0, min(column - len(label) // 2, width - len(label)))
        if start >= len(line) + (2 if line else 0):
            line = line.ljust(start) + label
    return line
