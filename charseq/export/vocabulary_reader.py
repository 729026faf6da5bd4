"""Read the vocabulary of a model that was trained elsewhere, or by charseq and exported for PyTorch.

A vocabulary file is one of

- vocabulary.json of an exported folder, as `charseq.export.vocabulary_file` describes it;
- a JSON list of the symbols in the order of their ids; "" is the boundary between lines;
- a JSON object, either from symbols to ids or from ids to symbols, or one with such an object, or a list, as
  its "stoi" or "itos";
- any file whose name does not end in .json: text in UTF-8, whose characters are the symbols in the order of
  their ids.  A byte-order mark at its beginning or a line end at its end does not count if the tensors have
  fewer symbols.

Nothing in it is trusted or executed.
"""

import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from charseq.cells import cell_named
from charseq.errors import ModelFileError, UsageError, quoted
from charseq.export.vocabulary_file import SETTINGS
from charseq.model import tensor_file
from charseq.model.json_types import parse_dataclass, parse_object, parse_value
from charseq.model.network import Network
from charseq.render.quantities import count
from charseq.settings.train_settings import TrainSettings
from charseq.system.file_errors import reason, remedy
from charseq.text.units import Normalization, Unit, can_segment
from charseq.text.vocabulary import BOUNDARY, Vocabulary

SPECIAL_SYMBOLS = (
    'a symbol is one character: in the vocabulary file, write "" for the symbol that begins and ends a line, '
    'and "\\ufffd" for the one that replaces unknown characters'
)
LARGEST_FILE = 1 << 24
"""The largest vocabulary file in bytes: more than all characters of Unicode need."""
MOST_OBJECTS = 100_000
"""The most opening brackets and braces of a JSON file, within strings or not: they cost most memory."""
FORMS = "a JSON list of symbols, a JSON object of symbols and ids, or a text file of characters"


@dataclass(frozen=True)
class VocabularyFile:
    """The content of a vocabulary file."""

    path: Path
    symbols: tuple[str, ...]
    """By id."""
    is_text: bool = False
    """Whether the symbols are the characters of a text file, whose ends may be no symbols."""
    unit: Unit | None = None
    """None if the file does not have it."""
    normalization: Normalization = "none"
    labels: tuple[int, ...] = ()
    label_counts: tuple[int, ...] = ()
    opening: str | None = None
    memorized: tuple[str, ...] = ()
    network: Network | None = None
    """The network that the export described."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def of_size(self, size: int) -> "VocabularyFile":
        """Return it with as many symbols as the tensors have.  Raises ModelFileError."""
        text = "".join(self.symbols) if self.is_text else ""
        ends = (text, text.removesuffix("\n"), text.removesuffix("\n").removesuffix("\r"))
        for candidate in (*ends, *(end.removeprefix("\ufeff") for end in ends)) if self.is_text else ():
            if len(candidate) == size:
                return replace(self, symbols=tuple(candidate))
        if len(self.symbols) != size:
            raise ModelFileError(
                f"the vocabulary {quoted(self.path)} has {count(len(self.symbols), 'symbol')}, "
                f"and the tensors are those of {size:,}",
                hint="use the vocabulary that the model was trained with",
            )
        return self

    def order(self) -> list[int]:
        """Return the ids in the order in which a vocabulary of charseq has them: the boundary first."""
        ids = range(len(self.symbols))
        return list(ids) if self.labels else sorted(ids, key=lambda i: self.symbols[i] != BOUNDARY)

    def vocabulary(self) -> Vocabulary:
        """Return the vocabulary.  Raises ModelFileError for symbols that it cannot have."""
        symbols = tuple(self.symbols[i] for i in self.order())
        name, distinct = quoted(self.path), len({*symbols})
        if not self.labels and distinct < len(symbols):
            ((double, _),) = Counter(symbols).most_common(1)
            raise ModelFileError(
                f"{name} has {count(len(symbols), 'symbol')}, of which {distinct:,} are different; "
                f"{quoted(double)} occurs more than once",
                hint="use the vocabulary that the model was trained with",
            )
        longer = max(map(len, symbols)) > 1
        try:
            unit = self.unit or ("grapheme" if longer and can_segment("grapheme") else "character")
            return Vocabulary(symbols, unit, self.normalization, self.labels)
        except ModelFileError as error:
            raise ModelFileError(f"{name} cannot be used: {error.message}", hint=SPECIAL_SYMBOLS) from error


def read_vocabulary(path: Path) -> VocabularyFile:
    """Read a vocabulary file of any form.  Raises ModelFileError."""
    data, name = _read(path), quoted(path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(
            f"{name} is not UTF-8: invalid at byte {error.start:,}", hint=f"it must be {FORMS}"
        ) from None
    if path.suffix.lower() != ".json":
        return VocabularyFile(path, tuple(text), is_text=True)
    try:
        if data.count(b"[") + data.count(b"{") > MOST_OBJECTS:
            raise ValueError("it is nested too often")
        values = tensor_file.parse_json(text.removeprefix("\ufeff"))
        if isinstance(values, dict) and isinstance(values.get("symbols"), list):
            return _described(path, values)
        return VocabularyFile(path, _symbols(values))
    except KeyError as error:
        raise ModelFileError(
            f"{name} is incomplete: {error} is missing", hint=f"it must be {FORMS}"
        ) from None
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{name} is invalid: {error}", hint=f"it must be {FORMS}") from None


def _read(path: Path) -> bytes:
    """Return the content of a regular file that is not too large.  Raises ModelFileError."""
    name = quoted(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"the vocabulary {name} is not a file", hint=f"it must be {FORMS}")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise ModelFileError(
            f"cannot read the vocabulary {name}: {reason(error)}", hint=remedy(error)
        ) from None
    if len(data) > LARGEST_FILE:
        raise ModelFileError(
            f"the vocabulary {name} has more than {LARGEST_FILE:,} bytes", hint=f"it must be {FORMS}"
        )
    return data


def _symbols(values: Any) -> tuple[str, ...]:
    """Return the symbols of a list, or of an object.  Raises ValueError."""
    if isinstance(values, dict):
        inner = [values[key] for key in ("itos", "stoi") if isinstance(values.get(key), dict | list)]
        values = _by_id(inner[0] if inner else values)
    if not isinstance(values, list) or not all(isinstance(symbol, str) for symbol in values):
        raise ValueError("its symbols are not strings")
    return tuple(values)


def _by_id(values: Any) -> Any:
    """Return a list of the symbols of an object in the order of their ids."""
    if not isinstance(values, dict):
        return values
    if all(type(i) is int for i in values.values()):
        ids = {i: symbol for symbol, i in values.items()}
    elif all(key.isascii() and key.isdecimal() and len(key) < 9 for key in values):
        ids = {int(key): symbol for key, symbol in values.items()}
    else:
        raise ValueError("its values are not ids, and its keys are not ids")
    if len(ids) < len(values):
        raise ValueError(f"its {len(values):,} symbols have {len(ids):,} different ids")
    if ids and (min(ids), max(ids)) != (0, len(ids) - 1):
        raise ValueError(
            f"its {len(ids):,} ids are {str(min(ids))[:20]} to {str(max(ids))[:20]}, "
            f"where 0 to {len(ids) - 1:,} are required"
        )
    return [ids[i] for i in range(len(ids))]


def _described(path: Path, values: Mapping[str, Any]) -> VocabularyFile:
    """Return the content of a file that charseq wrote.  Raises KeyError, TypeError or ValueError."""
    labels = parse_value(values["labels"], dict[str, int], "labels")
    symbols = parse_value(values["symbols"], list[str | None], "symbols")
    for name, i in labels.items():
        if not 0 < i < len(symbols) or symbols[i] is not None:
            raise ValueError(f"the label {quoted(name)} has the id {i}")
        symbols[i] = name
    if None in symbols:
        raise ValueError("a symbol is null, and no label")
    counts = parse_value(values["label_counts"], tuple[int, ...], "label_counts")
    if len(counts) != len(labels) or any(count < 0 for count in counts):
        raise ValueError(f"it has {len(counts)} counts of {len(labels)} labels")
    try:
        return VocabularyFile(
            path,
            tuple(map(str, symbols)),
            unit=parse_value(values["unit"], Unit, "unit"),
            normalization=parse_value(values["normalization"], Normalization, "normalization"),
            labels=tuple(labels.values()),
            label_counts=counts,
            opening=parse_value(values["opening"], str, "opening"),
            memorized=parse_value(values["memorized"], tuple[str, ...], "memorized"),
            network=_network(values["network"]),
            settings=_settings(values["settings"]),
        )
    except UsageError as error:
        raise ValueError(error.message) from error


def _network(value: Any) -> Network:
    values = parse_object(value, "network")
    cell_named(str(values["cell_name"]))
    network = parse_dataclass(Network, values)
    sizes = (network.vocabulary_size, network.hidden_size, network.layers, network.embedding_size + 1)
    if min(sizes) < 1:
        raise ValueError(f"sizes {sizes}")
    return network


def _settings(value: Any) -> dict[str, Any]:
    settings = {name: each for name, each in parse_object(value, "settings").items() if name in SETTINGS}
    checked = parse_dataclass(TrainSettings, settings)
    if checked.stride > checked.sequence_length:
        raise ValueError(f"a stride of {checked.stride} in windows of {checked.sequence_length}")
    return settings
