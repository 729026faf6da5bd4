import io
import random
from pathlib import Path

import pytest

from charseq.text.corpus import ByteSource, Corpus, LargeCorpus
from charseq.text.line_detection import SAMPLE_CHARACTERS, resembles_list
from tests.support.command import Command
from tests.support.line_texts import LISTS, RUNNING

SEEDS = range(5)
HINT = "the text looks like a list: add --lines"
FAST = ("--epochs", "1", "--hidden-size", "4")


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_lines_is_recognized(kind: str) -> None:
    assert all(resembles_list(Corpus((LISTS[kind](random.Random(seed)),))) for seed in SEEDS)


@pytest.mark.parametrize("kind", RUNNING)
def test_running_text_is_not_recognized_as_a_list(kind: str) -> None:
    assert not any(resembles_list(Corpus((RUNNING[kind](random.Random(seed)),))) for seed in SEEDS)


@pytest.mark.parametrize("kind", ["5,000 names", "log, ISO times", "Korean names", "words, CR LF"])
def test_a_list_too_large_for_memory_is_recognized_by_its_beginning(kind: str) -> None:
    data = LISTS[kind](random.Random(0)).encode()
    beginning = data * (SAMPLE_CHARACTERS // len(data) + 2)

    class Counted(io.BytesIO):
        bytes_read = 0

        def read(self, size: int | None = -1) -> bytes:
            block = super().read(size)
            self.bytes_read += len(block)
            return block

    file = Counted(beginning + b"\xff" * SAMPLE_CHARACTERS)
    assert resembles_list(LargeCorpus((ByteSource("it", file),)))
    assert file.bytes_read <= SAMPLE_CHARACTERS + 1


def test_several_files_are_a_list_only_if_each_is() -> None:
    names, book = LISTS["100 names"](random.Random(0)), RUNNING["prose at 72, CR LF"](random.Random(0))
    assert resembles_list(Corpus((names, names)))
    assert not resembles_list(Corpus((names, book)))
    assert not resembles_list(Corpus((book, names)))


def test_a_text_of_lines_has_no_hint() -> None:
    assert not resembles_list(Corpus(tuple(f"name{i}" for i in range(100)), lines=True))


@pytest.mark.parametrize("command", [("train",), ("compare", "--cells", "rnn")])
def test_training_on_a_list_suggests_lines_once(charseq: Command, command: tuple[str, ...]) -> None:
    Path("names.txt").write_text(LISTS["100 names"](random.Random(0)))
    result = charseq(*command, "--file", "names.txt", *FAST)
    assert result.status == 0
    assert [HINT in line for line in result.errors.splitlines()].count(True) == 1
    assert HINT not in charseq(*command, "--file", "names.txt", "--lines", *FAST).errors
    assert charseq(*command, "--file", "names.txt", "--json", *FAST).errors == ""


def test_training_on_a_large_list_suggests_lines(charseq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1_000)
    Path("names.txt").write_text(LISTS["5,000 names"](random.Random(0)))
    assert HINT in charseq("train", "--file", "names.txt", *FAST).errors


def test_no_lines_are_suggested_for_other_text(charseq: Command) -> None:
    Path("book.txt").write_text(RUNNING["prose at 60"](random.Random(0)))
    assert HINT not in charseq("train", "--file", "book.txt", *FAST).errors
    assert HINT not in charseq("train", "--text", "hihello", *FAST).errors
    names = LISTS["100 names"](random.Random(0)).splitlines()[:20]
    several = [argument for name in names for argument in ("--text", name + "a")]
    assert HINT not in charseq("train", *several, *FAST).errors


def test_no_lines_are_suggested_with_a_stride(charseq: Command) -> None:
    Path("names.txt").write_text(LISTS["100 names"](random.Random(0)))
    assert HINT not in charseq("train", "--file", "names.txt", "--stride", "3", *FAST).errors
