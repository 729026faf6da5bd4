"""Labels of lines: how they are read, and that they are never characters."""

import io

import numpy as np
import pytest

from charseq.errors import ModelFileError, TextError, UsageError
from charseq.text.corpus import AnyCorpus
from charseq.text.encoding import EncodedCorpus
from charseq.text.sources import TextSource
from charseq.text.validation_split import split
from charseq.text.vocabulary import Vocabulary
from tests.support.labeled import labeled_lines


def vocabulary_of(text: str, labels: tuple[str, ...]) -> Vocabulary:
    return Vocabulary.of([text], boundary=True, labels=labels)


def read(text: str, **how: object) -> tuple[AnyCorpus, Vocabulary]:
    source = TextSource((text,), (), True, labels=True, **how)  # type: ignore[arg-type]
    with source.opened(io.BytesIO()) as corpus:
        return corpus, source.vocabulary(corpus)


def test_a_label_that_equals_a_character_has_an_id_of_its_own() -> None:
    vocabulary = vocabulary_of("ab한", ("한", "a", "two words"))
    assert vocabulary.symbols == ("", "a", "b", "한", "a", "two words", "한")
    assert vocabulary.label_ids == {"a": 4, "two words": 5, "한": 6}
    assert vocabulary.encode("a한").tolist() == [1, 3]
    assert vocabulary.encode_text("b", begin=True, end=True, label="a").ids.tolist() == [4, 2, 0]


def test_labels_are_no_text_when_ids_are_decoded() -> None:
    vocabulary = vocabulary_of("a\x00b", ("a", "xyz"))
    ids = np.array([vocabulary.label_id("xyz"), 2, 1, 3, 0, vocabulary.label_id("a")])
    assert vocabulary.decode(ids) == vocabulary.decode(ids.tolist()) == "a\x00b"


@pytest.mark.parametrize("unit", ["character", "grapheme", "byte"])
def test_the_first_tab_ends_the_label_and_the_text_may_have_more_or_be_empty(unit: str) -> None:
    corpus, vocabulary = read("x y\tb\tb\r\nz\t\n\n", unit=unit)
    sequences = EncodedCorpus(corpus, vocabulary).sequences
    x, z = vocabulary.label_id("x y"), vocabulary.label_id("z")
    assert [ids.tolist() for ids in sequences] == [[x, 2, 1, 2, 0], [z, 0]]
    assert (corpus.characters, corpus.strings, corpus.labels) == (3, 2, ("x y", "z"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\tb\n\nc d\n", "line 3 of --text has no label: 'c d' has no tab"), ("\tb", "line 1 .* empty label")],
)
def test_a_line_without_a_label_is_refused_with_its_number(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read(text)


def test_the_lines_of_a_large_file_are_numbered_through_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charseq.text.sources.MAX_BYTES_IN_MEMORY", 10)
    monkeypatch.setattr("charseq.text.corpus.CHUNK_BYTES", 37)
    with pytest.raises(TextError, match="line 54 of --text has no label"):
        read("a\tword\n\n" * 26 + "\nword\n")


def test_an_unknown_label_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="unknown label 'Germn'") as raised:
        vocabulary_of("ab", ("German", "Dutch")).label_id("Germn")
    assert raised.value.hint == "did you mean 'German'? the model knows 'Dutch', 'German'"


def test_a_label_in_another_normalization_is_known() -> None:
    vocabulary = Vocabulary.of(["a"], boundary=True, labels=["e\u0301"], normalization="nfc")
    assert vocabulary.label_id("\u00e9") == vocabulary.label_id("e\u0301") == 2


@pytest.mark.parametrize(
    ("symbols", "labels"),
    [
        (("", "a", "b"), (3,)),
        (("", "a", "b"), (-1,)),
        (("", "a", "b"), (0,)),
        (("", "a", "b"), (1, 1)),
        (("", "a", "b", "b"), (2, 3)),
        (("", "a", ""), (2,)),
        (("a", "b"), (1,)),
        (("", "a", "a", "x"), (3,)),
    ],
)
def test_labels_that_no_text_gives_are_refused(symbols: tuple[str, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ModelFileError):
        Vocabulary(symbols, labels=labels)


def test_labels_may_have_any_ids_but_that_of_the_boundary() -> None:
    vocabulary = Vocabulary(("", "name", "a", "b"), labels=(1,))
    assert vocabulary.characters == ("", "a", "b")
    assert vocabulary.encode_text("ba", begin=True, end=True, label="name").ids.tolist() == [1, 3, 2, 0]


def test_a_text_under_two_labels_is_on_one_side_of_the_split() -> None:
    lines = labeled_lines(53).splitlines()
    words = [line.split("\t")[1] for line in lines]
    corpus, vocabulary = read("\n".join([*lines, *(f"other\t{word}" for word in words)]))
    sequences = EncodedCorpus(corpus, vocabulary).sequences
    found = split(sequences, 0.3, "spread", lines=True, seed=1, labels=True)
    sides = [{vocabulary.decode(ids) for ids in side} for side in (found.training, found.validation)]
    assert min(map(len, sides)) > 5
    assert not sides[0] & sides[1]
