import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq.errors import CharseqError, UnknownCharacter
from charseq.text.units import Unknown
from charseq.text.vocabulary import Vocabulary

any_text = st.text(st.characters(codec=None, exclude_categories=[]), min_size=1)


def test_the_symbols_are_the_sorted_distinct_characters() -> None:
    assert Vocabulary.of(["hihello"]).symbols == ("e", "h", "i", "l", "o")


def test_the_lesson_one_hot_vectors_have_a_single_one_each() -> None:
    vectors = Vocabulary.of(["helo"]).one_hot("hello")
    assert vectors.shape == (5, 4)
    assert vectors.dtype == np.float32
    assert vectors.sum(1).tolist() == [1, 1, 1, 1, 1]
    assert vectors.argmax(1).tolist() == [1, 0, 2, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "대한민국 헌법",
        "각각",
        "👩‍👩‍👧🇰🇷",
        "a\nb\r\n\tc",
        "[red]:boom:\\",
        "\x00\x1b[2J\x9b",
        "aaaa",
        "\u202eabc",
        "שלום",
    ],
)
@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
def test_decoding_restores_any_text(text: str, unit: str) -> None:
    vocabulary = Vocabulary.of([text], unit=unit)  # type: ignore[arg-type]
    assert vocabulary.decode(vocabulary.encode(text)) == text


@given(any_text)
def test_decoding_restores_any_code_points_even_unpaired_surrogates(text: str) -> None:
    vocabulary = Vocabulary.of([text])
    assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.long
def test_decoding_restores_every_unicode_scalar() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, sys.maxunicode + 1)]))
    vocabulary = Vocabulary.of([everything])
    assert len(vocabulary) == 0x110000 - 0x800
    assert vocabulary.decode(vocabulary.encode(everything)) == everything


@given(st.binary(min_size=1))
def test_decoding_restores_any_bytes_with_the_unit_byte(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    vocabulary = Vocabulary.of([text], unit="byte")
    assert vocabulary.decode(vocabulary.encode(text)).encode("utf-8", "surrogateescape") == data
    assert len(vocabulary) == len(set(data))


def test_a_grapheme_is_one_symbol() -> None:
    vocabulary = Vocabulary.of(["e\u0301a👩‍👩‍👧"], unit="grapheme")
    assert len(vocabulary) == 3


def test_ids_have_the_smallest_type_that_holds_the_vocabulary() -> None:
    assert Vocabulary.of(["abc"]).encode("a").dtype == np.uint8
    many = "".join(map(chr, range(1000, 1400)))
    assert Vocabulary.of([many]).encode(many).dtype == np.uint16


def test_a_boundary_has_id_0_and_is_removed_by_decoding() -> None:
    vocabulary = Vocabulary.of(["ab"], boundary=True)
    assert vocabulary.boundary
    assert vocabulary.encode("ab").tolist() == [1, 2]
    assert vocabulary.decode([0, 1, 2, 0]) == "ab"
    assert vocabulary.decode(np.array([0, 1, 2, 0], np.uint8)) == "ab"


@pytest.mark.parametrize("unit", ["character", "grapheme"])
@pytest.mark.parametrize(
    "text", ["", "plain", "대한민국", "a\x00b", "\ud800x\udfff", "😀é", "long\n" * 40_000]
)
def test_ids_in_an_array_are_decoded_like_ids_in_a_list(text: str, unit: str) -> None:
    vocabulary = Vocabulary.of([text], unit=unit)  # type: ignore[arg-type]
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == vocabulary.decode(ids.tolist()) == text


def test_normalization_is_applied_to_training_texts_and_to_prompts() -> None:
    vocabulary = Vocabulary.of(["\u1112\u1161\u11ab"], normalization="nfc")
    assert vocabulary.symbols == ("한",)
    assert vocabulary.encode("\u1112\u1161\u11ab").tolist() == [0]


@pytest.mark.parametrize("unit", ["character", "grapheme"])
def test_an_unknown_character_is_named_with_its_code_point_and_position(unit: str) -> None:
    vocabulary = Vocabulary.of(["hihello"], unit=unit)  # type: ignore[arg-type]
    with pytest.raises(UnknownCharacter) as caught:
        vocabulary.encode("heé")
    assert "'é' (U+00E9)" in caught.value.message
    assert f"{unit} 3 of 'heé'" in caught.value.message
    assert "ehilo" in caught.value.hint


def test_an_unknown_character_past_the_last_symbol_is_also_detected() -> None:
    with pytest.raises(UnknownCharacter, match="U\\+1F600"):
        Vocabulary.of(["ab"]).encode("a😀")


def test_an_unknown_byte_is_named() -> None:
    with pytest.raises(UnknownCharacter, match=r"byte 0xFF, byte 2 of 'a\\xff',") as error:
        Vocabulary.of(["abé"], unit="byte").encode("a\udcff")
    assert r"it knows 'ab\xa9\xc3'" in error.value.hint


POLICIES: "tuple[Unknown, ...]" = ("skip", "replace")
mixture = st.text(st.sampled_from("ab\r\n?\u0301é한\u1100\u1161🇰🇷👩\u200d\ud800"), max_size=12)


@given(
    training_text=mixture,
    text=mixture,
    unit=st.sampled_from(["character", "grapheme", "byte"]),
    form=st.sampled_from(["none", "nfc", "nfd", "nfkc"]),
    boundary=st.booleans(),
)
def test_skipping_and_replacing_leave_only_known_symbols(
    training_text: str, text: str, unit: Any, form: Any, boundary: bool
) -> None:
    if unit == "byte":
        training_text, text = training_text.replace("\ud800", "\udcff"), text.replace("\ud800", "\udcff")
    vocabulary = Vocabulary.of([training_text], unit=unit, normalization=form, boundary=boundary)
    skipped, replaced = (vocabulary.encode_text(text, unknown=policy) for policy in POLICIES)
    assert skipped.unknown == replaced.unknown == vocabulary.unknown_in(text)
    for encoded in (skipped, replaced):
        assert all(vocabulary.symbols[i] for i in encoded.ids)
        assert encoded.unknown or encoded.text == text
    if training_text:
        assert len(replaced.ids) == len(skipped.ids) + replaced.unknown
        assert int((replaced.targets == len(vocabulary)).sum()) == replaced.unknown
        known = replaced.ids[replaced.targets != len(vocabulary)]
        assert known.tolist() == skipped.ids.tolist()


def test_clusters_of_several_code_points_have_ids_next_to_unknown_symbols() -> None:
    vocabulary = Vocabulary.of(["e\u0301a"], unit="grapheme")
    assert vocabulary.symbols == ("a", "e\u0301")
    assert vocabulary.encode_text("ae\u0301xe", unknown="replace").targets.tolist() == [0, 1, 2, 2]
    assert vocabulary.encode_text("", unknown="replace").targets.tolist() == []


def test_a_symbol_that_occurs_twice_is_refused() -> None:
    with pytest.raises(CharseqError, match="twice"):
        Vocabulary(("a", "b", "a"))
    with pytest.raises(CharseqError, match="boundary"):
        Vocabulary(("a", ""))


def test_an_extended_vocabulary_keeps_the_ids_and_appends_new_symbols_sorted() -> None:
    known = Vocabulary.of(["hello"])
    extended = known.extended(Vocabulary.of(["zeal"]))
    assert extended.symbols == ("e", "h", "l", "o", "a", "z")
    assert extended.decode(extended.encode("hazel")) == "hazel"
    assert known.extended(Vocabulary.of(["hell"])) == known
