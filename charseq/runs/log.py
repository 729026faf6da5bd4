"""Read the log of a run as events, also of an earlier version, a damaged one, or one that grows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import repeat
from math import nan
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from charseq.errors import CharseqError, UsageError, quoted
from charseq.events import End, Epoch, Event, Report, Start
from charseq.model.json_types import parse_value
from charseq.runs.end_reason import with_reason
from charseq.runs.folder import LOG
from charseq.runs.lock import lock_holder
from charseq.runs.log_lines import record_of
from charseq.settings.train_settings import TrainSettings
from charseq.system.file_errors import reason, remedy

E = TypeVar("E", Start, Epoch, Report, End, TrainSettings)

LONGEST_LINE = 1 << 26
"""Bytes up to which a line is read as one event."""
UNKNOWN_SYMBOL = "\ufffd"
"""The symbol of an id that a log without its first line does not explain."""
MOST_SYMBOLS = 1 << 22
"""The number of ids for which symbols are looked for."""

START_DEFAULTS = {
    "vocabulary_size": 0, "parameters": 0, "device": "cpu", "path": "fused", "kernel": "torch", "run": "",
    "characters": 0, "sequences": 1, "unit": "character", "normalization": "none", "symbols": (),
}  # fmt: skip
EPOCH_DEFAULTS = {
    "loss": nan, "accuracy": nan, "prediction": "", "target": "", "predicted_ids": [], "target_ids": [],
    "validation_accuracy": None, "characters_per_second": 0.0, "learning_rate": nan, "seconds": nan,
    "done": 0.0,
}  # fmt: skip
END_DEFAULTS = {
    "model": None, "epoch": 0, "epochs": 0, "loss": None, "accuracy": None, "validation_loss": None,
    "seconds": nan,
}  # fmt: skip
"""The values of fields without a default that a log, or a log of an earlier version, does not have."""


OBJECTS: dict[str, dict[str, Any]] = {
    "outliers": {"text": str, "characters": int, "loss": float, "share": float},
    "conflict": {"context": str, "following": list[str], "count": int},
    "shift": {"first": float, "last": float, "pieces": float, "nats": float},
    "lineage": {"model": str, "sha256": str},
}
"""The types of the values in fields that are objects, or lists of objects."""

_FIELDS: dict[type[Any], list[tuple[str, Any, bool]]] = {}
"""The fields of each kind of event; reading the annotations takes a while."""


class Entry(NamedTuple):
    """A line of a log."""

    offset: int
    """Its offset in bytes."""
    number: int
    """Its number, from 1; 0 for a Start event that stands for a missing one."""
    record: dict[str, Any]
    """Its JSON object; empty for a Start event that stands for a missing one."""
    event: Event | None
    """Its event; None if this version does not know the event."""


class Log:
    """The log in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._path = folder, folder / LOG
        self.damaged = 0
        """The number of damaged lines so far."""
        self.is_start_known = True
        """Whether the log has the first event of its run."""
        self._start: Start | None = None

    @property
    def is_started(self) -> bool:
        """Whether the first event was read, or made of others."""
        return self._start is not None

    def __iter__(self) -> Iterator[Entry]:
        """Yield the lines without the damaged ones.  Raises UsageError if the file is unreadable."""
        self.damaged, self._start = 0, None
        for number, offset, line in self._lines():
            record = record_of(line)
            if not record and not line.endswith(b"\n") and lock_holder(self.folder):
                return  # a line that is being written
            try:
                event = self._event(record)
            except ValueError:
                self.damaged += 1
                continue
            if isinstance(event, Start):
                self._start = event
            elif self._start is None and event is not None:
                self.is_start_known = False
                self._start = self._made_start()
                yield Entry(0, 0, {}, self._start)
            yield Entry(offset, number, record, event)

    def epoch_at(self, offset: int) -> Epoch:
        """Return the epoch, or report, of the line at an offset, which has been read before.

        Raises CharseqError if it is no longer there: another run has replaced the log.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                event = self._event(record_of(file.readline(LONGEST_LINE)))
        except (OSError, ValueError):
            event = None
        if not isinstance(event, Epoch):
            raise CharseqError(
                f"{quoted(self._path)} has changed: another run replaces it, or it was removed",
                hint="run the command again",
            )
        return event

    def _lines(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the number and the offset of each line that is not empty, and the line."""
        number = offset = 0
        try:
            with self._path.open("rb") as file:
                while line := file.readline(LONGEST_LINE):
                    number += 1
                    if line.strip():
                        yield number, offset, line
                    offset += len(line)
        except OSError as error:
            raise UsageError(
                f"cannot read {quoted(self._path)}: {reason(error)}", hint=remedy(error, "name another run")
            ) from None

    def _event(self, record: Mapping[str, Any]) -> Event | None:
        """Return the event of a record.  Raises ValueError for one that is damaged."""
        kind = record.get("event")
        if kind == Start.event and self._start is None:
            return _start(record, self.folder)
        if kind == Epoch.event or kind == Report.event:
            symbols = (self._start or self._made_start()).symbols
            return _epoch(Epoch if kind == Epoch.event else Report, record, symbols)
        if kind == End.event:
            end = _built(End, record, END_DEFAULTS)
            return with_reason(end, self._start) if self._start and self.is_start_known else end
        if not isinstance(kind, str):
            raise ValueError("no event")
        return None

    def _made_start(self) -> Start:
        """Return a Start event for a log without one, from its epochs: they have symbols and losses."""
        symbols: dict[int, str] = {}
        validates = has_ngrams = False
        for _, _, line in self._lines():
            record = record_of(line)
            validates |= record.get("validation_loss") is not None
            has_ngrams |= record.get("ngram_validation_loss") is not None
            for text, ids in (("prediction", "predicted_ids"), ("target", "target_ids")):
                texts = record.get(text)
                texts = [texts] if isinstance(texts, str) else _list(texts)
                for string, numbers in zip(texts, map(_list, _list(record.get(ids))), strict=False):
                    is_known = isinstance(string, str) and len(string) == len(numbers)
                    known = string if is_known else repeat(UNKNOWN_SYMBOL, len(numbers))
                    for number, symbol in zip(numbers, known, strict=True):
                        if type(number) is int and 0 <= number < MOST_SYMBOLS:
                            symbols.setdefault(number, symbol)
        size = max(symbols, default=-1) + 1
        values: dict[str, Any] = {
            **START_DEFAULTS,
            "run": str(self.folder),
            "symbols": tuple(symbols.get(number, UNKNOWN_SYMBOL) for number in range(size)),
            "vocabulary_size": size,
            "ngrams": int(has_ngrams),
        }
        settings = TrainSettings(whole=not validates, validation=0.1 if validates else 0.0)
        return Start(settings=settings, **values)


def _start(record: Mapping[str, Any], folder: Path) -> Start:
    values: dict[str, Any] = {"run": str(folder), **record}
    symbols = _list(record.get("symbols"))
    return _built(
        Start, {"vocabulary_size": len(symbols), **values, "settings": _settings(record)}, START_DEFAULTS
    )


def _settings(record: Mapping[str, Any]) -> TrainSettings:
    """Return the settings in a record; the default of each one that this version does not accept."""
    # Start has fields of the same names: the device, the kernel and the precision that were used.
    known = {each.name for each in fields(TrainSettings)} - {each.name for each in fields(Start)}
    given = {name: value for name, value in record.items() if name in known}
    try:
        return _built(TrainSettings, given, {})
    except (ValueError, UsageError):
        accepted: dict[str, Any] = {}
        for name, value in given.items():
            try:
                _built(TrainSettings, {**accepted, name: value}, {})
            except (ValueError, UsageError):
                continue
            accepted[name] = value
        return _built(TrainSettings, accepted, {})


def _epoch(kind: type[Epoch], record: Mapping[str, Any], symbols: Sequence[str]) -> Epoch:
    """Return an epoch, or a report within one.

    Raises ValueError for values of another type, impossible numbers, and ids that have no symbol.
    """
    values = dict(record)
    if "passes" not in values:
        values["passes"] = values.get("epoch")
    for text, ids in (("prediction", "predicted_ids"), ("target", "target_ids")):
        if ids not in values and text in values:  # logs of the first version
            texts = parse_value(values[text], str | list[str], text)
            texts = [texts] if isinstance(texts, str) else texts
            numbers = {symbol: number for number, symbol in enumerate(symbols)}
            values[ids] = [[numbers.get(symbol, -1) for symbol in string] for string in texts]
    event = _built(kind, values, EPOCH_DEFAULTS)
    if event.epoch < 0 or event.passes < 0:
        raise ValueError("a negative position")
    if any(
        each is not None and (each < 0 or each > 1) for each in (event.accuracy, event.validation_accuracy)
    ):
        raise ValueError("an accuracy outside 0 to 1")
    lengths = [[len(string) for string in strings] for strings in (event.predicted_ids, event.target_ids)]
    used = [
        number for strings in (event.predicted_ids, event.target_ids) for ids in strings for number in ids
    ]
    if lengths[0] != lengths[1] or (used and not 0 <= min(used) <= max(used) < len(symbols)):
        raise ValueError("ids without a symbol")
    return event


def _built(kind: type[E], record: Mapping[str, Any], defaults: Mapping[str, Any]) -> E:
    """Return a dataclass of the fields in a record, and of defaults.  Raises ValueError."""
    values: dict[str, Any] = {}
    for name, hint, has_default in _fields(kind):
        value = record.get(name)
        if name == "settings":
            values[name] = value
        elif name not in record or (value is None and name in defaults):
            if name in defaults:
                values[name] = defaults[name]
            elif not has_default:
                raise ValueError(f"no {name}")
        else:
            values[name] = nan if value is None and hint is float else parse_value(value, hint, name)
            for each in (value if isinstance(value, list) else [value]) if name in OBJECTS and value else ():
                for key, kind_of_value in OBJECTS[name].items():
                    parse_value(each.get(key), kind_of_value, key)
    return kind(**values)


def _fields(kind: type[E]) -> list[tuple[str, Any, bool]]:
    """Return the name of each field, its type, and whether it has a default."""
    if kind not in _FIELDS:
        hints = get_type_hints(kind)
        _FIELDS[kind] = [
            (each.name, hints[each.name], (each.default, each.default_factory) != (MISSING, MISSING))
            for each in fields(kind)
        ]
    return _FIELDS[kind]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
