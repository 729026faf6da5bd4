"""Texts that several processes read."""

import io
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from charseq.text import shared, sources
from charseq.text.corpus import LargeCorpus
from charseq.text.shared import SharedFile, shareable
from charseq.text.sources import TextSource

TEXT = "\ufeffalpha\nβeta\n\ngamma 3\nalpha\n" * 7


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES_IN_MEMORY", 5)


def test_a_shared_file_has_a_position_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    with (tmp_path / "a").open("rb") as file:
        first, second = SharedFile(file.fileno()), SharedFile(os.dup(file.fileno()))
        assert (first.read(3), second.read(5), first.read(), first.read(2)) == (
            b"012", b"01234", b"3456789", b"",
        )  # fmt: skip
        assert (second.seek(-2, os.SEEK_END), second.read()) == (8, b"89")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("lines", [False, True])
def test_every_kind_of_source_has_the_same_text_when_it_is_shared(encoding: str, lines: bool) -> None:
    Path("folder").mkdir()
    for name in ("a.txt", "folder/b.txt", "folder/c.txt"):
        Path(name).write_text(name + TEXT, encoding)
    source = TextSource(
        ("hello", "ab"), ("a.txt", "-", "folder"), lines=lines, encoding=encoding, validation_files=("a.txt",)
    )
    with ExitStack() as opened:
        corpus = opened.enter_context(source.opened(io.BytesIO(TEXT.encode(encoding))))
        assert isinstance(corpus, LargeCorpus)
        text = [*corpus.chunks()]
        other = shareable(corpus)
        assert isinstance(other, LargeCorpus)
        assert [*other.chunks()] == text
        assert (other.characters, other.strings) == (corpus.characters, corpus.strings)
        assert other.validation
        assert [*other.validation.chunks()] == [*cast(Any, corpus.validation).chunks()]
        assert sum(isinstance(each.file, SharedFile) for each in other.sources) == (
            2 if encoding == "utf-8" else 0
        )


def test_a_text_in_memory_is_shared_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES_IN_MEMORY", 1000)
    with TextSource(("hello",)).opened(io.BytesIO()) as corpus:
        assert shared.shareable(corpus) == corpus
