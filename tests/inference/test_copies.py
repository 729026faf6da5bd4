"""Copies: spans, shares and places, against brute force and by example."""

import random

import numpy as np
import pytest

from charseq.inference import suffix_index
from charseq.inference.copies import Copies, Span, TotalCopies
from charseq.inference.reference import Reference, ReferenceText
from charseq.text.units import Normalization, Unit

CASES = 1_000
SENTENCE = "the quick brown fox jumps over the lazy dog"


@pytest.fixture(params=["native", "numpy"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the native kernels, or NumPy."""
    if request.param == "numpy":
        monkeypatch.setattr(suffix_index, "library", lambda: None)


def reference(
    *texts: str,
    lines: bool = False,
    unit: Unit = "character",
    normalization: Normalization = "none",
    min_length: int = 20,
) -> Reference:
    named = [ReferenceText(f"{number}.txt", text) for number, text in enumerate(texts, 1)]
    return Reference(named, lines=lines, unit=unit, normalization=normalization, min_length=min_length)


def places(copies: Copies) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in copies.spans]


@pytest.mark.usefixtures("kernels")
def test_the_copied_characters_are_those_of_brute_force() -> None:
    source, copied = random.Random(11), 0
    for case in range(CASES):
        symbols = "ab\n가😀"[: source.randrange(1, 6)]
        texts = ["".join(source.choices(symbols, k=source.randrange(29))) for _ in range(3)]
        text = "".join(source.choices(symbols + "c", k=source.randrange(23)))
        least, by_lines = source.choice([1, 2, 3, 5]), case % 2 == 0
        pieces = [piece for one in texts for piece in (one.split("\n") if by_lines else [one])]
        expected = [
            any(
                text[start : start + least] in piece
                for start in range(max(position + 1 - least, 0), position + 1)
                if start + least <= len(text)
                for piece in pieces
            )
            for position in range(len(text))
        ]
        found = reference(*texts, lines=by_lines, min_length=least).copies(text)
        assert found.mask().tolist() == expected, (texts, text, least)
        assert found.share == (sum(expected) / len(expected) if expected else 0)
        for span in found.spans:
            reference_text = texts[span.number - 1]
            assert reference_text[span.offset : span.offset + span.length] == text[span.start : span.end]
            assert span.line == reference_text[: span.offset].count("\n") + 1
            assert span.source == f"{span.number}.txt"
        copied += sum(expected)
    assert copied > CASES


def test_spans_are_maximal_and_may_overlap() -> None:
    found = reference("abcdefgh" * 3, "efghefghXYZ" * 2, min_length=5).copies("-abcdefghefghXY-")
    assert places(found) == [(1, 9), (5, 15)]
    assert found.copied == 14
    assert found.share == 14 / 16
    assert (found.longest, found.longest_span) == (10, Span(5, 15, "2.txt", 2, 0, 1))


def test_a_span_stands_where_it_occurs_first() -> None:
    found = reference("-\n" + SENTENCE + "\n" + SENTENCE, SENTENCE).copies("over:" + SENTENCE[4:30])
    assert found.spans == (Span(5, 31, "1.txt", 1, 6, 2),)


def test_20_characters_are_a_copy_and_19_are_not() -> None:
    assert reference(SENTENCE).copies("?" + SENTENCE[3:23] + "?").copied == 20
    assert reference(SENTENCE).copies("?" + SENTENCE[3:22] + "?").spans == ()


def test_no_span_extends_over_the_end_of_a_text() -> None:
    assert places(reference(SENTENCE[:21], SENTENCE[21:]).copies(SENTENCE)) == [(0, 21), (21, 43)]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_no_span_extends_over_the_end_of_a_line_in_a_reference_of_lines(ending: str) -> None:
    text = f"first{ending}{ending}{SENTENCE}{ending}{SENTENCE[::-1]}{ending}"
    query = f"{SENTENCE}{ending}{SENTENCE[::-1]}"
    (whole,) = reference(text).copies(query).spans
    assert (whole.start, whole.end, whole.line) == (0, len(query), 3)
    first, second = reference(text, lines=True).copies(query).spans
    assert (first.end, first.line, first.offset) == (43, 3, 5 + 2 * len(ending))
    assert (second.start, second.line, second.offset) == (43 + len(ending), 4, 48 + 3 * len(ending))


def test_a_lone_carriage_return_does_not_end_a_line() -> None:
    text = SENTENCE[:11] + "\r" + SENTENCE[11:]
    assert places(reference(text, lines=True).copies(text)) == [(0, 44)]


def test_the_empty_text_and_a_short_one_have_no_copies() -> None:
    for text in ("", SENTENCE[:19]):
        found = reference(SENTENCE).copies(text)
        assert (found.share, found.longest, found.longest_span, found.too_short) == (0, 0, None, True)
    assert not reference(SENTENCE).copies(SENTENCE[:20]).too_short


def test_both_texts_are_normalized_and_offsets_are_those_of_the_normalized_text() -> None:
    composed, decomposed = "é" * 23, "e\u0301" * 23
    plain, normalizing = reference("-" + composed), reference("e\u0301" + composed, normalization="nfc")
    assert plain.copies(decomposed).spans == ()
    found = normalizing.copies("x" + decomposed)
    assert (found.characters, found.copied, places(found)) == (24, 23, [(1, 24)])
    assert normalizing.copies(decomposed, is_normalized=True).spans == ()


def test_the_unit_byte_counts_bytes_also_those_that_are_no_utf_8() -> None:
    text = "가나다라마바사" + "\udcff"  # 7 syllables of 3 bytes, and one byte more
    found = reference("\n" + text, unit="byte").copies("a" + text)
    assert (found.characters, found.copied) == (23, 22)
    assert found.spans == (Span(1, 23, "1.txt", 1, 1, 2),)


def test_an_alphabet_of_more_than_65535_symbols_is_searched() -> None:
    codes = [*range(0x20, 0xD800), *range(0xE000, 0x20000)]
    text = "".join(map(chr, codes))
    found = reference(text).copies("\u0001" + text[70_001:70_031] + chr(0x2FFFF))
    assert found.spans == (Span(1, 31, "1.txt", 1, 70_001, text[:70_001].count("\n") + 1),)


def test_a_minimum_length_above_that_of_any_text_finds_nothing() -> None:
    assert reference(SENTENCE, min_length=10**18).copies(SENTENCE * 2).spans == ()


@pytest.mark.parametrize("size", [253, 254, 255, 256, 65_533, 65_534, 65_535])
def test_alphabets_at_the_limits_of_an_integer_type_have_an_id_for_other_symbols(size: int) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + size)))
    found = reference(text).copies("\n" + text[1:] + "\n" + text[:29] + "a")
    assert places(found) == [(1, size), (size + 1, size + 30)]


def test_a_total_has_the_longest_span_of_all_texts() -> None:
    known, total = reference(SENTENCE), TotalCopies()
    for text in (SENTENCE[:23], SENTENCE[5:42], "short"):
        total.add(known.copies(text))
    assert (total.texts, total.spans, total.too_short) == (3, 2, False)
    assert total.share == (23 + 37) / (23 + 37 + 5)
    assert total.longest == Span(0, 37, "1.txt", 1, 5, 1)


def test_a_mask_marks_the_characters_of_overlapping_spans() -> None:
    found = reference("abcde", "cdefg", min_length=3).copies("xabcdefgx")
    assert found.mask().tolist() == [False, *[True] * 7, False]
    assert np.count_nonzero(found.mask()) == found.copied
