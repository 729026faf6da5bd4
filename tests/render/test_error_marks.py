"""Errors of a prediction are marked by color, and by carets for screens without color."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from charseq.render.error_marks import mark_errors
from charseq.render.visible import visible


def marked(predicted: str | list[str], target: str | list[str], *, width: int = 20, lines: int = 1) -> str:
    return mark_errors(list(predicted), list(target), width=width, lines=lines).plain


def test_a_wide_character_has_carets_as_wide() -> None:
    assert marked("가a나", "가b다") == "가a나\n  ^^^"


def test_a_text_that_does_not_fit_ends_in_an_ellipsis_or_continues_in_the_next_line() -> None:
    letters = "abcdefghij"
    assert marked(letters, letters, width=5) == "abcd…"
    assert marked(letters, letters, width=5, lines=3) == "abcde\nfghij"
    assert marked(letters, "abcdefghix", width=4, lines=3) == "abcd\nefgh\nij\n ^"


def test_a_text_of_several_lines_has_its_target_below_errors_in_columns() -> None:
    def lines(predicted: str, target: str, width: int) -> list[str]:
        text = mark_errors(list(predicted), list(target), width=width, lines=5, with_target=True).plain
        return text.splitlines()

    assert lines("abcdefgh", "abxdefgh", 4) == ["abcd", "  ^", "abxd", "efgh"]
    assert lines("가b다d", "a나다d", 5) == ["가b ", "^^^^", "a 나", "다d"]
    assert lines("abcd", "abxd", 4) == ["abcd", "  ^"]


def test_a_wrong_space_is_visible() -> None:
    assert marked("  a", "a a") == "· a\n^"


def test_the_boundary_of_lines_is_visible() -> None:
    assert marked(["e", ""], ["e", ""]) == "e⏎"


@pytest.mark.parametrize("text", ["대한", "é", "ấ"])
def test_a_mark_that_is_correct_or_wrong_with_its_character_joins_it(text: str) -> None:
    symbols = unicodedata.normalize("NFD", text)
    assert marked(symbols, symbols) == text
    carets = "^" * cell_len(text)
    assert marked(symbols, "x" * len(symbols)) == f"{text}\n{carets}"


def test_a_mark_that_joins_no_character_is_escaped() -> None:
    for predicted, target, first_line in (
        ("e\u0301", "ex", "e\\u0301"),
        ("\u202e\u0301", "\u202e\u0301", "\\u202e\\u0301"),
        ("x\u0301", "x\u0301", "x\\u0301"),
        ("\u0301", "\u0301", "\\u0301"),
    ):
        assert marked(predicted, target).splitlines()[0] == first_line


@given(st.text(st.characters(codec=None, exclude_categories=[]), min_size=1, max_size=30))
def test_any_prediction_is_drawn_without_control_characters(text: str) -> None:
    lines = marked(text, text[::-1], lines=3).splitlines()
    assert all(visible(line) == line for line in lines)
