"""The one place where characters become safe to show: shown, never obeyed."""

import unicodedata

from charseq.text.units import Unit

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control, format (bidirectional, zero-width), unpaired surrogate, line and paragraph separator."""

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str, *, keep: str = "") -> str:
    r"""Replace every character that a terminal would obey or hide by an escape such as \x1b or \u202e.

    Characters in `keep` stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or unicodedata.category(c) not in _HIDDEN else escape(c) for c in text)


def escaped(text: str, unit: Unit) -> str:
    r"""Text in one line, as `--escapes` reads it: backslashes doubled, and what is hidden as escapes.

    Of bytes, \xHH is a byte that is no part of a character in UTF-8.
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
    """One character as Python writes it in a string."""
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no part of a character in UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
