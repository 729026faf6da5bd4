import io
import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from charseq.errors import TextError
from charseq.text.corpus import Corpus, LargeCorpus
from charseq.text.sources import MAX_BYTES_IN_MEMORY, TextSource, read_corpus


def read(*files: str, stdin: bytes = b"", lines: bool = False, unit: str = "character") -> tuple[str, ...]:
    corpus = read_corpus([], files, lines=lines, unit=unit, standard_input=io.BytesIO(stdin))  # type: ignore[arg-type]
    return corpus.sequences


def test_a_file_is_read_with_its_line_endings_unchanged() -> None:
    Path("a.txt").write_bytes("하나\r\n둘\n".encode())
    assert read("a.txt") == ("하나\r\n둘\n",)


def test_standard_input_is_a_dash_and_is_read_once() -> None:
    assert read("-", stdin=b"abc") == ("abc",)
    with pytest.raises(TextError, match="only once"):
        read("-", "-", stdin=b"abc")


def test_every_line_is_a_sequence_without_its_line_ending_and_empty_lines_are_skipped() -> None:
    assert read("-", stdin=b"ada\r\ngrace\n\nalan", lines=True) == ("ada", "grace", "alan")


def test_an_ill_formed_byte_is_named_with_its_offset() -> None:
    Path("bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(TextError) as caught:
        read("bad.txt")
    assert "0xE9 at byte offset 3" in caught.value.message
    assert "--unit byte" in caught.value.hint


def test_an_ill_formed_argument_is_named_with_its_offset() -> None:
    with pytest.raises(TextError, match="byte 0xFF at byte offset 2"):
        read_corpus(["ab\udcff"], [], lines=False, unit="character", standard_input=io.BytesIO())


def test_any_bytes_are_text_with_the_unit_byte() -> None:
    (text,) = read("-", stdin=b"a\xff\x00", unit="byte")
    assert text.encode("utf-8", "surrogateescape") == b"a\xff\x00"


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.txt", "file 'none.txt' not found"), (".", "the folder '.' has no text file")],
)
def test_a_file_that_cannot_be_read_is_named(name: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        read(name)
    assert caught.value.message == message


def test_a_name_with_a_nul_raises_a_charseq_error() -> None:
    with pytest.raises(TextError):
        read("a\0b")


def open_text(
    *files: str, stdin: bytes = b"", lines: bool = False
) -> AbstractContextManager[Corpus | LargeCorpus]:
    return TextSource(("first",), files, lines).opened(io.BytesIO(stdin))


def test_a_short_text_stays_in_memory() -> None:
    Path("a.txt").write_text("second")
    with open_text("a.txt", "-", stdin=b"third") as corpus:
        assert corpus == Corpus(("first", "second", "third"))


def test_large_text_is_read_in_chunks_also_from_a_pipe() -> None:
    Path("a.txt").write_text("second")
    with open_text("a.txt", "-", stdin=b"x" * MAX_BYTES_IN_MEMORY) as corpus:
        assert isinstance(corpus, LargeCorpus)
        assert (corpus.strings, corpus.characters) == (3, 11 + MAX_BYTES_IN_MEMORY)
        assert "".join(corpus.chunks()) == "firstsecond" + "x" * MAX_BYTES_IN_MEMORY


def test_a_source_that_can_be_read_only_once_is_stored() -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=[b"abc"])
    writer.start()
    assert read("pipe") == ("abc",)
    writer.join()
