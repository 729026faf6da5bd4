import io
from pathlib import Path

import pytest

from charseq.corpus import Corpus, gather
from charseq.errors import TextError


def read(*files: str, stdin: bytes = b"", lines: bool = False, unit: str = "character") -> tuple[str, ...]:
    corpus = gather([], files, lines=lines, unit=unit, standard_input=io.BytesIO(stdin))  # type: ignore[arg-type]
    return corpus.sequences


def test_a_file_is_read_with_its_line_ends_as_they_are() -> None:
    Path("a.txt").write_bytes("하나\r\n둘\n".encode())
    assert read("a.txt") == ("하나\r\n둘\n",)


def test_standard_input_is_a_dash_and_is_read_once() -> None:
    assert read("-", stdin=b"abc") == ("abc",)
    with pytest.raises(TextError, match="only once"):
        read("-", "-", stdin=b"abc")


def test_every_line_is_a_sequence_without_its_end_and_empty_ones_are_none() -> None:
    assert read("-", stdin=b"ada\r\ngrace\n\nalan", lines=True) == ("ada", "grace", "alan")


def test_an_ill_formed_byte_is_named_with_its_offset() -> None:
    Path("bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(TextError) as caught:
        read("bad.txt")
    assert "0xE9 at byte offset 3" in caught.value.message
    assert "--unit byte" in caught.value.hint


def test_an_ill_formed_argument_is_named_with_its_offset() -> None:
    with pytest.raises(TextError, match="byte 0xFF at byte offset 2"):
        gather(["ab\udcff"], [], lines=False, unit="character", standard_input=io.BytesIO())


def test_any_bytes_are_text_where_the_unit_is_the_byte() -> None:
    (text,) = read("-", stdin=b"a\xff\x00", unit="byte")
    assert text.encode("utf-8", "surrogateescape") == b"a\xff\x00"


@pytest.mark.parametrize(
    ("name", "message"), [("none.txt", "there is no file 'none.txt'"), (".", "'.' is a folder")]
)
def test_a_file_that_cannot_be_read_is_named(name: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        read(name)
    assert caught.value.message == message


def test_a_name_with_a_nul_is_an_error_of_ours() -> None:
    with pytest.raises(TextError):
        read("a\0b")


def test_the_last_tenth_of_one_text_is_held_out() -> None:
    learned, held_out = Corpus(("a" * 90 + "b" * 10,)).split(0.1)
    assert learned.sequences == ("a" * 90,)
    assert held_out is not None
    assert held_out.sequences == ("b" * 10,)


def test_of_ten_sequences_or_more_the_last_ones_are_held_out_whole() -> None:
    names = tuple(f"name{i}" for i in range(20))
    learned, held_out = Corpus(names, lines=True).split(0.1)
    assert learned.sequences == names[:18]
    assert held_out == Corpus(names[18:], lines=True)


def test_a_part_too_small_to_hold_out_is_an_error() -> None:
    with pytest.raises(TextError, match="less than 2 characters to hold out"):
        Corpus(("abcde",)).split(0.1)
    with pytest.raises(TextError, match="less than 2 characters to learn"):
        Corpus(("abcde",)).split(0.9)
    with pytest.raises(TextError, match="to learn"):
        Corpus(("just one line",), lines=True).split(0.1)


def test_of_lines_whole_ones_are_held_out_however_few() -> None:
    learned, held_out = Corpus(("ada", "grace"), lines=True).split(0.1)
    assert learned.sequences == ("ada",)
    assert held_out is not None
    assert held_out.sequences == ("grace",)
