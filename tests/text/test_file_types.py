"""Files that are not text are named in the error, with the command that prints their text."""

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from charseq.text.file_types import conversion, file_type
from tests.support.command import Command, shell

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")
TEXT = b"hello world\n" * 7


def zipped(*names: str, first: str = "") -> bytes:
    """Return a ZIP archive; `first` is the stored content of a member named mimetype."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        if first:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, "<xml>" * 7, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def tar(format: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=format) as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return data.getvalue()


def database() -> bytes:
    connection = sqlite3.connect("a.db")
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()
    return Path("a.db").read_bytes()


OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
OFFICE = ("[Content_Types].xml", "_rels/.rels")
FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "gz": (lambda: gzip.compress(TEXT), "a gzip file", "gunzip -c x.gz"),
    "bz2": (lambda: bz2.compress(TEXT), "a bzip2 file", "bunzip2 -c x.bz2"),
    "xz": (lambda: lzma.compress(TEXT), "an xz file", "xz -dc x.xz"),
    "zst": (lambda: b"\x28\xb5\x2f\xfd\x20\x05", "a zstd file", "zstd -dc x.zst"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive", "7z x -so x.7z"),
    "tar": (lambda: tar(tarfile.USTAR_FORMAT), "a tar archive", "tar -xOf x.tar"),
    "gnutar": (lambda: tar(tarfile.GNU_FORMAT), "a tar archive", "tar -xOf x.gnutar"),
    "zip": (lambda: zipped("a.txt"), "a ZIP archive", "unzip -p x.zip"),
    "emptyzip": (lambda: zipped(), "a ZIP archive", "unzip -p x.emptyzip"),
    "docx": (lambda: zipped(*OFFICE, "word/document.xml"), "a DOCX document", "pandoc x.docx -t plain"),
    "xlsx": (lambda: zipped(*OFFICE, "xl/workbook.xml"), "an XLSX spreadsheet", "save the sheet as CSV"),
    "odt": (lambda: zipped(first=OPEN_DOCUMENT + "text"), "an ODT document", "pandoc x.odt -t plain"),
    "ods": (lambda: zipped(first=OPEN_DOCUMENT + "spreadsheet"), "an ODS spreadsheet", "as CSV"),
    "epub": (lambda: zipped("a", first="application/epub+zip"), "an EPUB book", "pandoc x.epub -t plain"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "pdftotext x.pdf -"),
    "db": (database, "an SQLite database", "sqlite3 x.db .dump"),
    "safetensors": (lambda: save({"a": np.zeros(3)}), "a safetensors file", "give a model to --model"),
    "pkl": (lambda: pickle.dumps({"a": [1, "x"]}), "a Python pickle", "write its text to a file"),
    "pkl2": (lambda: pickle.dumps(["a", 7], protocol=2), "a Python pickle", "write its text to a file"),
    "png": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image", "give a text file"),
    "jpg": (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image", "give a text file"),
    "elf": (lambda: Path(sys.executable).read_bytes()[:4096], "an ELF program", "give a text file"),
}


@pytest.mark.parametrize("suffix", FILES)
def test_a_file_is_named_by_its_first_bytes(charseq: Command, suffix: str) -> None:
    make, name, remedy = FILES[suffix]
    if suffix == "elf" and not sys.platform.startswith("linux"):
        pytest.skip("programs have another format")
    Path(f"x.{suffix}").write_bytes(make())
    result = charseq("train", "--file", f"x.{suffix}")
    assert result.status == 2
    message, hint = result.errors.splitlines()
    assert message == f"charseq: 'x.{suffix}' is {name}, not text"
    assert remedy in hint
    assert hint.endswith("or use --unit byte, which accepts any bytes")


@pytest.mark.parametrize("line", ["train", "train --lines", "score", "score --lines", "predict"])
@pytest.mark.parametrize("encoding", [(), ("--encoding", "cp1252")], ids=["utf-8", "cp1252"])
def test_every_command_names_it_also_in_standard_input(
    charseq: Command, line: str, encoding: tuple[str, ...]
) -> None:
    charseq.train("--text", "abc", *FAST)
    result = charseq(*line.split(), "--file", "-", *encoding, stdin=gzip.compress(TEXT) + b"\n")
    assert result.status == 2
    assert "standard input is a gzip file, not text" in result.errors
    assert "convert it (gunzip -c | charseq ... --file -)" in result.errors


def test_the_unit_byte_reads_any_file(charseq: Command) -> None:
    for suffix in ("gz", "zip", "png"):
        Path("x").write_bytes(FILES[suffix][0]())
        assert charseq("train", "--file", "x", "--unit", "byte", *FAST).status == 0


@pytest.mark.parametrize(
    "data",
    [
        b"", b"P", b"PK", b"PK is a name", b"BZh9 is a name", b"MZ is a name", b"7z is a program",
        b"PAR1 is a word",
        b"%PDF is a format", b"SQLite format 3 is", b"ID3", b"hello" * 999, "\ufeffhello".encode("utf-16"),
        "hello".encode("utf-32-le"), "\x80\u4e00".encode(), b'{"a": 1}',
        b"caf\xe9",
    ],
)  # fmt: skip
def test_text_is_no_other_type(data: bytes) -> None:
    assert file_type(data) is None


@pytest.mark.parametrize("name", ["a b.gz", "$(touch hacked).gz", "naïve.gz", "it's $(touch hacked).gz"])
def test_a_command_with_an_unusual_name_can_be_pasted_into_a_shell(charseq: Command, name: str) -> None:
    Path(name).write_bytes(gzip.compress(TEXT))
    hint = charseq("train", "--file", name).errors.splitlines()[1]
    command = hint.partition("(")[2].partition(" | charseq")[0]
    assert shell(command).stdout.encode() == TEXT
    assert not Path("hacked").exists()


def test_a_document_in_a_pipe_has_a_command_for_its_file() -> None:
    kind = file_type(b"%PDF-1.4")
    assert kind is not None
    assert conversion(kind, "standard input") == "convert it (pdftotext FILE - | charseq ... --file -)"
