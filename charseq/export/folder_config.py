"""config.json in an exported folder: everything that a model needs beside its tensors.

The file is JSON in UTF-8, indented, with sorted keys:

    charseq_export  the format version of the folder: 1
    charseq         the version of charseq that wrote it
    network         the fields of `charseq.model.network.Network`
    vocabulary      symbols (the index of a symbol is its id; "" is the boundary between lines), unit and
                    normalization; labels: the ids of the symbols that are labels
    label_counts    the number of training lines of each label
    opening         the first symbol of the training text
    memorized       the memorized strings; empty for other text.  A model that memorized strings continues
                    them to their ends, which are not in its tensors
    settings        `SETTINGS`: how the model reads text, and the defaults of training it further
    training        the measurements of the saved weights, as the model file has them: epoch, passes,
                    accuracy, and losses in nats per symbol
    text            the name of the training text, without its folders; null if unknown
    model           file and sha256 of the tensors: the parameters, named as `Network.parameter_specs` names
                    them, and the n-gram model, as `charseq.model.ngram_tensors` has it
    sha256          the SHA-256 of this object without this key, as JSON with sorted keys and no spaces,
                    in ASCII

The digests detect damage, not manipulation.  Version 1 is the only one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from charseq._version import __version__
from charseq.errors import ModelFileError, UsageError, quoted
from charseq.model import tensor_file
from charseq.model.description import FORMAT as MODEL_FORMAT
from charseq.model.description import TRAINING_FIELDS
from charseq.model.json_types import parse_object, parse_value
from charseq.model.model_file import Model
from charseq.settings.fine_tuning import INHERITED

CONFIG = tensor_file.EXPORT_CONFIG
MODEL = "model.safetensors"
VERSION = 1
"""The format version of the folder; newer ones are refused."""
VERSION_KEY = "charseq_export"
"""The key of the version, which distinguishes the file from the config.json of other programs."""
MEASUREMENTS = TRAINING_FIELDS.keys() - {"settings", "imported"}
SETTINGS = (*INHERITED, "sequence_length")
"""The settings that are exported, beside those of the network."""
LARGEST_CONFIG = 5_000_000
"""Bytes."""
MOST_ITEMS = 400_000
"""The most commas, within strings or not: each value that one separates takes memory."""
MOST_OBJECTS = 100_000
"""The most opening brackets and braces, within strings or not."""
DAMAGED_HINT = "export the model again, or use another copy of the folder"


def config_of(model: Model, sha256: str, text: str | None) -> bytes:
    """Return the content of config.json; `sha256` is that of the tensors' file.

    Raises UsageError for a vocabulary that no reader would accept.
    """
    training = dict(model.training)
    settings = training.pop("settings", {})
    values = {
        VERSION_KEY: VERSION,
        "charseq": __version__,
        "network": asdict(model.network),
        "vocabulary": asdict(model.vocabulary),
        "label_counts": model.label_counts,
        "opening": model.opening,
        "memorized": model.memorized,
        "settings": {name: settings[name] for name in SETTINGS if name in settings},
        "training": {
            name: training[name] for name in TRAINING_FIELDS.keys() - {"imported"} & training.keys()
        },
        "text": text,
        "model": {"file": MODEL, "sha256": sha256},
    }
    values["sha256"] = _digest(values)
    shown = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    data = (_escaped(shown) + "\n").encode()
    if len(data) > LARGEST_CONFIG or _has_too_many_values(data):
        raise UsageError(
            f"the vocabulary of {len(model.vocabulary):,} symbols is too large to export",
            hint="share the run's folder instead",
        )
    return data


def parse_config(path: Path, data: bytes) -> dict[str, Any]:
    """Return the values of a config.json, whose version and SHA-256 are checked.  Raises ModelFileError."""
    name = quoted(path)
    try:
        if _has_too_many_values(data):
            raise ValueError
        values = tensor_file.parse_json(data.decode())
        version = values.get(VERSION_KEY)
    except (ValueError, AttributeError):
        raise ModelFileError(f"{name} is damaged: it is not valid JSON", hint=DAMAGED_HINT) from None
    if version is None:
        raise ModelFileError(
            f"{name} was not written by 'charseq export': it has no {quoted(VERSION_KEY)}",
            hint="import a folder of --format safetensors, or the state_dict of an RNN, LSTM or GRU "
            "(a .safetensors file) with --vocabulary-file",
        )
    if type(version) is not int or not 1 <= version <= VERSION:
        newer = values.get("charseq")
        newer = newer if isinstance(newer, str) and re.fullmatch(r"[\w.+-]{1,40}", newer) else ""
        raise ModelFileError(
            f"{name} has format {str(version)[:20]}; this charseq ({__version__}) reads formats up to "
            f"{VERSION}",
            hint=f"install charseq {newer} or later" if newer else "install a later charseq",
        )
    claimed = values.pop("sha256", None)
    try:
        is_intact = claimed == _digest(values)
    except (ValueError, RecursionError):
        is_intact = False
    if not is_intact:
        raise ModelFileError(
            f"{name} is damaged or was edited: it does not match its SHA-256", hint=DAMAGED_HINT
        )
    return dict(values)


def described(config: Mapping[str, Any], digests: Mapping[str, str], imported: object) -> dict[str, Any]:
    """Return the values of a config.json in the layout of a model file's description.

    Raises KeyError for one that is missing, ValueError for one of another type.
    """
    training = parse_object(config["training"], "training")
    settings = parse_object(config["settings"], "settings")
    return {
        "format": MODEL_FORMAT,
        "charseq": config["charseq"],
        "network": config["network"],
        "vocabulary": config["vocabulary"],
        "label_counts": config["label_counts"],
        "learned": config["memorized"],
        "opening": config["opening"],
        "training": {
            **{name: training[name] for name in MEASUREMENTS & training.keys()},
            "settings": {name: settings[name] for name in SETTINGS if name in settings},
            "imported": imported,
        },
        "place": None,
        "tensors": dict(digests),
    }


def text_name(config: Mapping[str, Any]) -> str | None:
    """Return the name of the training text, without folders.  Raises KeyError or ValueError."""
    name = parse_value(config["text"], str | None, "text")
    return None if name is None else str(name)[:1000]


def model_digest(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the tensors' file.  Raises KeyError or ValueError."""
    model = parse_object(config["model"], "model")
    if model["file"] != MODEL:
        raise ValueError(f"its tensors are not in {MODEL}")
    return str(parse_value(model["sha256"], str, "sha256"))


def _has_too_many_values(data: bytes) -> bool:
    return data.count(b",") > MOST_ITEMS or data.count(b"[") + data.count(b"{") > MOST_OBJECTS


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _escaped(text: str) -> str:
    """Escape the characters of JSON that a terminal might obey, or that UTF-8 lacks."""
    return re.sub(r"[^\n\x20-\x7e]", _escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    codes = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{codes[i : i + 4]}" for i in range(0, len(codes), 4))
