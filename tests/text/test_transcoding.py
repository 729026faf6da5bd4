"""Text in other encodings is read exactly, in one piece, in chunks and as it arrives."""

import encodings
import io
import json
import pkgutil
from pathlib import Path

import pytest

from charseq.errors import TextError, UsageError
from charseq.text import transcoding
from charseq.text.corpus import LargeCorpus
from charseq.text.sources import TextSource
from charseq.text.transcoding import NO_ENCODINGS, Transcoded, encoding_named
from tests.support.command import Command

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")
TEXTS = {
    "cp1252": "Grüße – „schöne“ Tage, 5 €\n",
    "utf-16": "naïve 한국어 \U0001f600\r\n",
    "utf-16-le": "\ufeffnaïve 한국어\n",
    "utf-32-be": "한국어 ö\n",
    "shift_jis": "こんにちは、世界 ｶﾀｶﾅ\n",
    "iso2022_jp": "こんにちは、世界 and ASCII\n",
    "cp949": "안녕하세요 뷁\n",
    "gb18030": "你好，世界 \U0001f600\n",
    "koi8-r": "Привет, мир\n",
    "utf-7": "Grüße + 한국어\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_every_read_returns_the_next_bytes_of_the_text_in_utf_8(
    monkeypatch: pytest.MonkeyPatch, encoding: str, block: int
) -> None:
    monkeypatch.setattr(transcoding, "BLOCK_BYTES", block)
    text = TEXTS[encoding] * 7
    file = Transcoded(io.BytesIO(text.encode(encoding)), "it", encoding)
    expected = text.encode()
    for size in (2, 5, 11):
        file.seek(0)
        pieces = [file.read(size) for _ in range(0, len(expected), size)]
        assert b"".join(pieces) == expected
        assert {len(piece) for piece in pieces[:-1]} == {size}
    file.seek(7)
    assert file.read() == expected[7:]


@pytest.mark.parametrize(
    "encoding", ["ascii", "cp1252", "utf-16-le", "shift_jis", "cp949", "gb18030", "euc_jp"]
)
def test_an_invalid_byte_has_the_offset_that_it_has_in_the_file(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(transcoding, "BLOCK_BYTES", 3)
    bad = {"cp1252": b"\x81", "utf-16-le": b"\x00\xdc"}.get(encoding, b"\xff")
    data = "hello ".encode(encoding) * 7 + bad + "hello".encode(encoding)
    with pytest.raises(UnicodeDecodeError) as expected:
        data.decode(encoding)
    offset = expected.value.start
    with pytest.raises(TextError, match=f"it is not {encoding}: byte 0x{data[offset]:02X} at .* {offset}$"):
        Transcoded(io.BytesIO(data), "it", encoding).read()


def test_a_text_that_ends_within_a_character_is_an_error() -> None:
    with pytest.raises(TextError, match="byte 0x82 at byte offset 2"):
        Transcoded(io.BytesIO("abか".encode("shift_jis")[:-1]), "it", "shift_jis").read()


@pytest.mark.parametrize(("encoding", "data"), [("utf-7", b"a+2AA-b"), ("utf-16", b"a\0b\0")])
def test_a_surrogate_and_a_missing_mark_are_errors(encoding: str, data: bytes) -> None:
    with pytest.raises(TextError, match=f"it is not {encoding}"):
        Transcoded(io.BytesIO(data), "it", encoding).read()


def test_every_encoding_of_text_that_python_has_is_accepted_and_no_other_codec() -> None:
    refused = set()
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            encoding_named(module.name)
        except UsageError:
            refused.add(module.name)
    binary = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
    assert refused - {"aliases", "mbcs", "oem"} == binary | NO_ENCODINGS


NAMES = {"UTF8": "utf-8", "utf-8-sig": "utf-8", "Latin-1": "iso8859-1", "sjis": "shift_jis"}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_an_encoding_has_many_names(name: str, expected: str) -> None:
    assert encoding_named(name) == expected


@pytest.mark.parametrize("name", ["cp1253x", "", "a\0b", "rot13", "base64", "undefined", "x" * 999])
@pytest.mark.parametrize("command", ["train", "compare", "score", "predict"])
def test_a_wrong_encoding_is_a_usage_error(charseq: Command, command: str, name: str) -> None:
    Path("a.txt").write_text("abc")
    result = charseq(command, "--file", "a.txt", "--encoding", name)
    assert result.status == 2
    assert "encoding" in result.errors


def test_a_misspelled_encoding_has_a_suggestion(charseq: Command) -> None:
    assert "did you mean 'shift_jis'" in charseq("train", "--file", "a", "--encoding", "shift_jiss").errors


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("lines", [False, True])
def test_large_text_in_another_encoding_is_read_like_small_text(
    monkeypatch: pytest.MonkeyPatch, encoding: str, lines: bool
) -> None:
    text = TEXTS[encoding] * 11
    Path("a.txt").write_bytes(text.encode(encoding))
    source = TextSource(files=("a.txt", "-"), lines=lines, encoding=encoding)
    monkeypatch.setattr(transcoding, "BLOCK_BYTES", 5)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 13)
    piped = text.encode(encoding)
    with source.opened(io.BytesIO(piped)) as corpus:
        small = ["".join(corpus.chunks()), corpus.strings, corpus.characters]
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 3)
    with source.opened(io.BytesIO(piped)) as corpus:
        assert isinstance(corpus, LargeCorpus)
        assert ["".join(corpus.chunks()), corpus.strings, corpus.characters] == small
        assert "".join(corpus.chunks()) == small[0]  # a second time


def test_a_file_in_another_encoding_gives_the_model_of_its_text_in_utf_8(charseq: Command) -> None:
    text = "Привет, мир\n" * 7
    Path("utf8.txt").write_text(text)
    Path("koi8.txt").write_bytes(text.encode("koi8-r"))
    plain = charseq.train("--file", "utf8.txt", *FAST)
    other = charseq.train("--file", "koi8.txt", "--encoding", "KOI8-R", *FAST)
    assert plain[1]["loss"] == other[1]["loss"]
    assert plain[0]["symbols"] == other[0]["symbols"]


def test_a_resumed_run_reads_its_text_in_its_encoding(charseq: Command) -> None:
    Path("a.txt").write_bytes("Grüße\n".encode("cp1252"))
    charseq.train("--file", "a.txt", "--encoding", "cp1252", *FAST)
    assert charseq.train("--resume", "--epochs", "2")[-1]["status"] == "completed"
    charseq.train("--resume", "--epochs", "3", "--encoding", "cp1252")
    other = charseq("train", "--resume", "--epochs", "4", "--encoding", "latin-1")
    assert other.status == 2
    assert (
        "--encoding iso8859-1 cannot change when a run is resumed: 'runs/0001-gru' has cp1252" in other.errors
    )


def test_comparing_scoring_and_predicting_read_other_encodings(charseq: Command) -> None:
    Path("a.txt").write_bytes("Grüße\nSüden\n".encode("utf-16"))
    option = ("--file", "a.txt", "--encoding", "utf-16")
    charseq.train(*option, *FAST)
    assert charseq("compare", *option, "--cells", "none", "--epochs", "1").status == 0
    (scored,) = charseq("score", *option, "--json").records
    assert scored["characters"] == 11
    by_line = charseq("score", *option, "--lines", "--json").records
    assert [record["text"] for record in by_line] == ["Grüße", "Süden"]
    (whole,) = charseq("predict", *option, "--json", "--length", "2").records
    assert whole["prompt"] == "Grüße\nSüden\n"
    lines = charseq("predict", *option, "--lines", "--json", "--length", "2").records
    assert [record["prompt"] for record in lines] == ["Grüße", "Süden"]
    data = "Grüße\r\nSüden".encode("cp1252")
    piped = charseq("predict", "-", "--encoding", "cp1252", "--json", "--length", "2", stdin=data)
    assert [record["prompt"] for record in piped.records] == ["Grüße", "Süden"], piped.errors
    shapes = charseq("inspect-shapes", "-", "--encoding", "cp1252", "--json", stdin="Grüße".encode("cp1252"))
    assert shapes.records[0]["shape"] == [1, 5, 5]


def test_an_encoding_without_a_file_and_beside_bytes_is_refused(charseq: Command) -> None:
    without = charseq("train", "--text", "abc", "--encoding", "cp1252")
    assert without.status == 2
    assert "--encoding applies to files and standard input" in without.errors
    charseq.train("--text", "abc", "--unit", "byte", *FAST)
    Path("a.txt").write_bytes(b"abc")
    for command in (["train", "--unit", "byte"], ["score"], ["predict"]):
        result = charseq(*command, "--file", "a.txt", "--encoding", "cp1252")
        assert result.status == 2
        assert "--encoding cannot be combined with --unit byte" in result.errors, command


def test_the_environment_may_set_an_encoding_for_commands_without_files(
    charseq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARSEQ_ENCODING", "cp1252")
    assert charseq("train", "--text", "Grüße", *FAST).status == 0


def test_a_model_file_with_another_codec_for_its_text_is_refused() -> None:
    with pytest.raises(UsageError):
        TextSource(files=("a.txt",), encoding="rot13")


def test_python_reads_other_encodings() -> None:
    import charseq as library

    Path("a.txt").write_bytes("Grüße\n".encode("cp1252"))
    start, *_ = library.train(files="a.txt", encoding="cp1252", epochs=1, hidden_size=3)
    assert json.dumps(start.symbols) == json.dumps(sorted(set("Grüße\n")))  # type: ignore[union-attr]
