import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq.errors import TextError
from charseq.text import corpus as module
from charseq.text.corpus import ByteSource, LargeCorpus, split_lines
from charseq.text.utf8 import decode_utf8

any_text = st.text(st.sampled_from("ab\n\r é한😀"), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def chunks_of_a_few_bytes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 5)
        yield


def large(*contents: bytes, **options: Any) -> LargeCorpus:
    sources = [ByteSource(f"source {i}", io.BytesIO(content)) for i, content in enumerate(contents)]
    return LargeCorpus(tuple(sources), **options)


def test_lines_are_split_at_line_endings_and_empty_lines_are_skipped() -> None:
    assert split_lines("ada\r\n\ngrace\nal\ran") == ["ada", "grace", "al\ran"]


@given(any_text)
def test_the_chunks_of_a_large_text_are_the_text(text: str) -> None:
    corpus = large(text.encode(), b"and more")
    assert "".join(corpus.chunks()) == text + "and more"
    assert (corpus.characters, corpus.strings) == (len(text) + 8, 2)


@given(any_text)
def test_a_large_text_of_lines_has_the_lines_of_the_text(text: str) -> None:
    corpus = large(text.encode(), lines=True)
    assert "".join(corpus.chunks()) == "".join(split_lines(text))
    assert (corpus.characters, corpus.strings) == (sum(map(len, split_lines(text))), len(split_lines(text)))


@given(any_text)
def test_chunks_end_at_line_endings_if_required(text: str) -> None:
    chunks = [*large(text.encode(), at_lines=True).chunks()]
    assert "".join(chunks) == text
    assert all(chunk.endswith("\n") for chunk in chunks[:-1])


@given(st.binary(max_size=40))
def test_any_bytes_can_be_read_with_the_unit_byte(data: bytes) -> None:
    text = "".join(large(data, unit="byte").chunks())
    assert text.encode("utf-8", "surrogateescape") == data


@given(st.binary(max_size=40))
def test_text_that_is_not_utf_8_is_reported_with_its_offset_in_the_file(data: bytes) -> None:
    def outcome(text: Callable[[], str]) -> str:
        try:
            return text()
        except TextError as error:
            return error.message

    expected = outcome(lambda: decode_utf8(data, "source 0", "character"))
    assert outcome(lambda: "".join(large(data).chunks())) == expected


def test_a_source_that_fails_is_named() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(TextError, match="cannot read it: Input/output error"):
        list(LargeCorpus((ByteSource("it", Broken()),)).chunks())


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_text_or_reported_with_their_offset(data: bytes) -> None:
    assert decode_utf8(data, "it", "byte").encode("utf-8", "surrogateescape") == data
    try:
        expected = decode_utf8(data, "it", "character")
    except TextError as error:
        offset = int(error.message.rpartition(" ")[2])
        assert decode_utf8(data[:offset], "it", "character").encode() == data[:offset]
        with pytest.raises(TextError, match=f"offset {offset}"):
            list(large(data).chunks())
    else:
        assert expected.encode() == data
        assert "".join(large(data).chunks()) == expected
