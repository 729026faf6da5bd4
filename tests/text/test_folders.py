"""A folder means every text file below it."""

import io
import os
import resource
from pathlib import Path

import pytest

from charseq.errors import TextError
from charseq.text.corpus import LargeCorpus
from charseq.text.folders import ReopenedFile, text_files
from charseq.text.sources import TextSource
from tests.support.command import Command

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(7)


def write(**files: str) -> None:
    """Write files below the folder books; __ in a name is a slash."""
    for name, text in files.items():
        path = Path("books", name.replace("__", "/") + ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(unit: str = "character") -> tuple[list[str], list[str]]:
    """Return the text files of the folder books, and the notes."""
    notes: list[str] = []
    return text_files("books", unit, notes.append), notes  # type: ignore[arg-type]


def test_the_files_of_a_folder_are_sorted_by_the_bytes_of_their_paths() -> None:
    write(b="1", B="2", a__z="3", a="4", é="5", a__b__c="6")
    assert [name.removeprefix("books/") for name in names()[0]] == [
        "B.txt", "a.txt", "a/b/c.txt", "a/z.txt", "b.txt", "é.txt"
    ]  # fmt: skip
    assert names()[1] == []


def test_hidden_files_and_folders_are_left_out_without_a_word() -> None:
    write(a="1", _hidden="2")
    Path("books/.git").mkdir()
    Path("books/.git/config").write_text("x")
    Path("books/.hidden").write_text("x")
    assert names() == (["books/_hidden.txt", "books/a.txt"], [])


def test_a_hidden_folder_that_is_named_is_read() -> None:
    Path(".books").mkdir()
    Path(".books/a.txt").write_text("abc")
    assert text_files(".books", "character", print) == [".books/a.txt"]


def test_links_to_folders_are_not_followed_and_links_to_files_are() -> None:
    write(a__x="1")
    Path("books/loop").symlink_to(".", target_is_directory=True)
    Path("books/link.txt").symlink_to("a/x.txt")
    Path("books/broken.txt").symlink_to("nowhere")
    assert names() == (["books/a/x.txt", "books/link.txt"], [])


def test_pipes_and_empty_files_are_left_out() -> None:
    write(a="1", empty="")
    os.mkfifo("books/pipe")
    assert names() == (["books/a.txt"], [])


def test_files_that_are_not_text_are_left_out_with_one_note() -> None:
    write(a="1", z="2")
    Path("books/m.png").write_bytes(PNG)
    assert names() == (
        ["books/a.txt", "books/z.txt"],
        ["1 file in 'books' is left out: 'books/m.png' is a PNG image"],
    )
    Path("books/b.bin").write_bytes(b"ab\0c")
    assert names()[1] == [
        "2 files in 'books' are left out: 'books/b.bin', the first of them, is binary: it has NUL bytes"
    ]


def test_with_the_unit_byte_no_file_is_left_out() -> None:
    write(a="1")
    Path("books/m.png").write_bytes(PNG)
    assert names("byte") == (["books/a.txt", "books/m.png"], [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_text_in_another_encoding_is_not_silently_left_out(encoding: str) -> None:
    write(a="1")
    Path("books/b.txt").write_bytes("hello world".encode(encoding))
    assert names() == (["books/a.txt", "books/b.txt"], [])


def test_a_folder_without_text_is_an_error() -> None:
    Path("books/sub").mkdir(parents=True)
    Path("books/sub/m.png").write_bytes(PNG)
    with pytest.raises(TextError, match="the folder 'books' has no text file") as caught:
        names()
    assert "hidden, empty and binary" in caught.value.hint


EXPORTED = {
    "config_json": '{\n  "charseq": "0.1.0",\n  "charseq_export": 1,\n',
    "vocabulary_json": '{\n "charseq": "0.1.0",\n "network": {\n  "cell_name": "gru",\n',
    "README": "---\nlibrary_name: charseq\ntags:\n- charseq\n---\n",
    "licensed": "---\nlicense: mit\nlibrary_name: charseq\n---\n",
    "for_torch": "# gru, for PyTorch\n\nA network, exported by charseq 0.1.0. The code\n",
    "for_onnx": "# A character model for ONNX\n\ncharseq 0.1.0 exported the run `0001-gru`: \n",
}


@pytest.mark.parametrize("name", EXPORTED)
def test_the_descriptions_of_exported_models_are_left_out(name: str) -> None:
    write(**{"a": "1", name: EXPORTED[name], "b": "# charseq\n\nA trainer, exported by nobody\n"})
    found, notes = names()
    assert found == ["books/a.txt", "books/b.txt"]
    assert notes == [
        f"1 file in 'books' is left out: 'books/{name}.txt' is a file of an exported charseq model"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_an_error() -> None:
    write(a="1", b__c="2")
    Path("books/b").chmod(0)
    with pytest.raises(TextError, match="cannot read 'books/b': Permission denied"):
        names()


def test_a_folder_may_have_more_files_than_a_process_may_open() -> None:
    write(**{f"n{i}": f"{i}\n" for i in range(211)})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (61, limits[1]))
    try:
        with TextSource(files=("books",)).opened(io.BytesIO()) as corpus:
            assert corpus.strings == 211
            assert "".join(corpus.chunks()).startswith("0\n1\n10\n100\n")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_large_folder_is_read_in_chunks_like_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    write(a="hello\nworld\n", b__c="yes\n", d="\ufeffno")
    source = TextSource(files=("books/",), lines=True)
    with source.opened(io.BytesIO()) as corpus:
        small = [*corpus.chunks()]
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 3)
    with source.opened(io.BytesIO()) as corpus:
        assert isinstance(corpus, LargeCorpus)
        assert ("".join(corpus.chunks()), corpus.strings) == ("".join(small), 4)


def test_a_file_that_changes_while_it_is_read_is_an_error() -> None:
    write(a="hello")
    file = ReopenedFile("books/a.txt")
    assert (file.read(2), file.read(), file.seek(0, os.SEEK_END)) == (b"he", b"llo", 5)
    write(a="hello world")
    file.seek(0)
    with pytest.raises(TextError, match=r"'books/a\.txt' has changed"):
        file.read()


def test_training_and_comparing_read_each_file_as_a_sequence(charseq: Command) -> None:
    write(a="hihello", b__c="world")
    start = charseq.train("--file", "books", *FAST)[0]
    assert (start["sequences"], start["characters"], start["text"]) == (2, 12, "books")
    compared = charseq("compare", "--file", "books/", "--cells", "gru", "--epochs", "1", "--json")
    assert compared.status == 0


def test_scoring_and_predicting_read_each_file_as_a_text(charseq: Command) -> None:
    write(a="hihello", b__c="hello")
    Path("books/m.png").write_bytes(PNG)
    charseq.train("--text", "hihello", *FAST)
    scored = charseq("score", "--file", "books", "--json")
    assert [record["characters"] for record in scored.records] == [6, 4]
    assert "1 file in 'books' is left out" in scored.errors
    assert charseq("score", "--file", "books", "--lines", "--json").records != []
    predicted = charseq("predict", "--file", "books", "--length", "3", "--json")
    assert [record["prompt"] for record in predicted.records] == ["hihello", "hello"]


def test_a_run_of_a_folder_is_resumed_only_with_the_same_text(charseq: Command) -> None:
    write(a="hihello", b__c="world")
    charseq.train("--file", "books", *FAST)
    charseq.train("--resume", "--epochs", "2")
    write(d="more")
    result = charseq("train", "--resume", "--epochs", "3")
    assert result.status == 2
    assert "different text" in result.errors


def test_the_files_of_runs_are_no_text(charseq: Command) -> None:
    Path("story.txt").write_text("once upon a time")
    start, *_ = charseq.train("--file", ".", "--epochs", "2")
    again, *_ = charseq.train("--file", ".", "--epochs", "2")
    assert start["characters"] == again["characters"] == 16
    assert "is a file of a charseq run" in charseq("train", "--file", ".", "--epochs", "1").errors
