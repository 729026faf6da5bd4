"""An edited config.json with a valid SHA-256: messages name the file and the value, for people."""

import json
from pathlib import Path
from typing import Any

import pytest

from charseq._version import __version__
from charseq.errors import ModelFileError
from charseq.export.folder_reader import read_folder
from charseq.model.tensor_file import parse_json
from charseq.model.versions import upgrade_hint
from tests.support.exports import exported
from tests.support.forged_exports import signed, with_header
from tests.support.models import lstm_model

FOLDER = Path("shared")
CONFIG = FOLDER / "config.json"
EDITED: dict[str, tuple[str, str, Any, str]] = {
    "a string": ("network", "hidden_size", "512", 'hidden_size must be an integer, not "512"'),
    "null": ("vocabulary", "symbols", None, "symbols must be a list of strings, not null"),
    "a negative size": ("network", "layers", -1, "layers must be at least 1, not -1"),
    "a negative embedding": ("network", "embedding_size", -3, "embedding_size must be at least 0, not -3"),
    "another size": ("network", "hidden_size", 512, "has the type F32 and the shape"),
    "more layers": ("network", "layers", 2, "there is no tensor 'layers.1."),
    "an accuracy": ("training", "accuracy", 50, "accuracy must be from 0 to 1, not 50"),
    "an epoch": ("training", "epoch", -3, "epoch must be at least 0, not -3"),
    "a loss": ("training", "loss", "low", 'loss must be a number or null, not "low"'),
    "a unit": ("vocabulary", "unit", "word", 'unit must be one of character, grapheme, byte, not "word"'),
    "a field": ("network", "surprise", 1, 'the field "surprise" is unknown'),
    "settings": ("settings", "stride", 10**9, "stride is 1000000000, which exceeds sequence_length"),
}


def refused() -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        read_folder(FOLDER)
    assert repr(str(CONFIG)) in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", EDITED)
def test_the_message_names_the_configuration_the_field_and_the_value(name: str) -> None:
    part, key, value, message = EDITED[name]
    exported(lstm_model(), FOLDER)
    signed(FOLDER, lambda config: config[part].update({key: value}))
    error = refused()
    assert message in error.message
    assert error.hint == "export the model again, or get another copy of the export"
    assert "model.safetensors" not in error.message


def test_a_tensor_of_another_shape_is_named_with_the_shape_that_fits() -> None:
    exported(lstm_model(), FOLDER)
    rows, columns = lstm_model().arrays["head.W"].shape
    with_header(FOLDER, lambda header: header["head.W"].update(shape=[columns, rows]))
    message = f"tensor 'head.W' has the type F32 and the shape [{columns}, {rows}]; expected: F32 and "
    assert f"{message}[{rows}, {columns}]" in refused().message


@pytest.mark.parametrize("content", ["[]", "7", '"text"', "null"])
def test_json_that_is_no_object_is_not_called_invalid(content: str) -> None:
    exported(lstm_model(), FOLDER)
    CONFIG.write_text(content)
    assert refused().message.endswith("was not written by 'charseq export': it is not a JSON object")


def test_a_byte_order_mark_in_the_configuration_does_not_count() -> None:
    model = lstm_model()
    exported(model, FOLDER)
    CONFIG.write_bytes(b"\xef\xbb\xbf" + CONFIG.read_bytes())
    assert read_folder(FOLDER).vocabulary == model.vocabulary


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": NaN}', "NaN is not valid JSON"),
        (b'{"a": ' + b"7" * 5003 + b"}", "it has an integer of 5,003 digits"),
        (b'{"a": 1, "a": 2}', "it has a key twice in one object"),
        (b'{"a": \xff}', "it is not UTF-8 (invalid byte at position 7)"),
        (b'{"a" 1}', "it is not valid JSON (line 1, column 6"),
    ],
)
def test_json_that_cannot_be_parsed_is_described_without_words_of_python(data: bytes, message: str) -> None:
    exported(lstm_model(), FOLDER)
    CONFIG.write_bytes(data)
    assert message in refused().message


@pytest.mark.parametrize("number", ["7" * 4321, "-" + "7" * 4321])
def test_an_integer_of_thousands_of_digits_is_refused_everywhere(number: str) -> None:
    with pytest.raises(ValueError, match="integer of 4,321 digits"):
        parse_json(f"[{number}]")


@pytest.mark.parametrize(
    ("writer", "hint"),
    [
        ("999.1.0", "install charseq 999.1.0 or later"),
        (__version__, "install a later version of charseq"),
        ("0.0.1", "install a later version of charseq"),
        (None, "install a later version of charseq"),
        ("999.1.0\x1b[2J", "install a later version of charseq"),
    ],
)
def test_the_hint_for_a_newer_format_names_a_version_only_if_it_is_newer(writer: Any, hint: str) -> None:
    assert upgrade_hint(writer) == hint
    exported(lstm_model(), FOLDER)
    config = {**json.loads(CONFIG.read_text()), "charseq_export": 99, "charseq": writer}
    CONFIG.write_text(json.dumps(config))
    assert refused().hint == hint
