"""Single symbols as they appear in a page: each is visible, and no control character is left."""

import unicodedata
from typing import Any

from charseq.inspection.reported_run import ReportedRun
from charseq.render.visible import END_OF_LINE
from charseq.text.units import Unit, displayable
from charseq.text.vocabulary import BOUNDARY

SPACE = "·"
SIGNS = {" ": SPACE, "\n": END_OF_LINE, BOUNDARY: END_OF_LINE, "\t": "TAB", "\r\n": END_OF_LINE}
"""The signs of symbols that are no visible characters."""
CONTROL_NAMES = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "HT",
    "LF",
    "VT",
    "FF",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
]
"""The names of U+0000 to U+001F."""
DOTTED_CIRCLE = "◌"
"""What a combining mark without a base is shown on."""
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
"""Unicode categories whose characters are shown by name or number."""


def symbol_sign(symbol: str, unit: Unit | str) -> str:
    """Return a symbol as visible text: a sign, the character itself, or the name of a control character."""
    if symbol in SIGNS:
        return SIGNS[symbol]
    (shown,) = displayable([symbol], unit)
    if unicodedata.category(shown[0]).startswith("M"):
        shown = DOTTED_CIRCLE + shown
    if len(shown) > 1:  # a grapheme cluster: format characters within it, such as joiners, belong to it
        return "".join(
            c if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") else _name(c) for c in shown
        )
    return _name(shown) if unicodedata.category(shown) in HIDDEN else shown


def symbol_data(run: ReportedRun) -> dict[str, Any]:
    """Return what a page knows of the symbols: how each is shown, and how text is segmented into them."""
    vocabulary = run.model.vocabulary if run.model else None
    return {
        "symbols": [symbol_sign(symbol, run.unit) for symbol in run.symbols],
        "vocabulary": {
            "raw": list(run.symbols),
            "unit": run.unit,
            "normalization": vocabulary.normalization if vocabulary else "none",
            "labels": list(vocabulary.labels) if vocabulary else [],
            "boundary": bool(vocabulary and vocabulary.boundary),
        },
    }


def _name(character: str) -> str:
    r"""Return the name of an invisible character: ESC, \xff, or U+202E."""
    code = ord(character)
    if code < len(CONTROL_NAMES):
        return CONTROL_NAMES[code]
    if code == 0x7F:
        return "DEL"
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogate escape of a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"U+{code:04X}"
