"""vocabulary.json of a folder that PyTorch reads: what the network needs beside its tensors.

The file is a JSON object in ASCII:

    charseq        the version of charseq that wrote it
    network        the fields of `charseq.model.network.Network`
    symbols        the symbols by id; "" is the boundary between lines, null a label
    unit           character, grapheme or byte
    normalization  the Unicode normalization of text: none, nfc, nfd or nfkc
    labels         the id of each label of lines, by name
    label_counts   the number of training lines of each label
    opening        the first symbol of the training text
    memorized      the memorized strings; empty for other text
    complete       the memorized strings that do not begin a longer one, as symbols: generation ends with one
    settings       `SETTINGS`: how the model reads text, and the defaults of training it further
"""

import json
from dataclasses import asdict

from charseq._version import __version__
from charseq.export.torch_predict import complete_texts
from charseq.model.model_file import Model
from charseq.settings.fine_tuning import INHERITED

SETTINGS = (*INHERITED, "sequence_length")
"""The settings that are exported, beside those of the network."""


def vocabulary_json(model: Model) -> bytes:
    """Return the content of vocabulary.json."""
    vocabulary = model.vocabulary
    settings = model.training.get("settings", {})
    values = {
        "charseq": __version__,
        "network": asdict(model.network),
        "symbols": [
            None if is_label else symbol
            for symbol, is_label in zip(vocabulary.symbols, vocabulary.is_label, strict=True)
        ],
        "unit": vocabulary.unit,
        "normalization": vocabulary.normalization,
        "labels": vocabulary.label_ids,
        "label_counts": model.label_counts,
        "opening": model.opening,
        "memorized": model.memorized,
        "complete": complete_texts(model),
        "settings": {name: settings[name] for name in SETTINGS if name in settings},
    }
    return (json.dumps(values, indent=1, allow_nan=False) + "\n").encode("ascii")
