"""Make any text safe to print: control characters are shown, never sent to the terminal."""

import unicodedata

from charseq.text.units import Unit

END_OF_LINE = "⏎"
"""The sign for the boundary between lines."""

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that are escaped: control, format, unpaired surrogate, line and paragraph separator."""

_SHORT_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str, *, keep: str = "") -> str:
    r"""Escape control and invisible characters, such as \x1b and \u202e, except those in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _HIDDEN else escape(c) for c in text)


def escaped(text: str, unit: Unit) -> str:
    r"""Return text in one line, as `--escapes` reads it: with escapes, and backslashes doubled.

    If the unit is a byte, \xHH is a byte that is not part of a UTF-8 character.
    """
    shown = text.replace("\\", "\\\\")
    if unit != "byte":
        return visible(shown)
    return "".join(
        f"\\x{ord(c) - 0xDC00:02x}"
        if "\udc80" <= c <= "\udcff"
        else f"\\u{ord(c):04x}"
        if "\x80" <= c <= "\x9f"
        else visible(c)
        for c in shown
    )


def escape(character: str) -> str:
    """Return one character as a Python escape."""
    code = ord(character)
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogate escape of a byte that is not UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def can_encode(characters: str, encoding: str) -> bool:
    """Return whether an encoding has all of some characters."""
    try:
        characters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
