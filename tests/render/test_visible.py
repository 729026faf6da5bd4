"""Control and invisible characters are escaped; every other character is shown as it is."""

import sys
import unicodedata

import pytest

from charseq.render.visible import visible


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [("\x1b[2J", r"\x1b[2J"), ("\n\t\r", r"\n\t\r"), ("\x9b\x7f", r"\x9b\x7f"), ("\u202eabc", r"\u202eabc"),
     ("\u200d\ufeff", r"\u200d\ufeff"),
     ("\ud800", r"\ud800"), ("\u2028", r"\u2028"), ("\U000e0001", r"\U000e0001")],
)  # fmt: skip
def test_hidden_characters_become_visible_escapes(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


def test_ordinary_characters_of_every_script_stay_as_they_are() -> None:
    for text in ("hihello", "대한민국", "שלום", "é", "👩", "[red]:boom:\\"):
        assert visible(text) == text


def test_every_hidden_character_of_unicode_is_escaped() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert visible(chr(code)).isascii()
            assert visible(chr(code)).isprintable()
