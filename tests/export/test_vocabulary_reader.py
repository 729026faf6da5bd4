"""Vocabulary files: every form that other programs write, and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from charseq.errors import CharseqError, ModelFileError
from charseq.export import vocabulary_reader
from charseq.export.vocabulary_file import vocabulary_json
from charseq.export.vocabulary_reader import SPECIAL_SYMBOLS, read_vocabulary
from tests.support.exported import untrained

JSON = Path("symbols.json")
TEXT = Path("symbols.txt")


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "c"],
        {"b": 0, "a": 1, "c": 2},
        {"c": 2, "a": 1, "b": 0},
        {"0": "b", "2": "c", "1": "a"},
        {"stoi": {"b": 0, "a": 1, "c": 2}, "vocab_size": 3},
        {"itos": {"0": "b", "1": "a", "2": "c"}, "stoi": {}},
        {"itos": ["b", "a", "c"]},
    ],
    ids=str,
)
def test_json_has_symbols_in_the_order_of_their_ids(values: Any) -> None:
    JSON.write_text(json.dumps(values))
    assert read_vocabulary(JSON).of_size(3).vocabulary().symbols == ("b", "a", "c")


def test_digits_are_symbols_where_the_values_are_ids_and_ids_where_they_are_symbols() -> None:
    JSON.write_text('{"1": 0, "0": 1}')
    assert read_vocabulary(JSON).symbols == ("1", "0")
    JSON.write_text('{"1": "0", "0": "1"}')
    assert read_vocabulary(JSON).symbols == ("1", "0")


@pytest.mark.parametrize(
    ("content", "size", "symbols"),
    [
        ("bac", 3, "bac"),
        ("bac\n", 3, "bac"),
        ("bac\n", 4, "bac\n"),
        ("bac\r\n", 3, "bac"),
        ("\nbac\n", 4, "\nbac"),
        ("\ufeffbac", 3, "bac"),
        ("\ufeffbac\n", 4, "\ufeffbac"),
        ("\ufeffbac\r\n", 3, "bac"),
        ("[1]", 3, "[1]"),
    ],
)
def test_a_text_file_has_the_symbols_as_its_characters(content: str, size: int, symbols: str) -> None:
    TEXT.write_bytes(content.encode())
    assert read_vocabulary(TEXT).of_size(size).vocabulary().symbols == tuple(symbols)


def test_the_boundary_is_first_in_the_vocabulary() -> None:
    JSON.write_text('["b", "", "a"]')
    file = read_vocabulary(JSON)
    assert file.order() == [1, 0, 2]
    assert file.vocabulary().symbols == ("", "b", "a")


def test_grapheme_clusters_are_symbols() -> None:
    JSON.write_text(json.dumps(["e\u0301", "a"]))
    assert read_vocabulary(JSON).vocabulary().unit == "grapheme"


def test_names_of_special_symbols_are_refused_with_the_symbols_to_write_for_them() -> None:
    JSON.write_text('["a", "<eos>"]')
    with pytest.raises(ModelFileError, match="'<eos>' is not one grapheme") as raised:
        read_vocabulary(JSON).vocabulary()
    assert raised.value.hint == SPECIAL_SYMBOLS


INVALID = {
    "of another size": ('["a", "b", "c"]', "has 3 symbols, and the tensors are those of 5"),
    "with a symbol twice": (
        '["a", "b", "a", "c", "d"]',
        "has 5 symbols, of which 4 are different; 'a'",
    ),
    "with an id twice": ('{"a": 0, "b": 1, "c": 1}', "its 3 symbols have 2 different ids"),
    "with a gap": ('{"a": 0, "b": 3}', "its 2 ids are 0 to 3, where 0 to 1 are required"),
    "from one": ('{"1": "a", "2": "b"}', "its 2 ids are 1 to 2, where 0 to 1 are required"),
    "with a negative id": ('{"a": -1, "b": 0}', "its 2 ids are -1 to 0"),
    "with a huge id": ('{"a": 99999999999999999999999, "b": 0}', "its 2 ids are 0 to 99999999999999999999,"),
    "with a key twice": ('{"a": 0, "a": 1}', "duplicate key"),
    "of numbers": ("[1, 2]", "its symbols are not strings"),
    "of fractions": ('{"a": 0.5}', "its values are not ids"),
    "of lists": ('{"0": ["a"]}', "its symbols are not strings"),
    "a number": ("7", "its symbols are not strings"),
    "no JSON": ("{", "is invalid: "),
    "nested": ("[" * 90_000, "nested too deeply"),
    "of too many lists": ("[" + "[]," * 100_000 + "[]]", "nested too often"),
    "empty": ("", "is invalid: "),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_vocabulary_that_does_not_fit_is_refused(name: str) -> None:
    content, message = INVALID[name]
    JSON.write_text(content)
    with pytest.raises(ModelFileError, match=message) as raised:
        read_vocabulary(JSON).of_size(5).vocabulary()
    assert raised.value.hint


def test_what_is_no_text_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder.json").mkdir()
    os.mkfifo("fifo.json")
    TEXT.write_bytes(b"ab\xff")
    for name, message in {
        "folder.json": "is not a file",
        "fifo.json": "is not a file",
        "none.json": "cannot read",
        str(TEXT): "is not UTF-8: invalid at byte 2",
    }.items():
        with pytest.raises(ModelFileError, match=message):
            read_vocabulary(Path(name))
    monkeypatch.setattr(vocabulary_reader, "LARGEST_FILE", 2)
    with pytest.raises(ModelFileError, match="has more than 2 bytes"):
        read_vocabulary(TEXT)


def test_every_change_of_a_description_is_refused_or_read() -> None:
    values = json.loads(vocabulary_json(untrained("gru")))
    others: list[Any] = [None, True, -1, 0, 7, 2**31, 2**70, 0.5, "", "x", [], ["x"], [1], {}, {"x": 1}]
    refused = 0
    places = [(values, key) for key in values] + [(values["network"], key) for key in values["network"]]
    for inside, key in places:
        original = inside.pop(key)
        for other in [*others, KeyError]:
            if other is not KeyError:
                inside[key] = other
            JSON.write_text(json.dumps(values))
            try:
                read_vocabulary(JSON).of_size(11).vocabulary()
            except ModelFileError as error:
                refused += bool(error.message)
            inside.pop(key, None)
        inside[key] = original
    assert refused > 150


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", {"a": 0}, "the label 'a' has the id 0"),
        ("labels", {"a": 99}, "the label 'a' has the id 99"),
        ("labels", {"a": 3}, "the label 'a' has the id 3"),
        ("label_counts", [1], "1 counts of 0 labels"),
        ("symbols", ["a", None], "a symbol is null"),
        ("settings", {"stride": 5, "sequence_length": 3}, "a stride of 5 in windows of 3"),
        ("settings", {"stride": -1}, "stride"),
        ("unit", "word", "unit"),
    ],
)
def test_a_description_that_contradicts_itself_is_refused(key: str, value: Any, message: str) -> None:
    values = json.loads(vocabulary_json(untrained("gru")))
    JSON.write_text(json.dumps({**values, key: value}))
    with pytest.raises(CharseqError, match=message):
        read_vocabulary(JSON)
