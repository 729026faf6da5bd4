import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charseq.errors import CharseqError, TextError
from charseq.text import corpus as module
from charseq.text.corpus import AnyCorpus, ByteSource, Corpus, LargeCorpus, split_lines
from charseq.text.encoding import EncodedCorpus, Machine
from charseq.text.vocabulary import Vocabulary

some_text = st.text(st.sampled_from("ab\n é한😀"), min_size=2, max_size=60)


def encoded(corpus: AnyCorpus, unit: str = "character") -> tuple[EncodedCorpus, Vocabulary]:
    vocabulary = Vocabulary.of(corpus.chunks(), boundary=corpus.lines, unit=unit)  # type: ignore[arg-type]
    return EncodedCorpus(corpus, vocabulary), vocabulary


def large(text: str, *, lines: bool = False) -> LargeCorpus:
    return LargeCorpus((ByteSource("it", io.BytesIO(text.encode())),), lines)


def are_equal(actual: object, other: object) -> bool:
    return np.array_equal(np.concatenate(actual), np.concatenate(other))  # type: ignore[call-overload]


@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
def test_lines_are_enclosed_in_boundaries(unit: str) -> None:
    text, vocabulary = encoded(Corpus(("ada", "é", "grace"), lines=True), unit)
    assert [vocabulary.decode(ids) for ids in text.sequences] == ["ada", "é", "grace"]
    assert all(ids[0] == ids[-1] == 0 and ids[1:-1].all() for ids in text.sequences)
    assert text.sequences.positions.tolist() == [4, 3 if unit == "byte" else 2, 6]


def test_a_slice_of_lines_is_lines() -> None:
    lines = encoded(Corpus(("ada", "alan", "grace"), lines=True))[0].sequences
    assert are_equal(lines[1:], [lines[1], lines[2]])
    assert are_equal(lines[1:2], [lines[1]])
    assert len(lines[3:]) == 0
    with pytest.raises(IndexError):
        lines[3]


@given(some_text)
def test_large_text_is_encoded_like_text_in_memory(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 5)
        actual, _ = encoded(large(text))
    (ids,) = actual.sequences
    (expected,) = encoded(Corpus((text,)))[0].sequences
    assert ids.tolist() == expected.tolist()
    assert ids.dtype == expected.dtype == np.uint8
    actual.release()
    assert ids.tolist() == expected.tolist()


@given(some_text)
def test_large_lines_are_encoded_like_lines_in_memory(text: str) -> None:
    lines = split_lines(text)
    if not lines:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 5)
        actual, _ = encoded(large(text, lines=True))
    expected, _ = encoded(Corpus(tuple(lines), lines=True))
    assert len(actual.sequences) == len(lines)
    assert are_equal(actual.sequences, expected.sequences)


def test_large_text_with_nothing_to_learn_is_an_error() -> None:
    with pytest.raises(TextError, match="no string of 2"):
        encoded(large("a"))
    with pytest.raises(TextError, match="no string of 2"):
        encoded(large("\n\n", lines=True))


def test_a_full_temporary_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full.open("wb"))
    with pytest.raises(CharseqError, match="cannot save the encoded text to a temporary file: No space left"):
        encoded(large("abc" * 10_000))


@pytest.mark.parametrize("lines", [False, True])
def test_the_processes_of_a_machine_map_the_file_that_one_of_them_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    corpus = large("ada\ngrace\nalan\nbarbara\n", lines=lines)
    alone, vocabulary = encoded(corpus)
    unread = LargeCorpus((), lines)
    others = []

    def exchange(message: str) -> str:
        if message:
            others.append(EncodedCorpus(unread, vocabulary, Machine(False, lambda _: message)))
        return message

    writer = EncodedCorpus(corpus, vocabulary, Machine(True, exchange))
    assert [*tmp_path.iterdir()] == []
    for each in (writer, *others):
        assert each.digest == alone.digest
        assert np.array_equal(each.sequences.ids, alone.sequences.ids)
        assert np.array_equal(each.sequences.starts, alone.sequences.starts)
        assert np.array_equal(each.sequences.ends, alone.sequences.ends)
    assert len(others) == 1
