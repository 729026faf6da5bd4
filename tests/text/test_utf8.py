"""Text in UTF-16 or UTF-32 without a byte-order mark is recognized by its NUL bytes, and refused."""

from pathlib import Path

import pytest

from charseq.text.utf8 import SAMPLE_BYTES, unmarked_encoding
from tests.support.command import Command

ENCODINGS = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
FAST = ("--epochs", "1", "--hidden-size", "3", "--cell", "gru")


def name_of(encoding: str) -> str:
    return encoding.upper().replace("-LE", "LE").replace("-BE", "BE")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", ["hi\n", "hihello", "na\u00efve caf\u00e9\r\n", "hello " * SAMPLE_BYTES])
def test_latin_text_in_another_encoding_is_recognized(text: str, encoding: str) -> None:
    assert unmarked_encoding(text.encode(encoding)) == name_of(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_cyrillic_text_which_may_be_valid_utf_8_is_recognized(encoding: str) -> None:
    data = "Привет, как дела?\n".encode(encoding)
    assert data.isascii()
    assert unmarked_encoding(data) == name_of(encoding)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\0",
        b"hello",
        "한국어 é".encode() * 9,
        b"\0" * 100,
        b"one.txt\0three.txt\0seventeen.txt\0" * 9,
        b"a" * 99 + b"\0",
        b"a\nb\nc\n\0\n",
        "\ufeffhello".encode("utf-16-le"),
    ],
)
def test_utf_8_and_text_with_a_byte_order_mark_are_not_recognized(data: bytes) -> None:
    assert unmarked_encoding(data) == ""


@pytest.mark.parametrize("large", [False, True], ids=["in memory", "large"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_training_and_scoring_refuse_another_encoding_and_name_the_remedy(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, encoding: str, large: bool
) -> None:
    charseq.train("--text", "abc", *FAST)
    if large:
        monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1)
    Path("text.txt").write_bytes("abc\ncab\n".encode(encoding))
    for command in (
        ("train", *FAST),
        ("train", "--lines", *FAST),
        ("score",),
        ("predict",),
        ("predict", "--lines"),
    ):
        result = charseq(*command, "--file", "text.txt")
        assert result.status == 2, command
        assert f"'text.txt' appears to be {name_of(encoding)} without a byte-order mark" in result.errors
        assert f"add --encoding {encoding}, or" in result.errors
        assert "UTF" not in charseq(*command, "--file", "text.txt", "--encoding", encoding).errors


@pytest.mark.parametrize("command", [("predict", "-"), ("score", "-"), ("inspect-shapes", "-")])
def test_standard_input_in_another_encoding_is_named(charseq: Command, command: tuple[str, ...]) -> None:
    charseq.train("--text", "abc\n", *FAST)
    result = charseq(*command, stdin="abc\n".encode("utf-16-le"))
    assert result.status == 2
    assert "standard input appears to be UTF-16LE" in result.errors


def test_the_unit_byte_accepts_any_encoding(charseq: Command) -> None:
    Path("text.txt").write_bytes("abc\n".encode("utf-16-le"))
    charseq.train("--file", "text.txt", "--unit", "byte", *FAST)


def test_an_argument_is_never_read_as_utf_16(charseq: Command) -> None:
    charseq.train("--text", "abc\n", *FAST)
    for command in (["train", "--text"], ["score"], ["inspect-shapes"]):
        result = charseq(*command, "\udcff\udcfeab")
        assert result.status == 2
        assert r"'\xff\xfeab' is not UTF-8: byte 0xFF at byte offset 0" in result.errors
        assert "UTF-16" not in result.errors
        assert "--encoding" not in result.errors
