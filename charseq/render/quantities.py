"""Numbers as people read them: counts, percentages and durations."""

import math


def count(number: int, noun: str, plural: str = "s") -> str:
    """Return a number with its noun: 1 epoch, 2 epochs; `plural` is what a plural adds."""
    return f"{number:,} {noun}" + ("" if number == 1 else plural)


def damage_text(lines: int) -> str:
    """Return what is said about damaged lines of a log, which are not shown."""
    return f"skipped {count(lines, 'damaged line')} of the log"


def passes_text(passes: float) -> str:
    """Return a number of passes over a text, never rounded up: 1 epoch, 2.5 epochs, 0.99 epochs."""
    number = floored(passes)
    return f"{number} epoch" + ("" if number == "1" else "s")


def floored(number: float) -> str:
    """Return a number rounded down to three significant digits, or to an integer: 0.52, 12.9."""
    if not number > 0:
        return "0"
    scale = 10 ** max(0, 2 - math.floor(math.log10(number)))
    return f"{math.floor(round(number * scale, 6)) / scale:,}".removesuffix(".0")


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as a percentage, rounded down, so that only 1 is 100%."""
    scale = 100 * 10**digits
    return f"{math.floor(round(fraction * scale, 6)) / scale:.{digits}%}"


def duration(seconds: float) -> str:
    """Return a duration: 0.8 s, 12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(number: int) -> str:
    """Return a number of bytes: 45.3 kB, 1.2 MB."""
    return f"{number / 1e6:,.1f} MB" if number >= 1e6 else f"{number / 1e3:.1f} kB"


def significant(value: float) -> str:
    """Return a number with three significant digits, without trailing zeros or an exponent: 0.155, 1230."""
    return f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".") if abs(value) >= 1e-6 else f"{value:.3g}"


def measure(value: float | None) -> str:
    """Return a measurement with four significant digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"
