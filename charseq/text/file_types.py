"""Recognize files that are not text by their first bytes."""

import re
import shlex
from typing import NamedTuple


class FileType(NamedTuple):
    """A type of file that is not text."""

    name: str
    """With its article: "a PDF document"."""
    command: str = ""
    """A command that prints its text, with FILE for its name; empty if there is no usual one."""
    advice: str = ""
    """What to do if no command prints its text."""


_PANDOC = "pandoc FILE -t plain"
_SPREADSHEET = "save the sheet as CSV text"
_WRITE = "write its text to a file"
_MODEL = "give a model to --model of predict or score"

_SIGNATURES: tuple[tuple[bytes, FileType], ...] = (
    (rb"\x1f\x8b\x08", FileType("a gzip file", "gunzip -c FILE")),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", FileType("a bzip2 file", "bunzip2 -c FILE")),
    (rb"\xfd7zXZ\0", FileType("an xz file", "xz -dc FILE")),
    (rb"\x28\xb5\x2f\xfd", FileType("a zstd file", "zstd -dc FILE")),
    (rb"7z\xbc\xaf\x27\x1c", FileType("a 7z archive", "7z x -so FILE")),
    (rb".{257}ustar(\0|  \0)", FileType("a tar archive", "tar -xOf FILE")),
    (rb"%PDF-\d", FileType("a PDF document", "pdftotext FILE -")),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub\+zip", FileType("an EPUB book", _PANDOC)),
    (
        rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheet",
        FileType("an ODS spreadsheet", advice=_SPREADSHEET),
    ),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument", FileType("an ODT document", _PANDOC)),
    (rb"PK\x03\x04.*word/", FileType("a DOCX document", _PANDOC)),
    (rb"PK\x03\x04.*xl/", FileType("an XLSX spreadsheet", advice=_SPREADSHEET)),
    (rb"PK\x03\x04.*data\.pkl", FileType("a PyTorch file", advice=_MODEL)),
    (rb"PK(\x03\x04|\x05\x06)", FileType("a ZIP archive", "unzip -p FILE")),
    (rb"SQLite format 3\0", FileType("an SQLite database", "sqlite3 FILE .dump")),
    (rb'.{5}\0{3}\{"', FileType("a safetensors file", advice=_MODEL)),
    (
        rb"\x80[\x02-\x05][\x95\x7d\x5d\x28c}\](X]",
        FileType("a Python pickle", advice=_WRITE),
    ),
    (rb"\x89PNG\r\n\x1a\n", FileType("a PNG image")),
    (rb"\xff\xd8\xff", FileType("a JPEG image")),
    (rb"GIF8[79]a", FileType("a GIF image")),
    (rb"\x7fELF", FileType("an ELF program")),
    (rb"MZ.{56,}\0", FileType("a Windows program")),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType("an old Office document", advice="save it as text")),
    (rb"\x89HDF\r\n\x1a\n", FileType("an HDF5 file")),
    (rb"\x93NUMPY", FileType("a NumPy array")),
    (rb"PAR1.*\0", FileType("a Parquet file", advice=_WRITE)),
)
"""The types by regular expressions of their first bytes, special ones before general ones."""
_PATTERNS = tuple((re.compile(signature, re.DOTALL), kind) for signature, kind in _SIGNATURES)


def file_type(data: bytes) -> FileType | None:
    """Return the type of a file that is not text, by its first 4 KiB; None for text and unknown data."""
    data = data[: 1 << 12]
    return next((kind for pattern, kind in _PATTERNS if pattern.match(data)), None)


def conversion(kind: FileType, source: str) -> str:
    """Return what turns a file into text that charseq reads; `source` is its name in messages, quoted."""
    if not kind.command:
        return kind.advice or "give a text file"
    if source.startswith(("'", '"')):
        name = source[1:-1].replace(r"\'", "'")
        command = kind.command.replace("FILE", shlex.quote(name))
    else:  # standard input, which compression programs read
        command = kind.command.removesuffix("c FILE") + ("c" if kind.command.endswith("c FILE") else "")
    return f"convert it ({command} | charseq ... --file -)"


_EXPORT_CONFIG = re.compile(rb'\{\s*"charseq": "[^"]{1,40}",\s*"charseq_export": ')
_EXPORT_FILES = re.compile(
    rb'\{\s*"charseq": "[^"]{1,40}",\s*("charseq_export": |"network": \{\s*"cell_name": )'  # for PyTorch
    rb"|---\s+(\S.*\n)*?library_name: charseq\s"
    rb"|# [^\n]*\n\n[^\n]*(exported by charseq|charseq [^ \n]+ exported the run)\b"
)
"""The descriptions and READMEs of exported models, by their beginnings."""


def is_export_config(data: bytes) -> bool:
    """Return whether a file, by its beginning, is the config.json of `charseq export`."""
    return bool(_EXPORT_CONFIG.match(data))


def is_export_file(data: bytes) -> bool:
    """Return whether a file, by its beginning, is the description or the README of an exported model."""
    return bool(_EXPORT_FILES.match(data[: 1 << 12]))
