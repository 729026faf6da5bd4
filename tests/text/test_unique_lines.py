"""Empty and repeated lines are counted and reported, and --unique drops the repeated ones."""

import io
from pathlib import Path

import numpy as np
import pytest

from charseq.errors import UsageError
from charseq.text.corpus import LargeCorpus, count_empty_lines, split_lines
from charseq.text.sources import TextSource
from charseq.text.unique_lines import first_occurrences
from tests.support.command import Command

FAST = ("--cell", "gru", "--hidden-size", "3", "--epochs", "1")
LISTED = "ada\n\ngrace\nada\r\n\r\nalan\ngrace\nada"


def write(text: str = LISTED, name: str = "names.txt") -> None:
    Path(name).write_bytes(text.encode())


def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every text in chunks of a few bytes."""
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 1)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 7)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("", 0),
        ("a", 0),
        ("a\n", 0),
        ("\n", 1),
        ("a\n\n", 1),
        ("\n\na\r\n\r\nb", 3),
        (" \n\t\n", 0),
        ("\r\n", 1),
    ],
)
def test_empty_lines_are_counted(text: str, empty: int) -> None:
    assert count_empty_lines(text, len(split_lines(text))) == empty


def test_the_first_of_equal_lines_is_kept_in_place() -> None:
    assert first_occurrences(["b", "a", "b", "c", "a"], "none").tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("is_large", [False, True])
def test_unique_lines_are_the_same_in_memory_and_in_chunks(
    monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    write()
    write("alan\nedsger\n", "more.txt")
    if is_large:
        large(monkeypatch)
    source = TextSource(files=("names.txt", "more.txt"), lines=True, unique=True)
    with source.opened(io.BytesIO()) as corpus:
        assert isinstance(corpus, LargeCorpus) == is_large
        assert "".join(corpus.chunks()) == "adagracealanedsger"
        assert (corpus.strings, corpus.characters) == (4, 18)
        assert (corpus.empty_lines, corpus.dropped_lines) == (2, 4)
        assert "".join(corpus.chunks()) == "adagracealanedsger"


def test_lines_are_compared_after_normalization_and_kept_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    write("cafe\u0301\ncaf\u00e9\ncafe\n")
    for is_large in (False, True):
        if is_large:
            large(monkeypatch)
        for form, expected in (
            ("none", ["cafe\u0301", "caf\u00e9", "cafe"]),
            ("nfc", ["cafe\u0301", "cafe"]),
        ):
            source = TextSource(files=("names.txt",), lines=True, unique=True, normalization=form)  # type: ignore[arg-type]
            with source.opened(io.BytesIO()) as corpus:
                assert "".join(corpus.chunks()) == "".join(expected)
                assert corpus.strings == len(expected)


@pytest.mark.parametrize("is_large", [False, True])
def test_training_on_unique_lines_equals_training_on_a_file_without_duplicates(
    charseq: Command, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    names = [f"name{i * i % 53}" for i in range(97)]
    write("\n".join(names))
    write("\n".join(dict.fromkeys(names)), "distinct.txt")
    if is_large:
        large(monkeypatch)
    unique = charseq.train("--file", "names.txt", "--lines", "--unique", *FAST)
    distinct = charseq.train("--file", "distinct.txt", "--lines", *FAST)
    assert unique[1]["loss"] == distinct[1]["loss"]
    assert unique[0]["sequences"] == distinct[0]["sequences"] == len(set(names))
    assert unique[0]["dropped_lines"] == 97 - len(set(names))


def test_training_reports_empty_lines_and_duplicates_at_the_start(charseq: Command) -> None:
    write("\n\n".join(f"name number {i % 53}" for i in range(97)))
    result = charseq("train", "--file", "names.txt", "--lines", *FAST)
    assert "96 empty lines are left out\n" in result.errors
    assert "44 of 97 lines are duplicates; equal lines are either all" in result.errors
    assert "--unique drops duplicates" in result.errors
    result = charseq("train", "--file", "names.txt", "--lines", "--validation", "0", *FAST)
    assert "44 of 97 lines are duplicates (--unique drops them)\n" in result.errors
    result = charseq("train", "--file", "names.txt", "--lines", "--unique", *FAST)
    assert "44 duplicate lines are left out\n" in result.errors
    assert "are duplicates" not in result.errors


def test_without_lines_nothing_is_left_out_and_nothing_reported(charseq: Command) -> None:
    write("a\n\na\n\n" * 7)
    result = charseq("train", "--file", "names.txt", *FAST)
    assert "left out" not in result.errors
    assert "duplicate" not in result.errors


def test_comparing_reports_them_too(charseq: Command) -> None:
    write("\n\n".join(f"name{i % 53}" for i in range(97)))
    command = ("compare", "--file", "names.txt", "--lines", "--cells", "none", "--epochs", "1")
    errors = charseq(*command).errors
    assert "96 empty lines are left out\n" in errors
    assert "44 of 97 lines are duplicates\n" in errors
    assert "44 duplicate lines are left out\n" in charseq(*command, "--unique").errors


def test_a_resumed_run_drops_the_same_lines(charseq: Command) -> None:
    write()
    charseq.train("--file", "names.txt", "--lines", "--unique", *FAST)
    assert charseq.train("--resume", "--epochs", "2")[-1]["status"] == "completed"
    charseq.train("--file", "names.txt", "--lines", "--out", "all", *FAST)
    result = charseq("train", "--resume", "all", "--epochs", "2", "--unique")
    assert result.status == 2
    assert "--unique cannot change when a run is resumed: 'all' was trained without" in result.errors


def test_unique_requires_lines(charseq: Command) -> None:
    result = charseq("train", "--text", "abc", "--unique")
    assert result.status == 2
    assert "--unique drops repeated lines, and requires --lines" in result.errors
    with pytest.raises(UsageError), TextSource(("abc",), unique=True).opened(io.BytesIO()):
        pass


def test_the_mask_of_many_lines_takes_a_byte_a_line() -> None:
    kept = first_occurrences((str(i % 1009) for i in range(10_007)), "none")
    assert (kept.nbytes, int(np.count_nonzero(kept))) == (10_007, 1009)
