"""The features of a text, worked out by hand."""

from typing import Any

import numpy as np
import pytest

from charseq.errors import TextError, UsageError
from charseq.inspection.text_features import features_of
from charseq.inspection.unit_text import UnitText
from charseq.text.sequences import Sequences
from charseq.text.vocabulary import Vocabulary


def text_of(*strings: str, **plan: Any) -> UnitText:
    return UnitText.of(Vocabulary.of([*strings], **plan), strings)


def feature(text: UnitText, name: str, pattern: str | None = None) -> list[int]:
    return next([*map(int, f.values)] for f in features_of(text, pattern)[0] if f.name == name)


def digits(values: list[int]) -> str:
    return "".join(map(str, values))


def test_the_position_counts_from_the_last_line_end() -> None:
    assert digits(feature(text_of("ab\n\ncd\ne"), "position in line")) == "12001201"
    assert digits(feature(text_of("ab", "c\nde"), "position in line")) == "121012"


def test_brackets_nest_and_never_go_below_zero() -> None:
    assert digits(feature(text_of("a)(b[c{d}])e", "(f"), "bracket depth")) == "001122332100" + "11"


def test_brackets_begin_anew_with_each_sequence() -> None:
    assert digits(feature(text_of("((a", "b)"), "bracket depth")) == "12200"


def test_quotes_include_the_opening_mark_and_end_at_a_blank_line() -> None:
    assert digits(feature(text_of('a"b"c"d\ne\n\nf'), "inside quotes")) == "011001111100"
    assert digits(feature(text_of("\u201ca\u201db\u00abc\u00bb"), "inside quotes")) == "1100110"


def test_classes_are_those_of_unicode() -> None:
    text = text_of("É가9 a٣ y")
    assert digits(feature(text, "upper case")) == "10000000"
    assert digits(feature(text, "vowel")) == "10001000"
    assert digits(feature(text, "digit")) == "00100100"
    assert digits(feature(text, "letter")) == "11001001"
    assert digits(feature(text, "after a space")) == "00001001"


def test_a_pattern_marks_what_it_matches_in_each_sequence() -> None:
    assert digits(feature(text_of("ab12c", "34"), "match of \\d+", r"\d+")) == "0011011"
    assert digits(feature(text_of("ab", "ba", "b"), "match of bb*|(?=a)", "bb*|(?=a)")) == "01101"
    with pytest.raises(UsageError, match="'\\(' is not a regular expression"):
        features_of(text_of("ab"), "(")


def test_bytes_have_the_features_of_their_characters() -> None:
    text = text_of("é\u201c가A\u201d\n\udcff", unit="byte")
    assert digits(feature(text, "letter")) == "11" + "000" + "111" + "1" + "000" + "0" + "0"
    assert digits(feature(text, "vowel")) == "11000000100000"
    assert digits(feature(text, "inside quotes")) == "00" + "111" + "111" + "1" + "000" + "00"
    assert digits(feature(text, "match of 가A", "가A")) == "00000" + "1111" + "00000"
    assert [*text.glyphs(0, len(text))] == [
        ("é", 1), ("\u201c", 4), ("가", 7), ("A", 8), ("\u201d", 11), ("\n", 12), ("\udcff", 13),
    ]  # fmt: skip
    assert [*text.glyphs(5, 9)] == [("가", 7), ("A", 8)]


def test_graphemes_have_the_features_of_their_first_character() -> None:
    text = text_of("e\u0301x\r\n1", unit="grapheme")
    assert digits(feature(text, "vowel")) == "1000"
    assert digits(feature(text, "line end")) == "0010"
    assert digits(feature(text, "position in line")) == "1201"
    assert digits(feature(text, "match of e", "e")) == "1000"


def test_the_boundary_of_a_line_is_a_line_end() -> None:
    text = text_of("ab", "c", boundary=True)
    assert digits(feature(text, "position in line")) == "01201"
    assert digits(feature(text, "line end")) == "10010"
    assert digits(feature(text, "match of (?m)^.", "(?m)^.")) == "01001"


def test_features_without_variation_are_named() -> None:
    features, constant = features_of(text_of("abab"))
    assert [f.name for f in features] == ["position in line", "vowel"]
    assert "digit" in constant
    assert len(features) + len(constant) == 9


def test_the_beginning_of_a_training_text_is_cut_at_a_number_of_symbols() -> None:
    vocabulary = Vocabulary.of(["abc"], boundary=True)
    lines = Sequences(np.array([0, 1, 2, 0, 3, 0], np.uint8), np.array([0, 3]), np.array([4, 6]))
    assert UnitText.of_sequences(vocabulary, lines, 100).ids.tolist() == [0, 1, 2, 0, 3]
    cut = UnitText.of_sequences(vocabulary, lines, 4)
    assert (cut.ids.tolist(), cut.starts.tolist()) == ([0, 1, 2, 0], [0, 3])


def test_an_empty_text_is_an_error() -> None:
    with pytest.raises(TextError, match="empty"):
        UnitText.of(Vocabulary.of(["a"]), ["a", ""])


def test_a_pattern_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.inspection.text_features.MOST_SECONDS", 0.2)
    text = UnitText.of(Vocabulary.of("ab"), ["a" * 40])
    with pytest.raises(UsageError, match=r"takes more than 0\.2 s"):
        features_of(text, "(a+)+b")
    features_of(text, "a+")
