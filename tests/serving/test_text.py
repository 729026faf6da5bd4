"""The text of a stream: whole characters, and nothing that a stop string takes back."""

from hypothesis import given
from hypothesis import strategies as st

from charseq.serving.text import GeneratedText, Offsets, token
from charseq.text.vocabulary import Vocabulary

BYTES = Vocabulary.of(["".join(map(chr, range(128))), "é한\udcff\udc80"], unit="byte")
LETTERS = Vocabulary.of(["abc"])


@given(st.text(alphabet="aé한\udc80\udcff", max_size=23), st.lists(st.integers(1, 5), max_size=23))
def test_bytes_become_the_same_text_in_pieces_as_at_once(text: str, sizes: list[int]) -> None:
    ids = BYTES.encode(text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")).tolist()
    decoding, parts, start = GeneratedText(BYTES), [], 0
    for size in [*sizes, len(ids)]:
        parts.append(decoding.add(ids[start : start + size]))
        start += size
    parts.append(decoding.end(stopped=False))
    assert "".join(parts) == BYTES.decode(ids)


def test_an_incomplete_character_is_held_back() -> None:
    first, *rest = BYTES.encode("한").tolist()
    decoding = GeneratedText(BYTES)
    assert decoding.add([first]) == ""
    assert decoding.add(rest) == "한"
    assert decoding.add([first]) == ""
    assert decoding.end(stopped=False) == "\udced"


@given(st.text(alphabet="abc", max_size=29), st.lists(st.text("abc", min_size=1, max_size=5), max_size=3))
def test_no_text_is_sent_that_a_stop_string_would_take_back(text: str, stops: list[str]) -> None:
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    read = text[: min(ends)] if ends else text  # the engine stops here
    decoding, sent = GeneratedText(LETTERS, stops), ""
    for symbol in LETTERS.encode(read).tolist():
        sent += decoding.add([symbol])
        assert read.startswith(sent)
    sent += decoding.end(stopped=bool(ends))
    found = [stop for stop in stops if ends and read.endswith(stop)]
    assert sent == read[: len(read) - max(map(len, found), default=0)]


def test_text_that_cannot_begin_a_stop_string_is_sent_at_once() -> None:
    decoding = GeneratedText(LETTERS, ["cab"])
    assert decoding.add(LETTERS.encode("abc").tolist()) == "ab"
    assert decoding.add(LETTERS.encode("a").tolist()) == ""
    assert decoding.add(LETTERS.encode("c").tolist()) == "ca"
    assert decoding.end(stopped=False) == "c"


def test_offsets_count_characters() -> None:
    ids = BYTES.encode("a한é").tolist()
    assert Offsets(BYTES, 5).add(ids) == [5, 6, 6, 6, 7, 7]
    assert token(BYTES, ids[1]) == r"bytes:\xed"
    assert token(BYTES, ids[0]) == "a"
