"""What a report reads of a run: its log, its model file, and a text to look into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charseq.errors import ModelFileError, UsageError
from charseq.model.model_file import Model, read
from charseq.runs.folder import MODEL
from charseq.runs.lock import lock_holder
from charseq.runs.log_paths import logged_run
from charseq.runs.model_paths import model_path
from charseq.runs.run_log import RunLog, number, read_log, text
from charseq.runs.timing import times
from charseq.runs.training_text import saved_text
from charseq.text.unknown import INSPECTION
from charseq.text.vocabulary import Ids

MAX_SYMBOLS = 2000
"""The most symbols of all texts that a report looks into."""
MAX_TEXTS = 12
"""The most texts that a report looks into."""


@dataclass(frozen=True)
class ReadText:
    """A text that the model reads from the initial state."""

    origin: str
    """Where it comes from, in words."""
    ids: Ids
    """What the model reads, with boundary symbols."""


@dataclass(frozen=True)
class ReportedRun:
    """A run to report on."""

    folder: Path
    log: RunLog
    model: Model | None
    """None if the run has saved no model."""
    model_bytes: int = 0
    """The size of the model file."""
    is_training: bool = False
    """Whether a process trains it now."""
    seconds: float | None = None
    """The time of the last measurement since training began; None if it is not recorded."""

    @property
    def name(self) -> str:
        """The name of the run's folder, or of the model file's."""
        return self.folder.name or str(self.folder)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The vocabulary of the model, or else that of the log."""
        if self.model is not None:
            return self.model.vocabulary.symbols
        symbols = self.log.start.get("symbols")
        is_list = isinstance(symbols, list) and all(isinstance(symbol, str) for symbol in symbols)
        return tuple(symbols) if is_list else ()  # type: ignore[arg-type]

    @property
    def unit(self) -> str:
        """The unit of text."""
        return self.model.vocabulary.unit if self.model else text(self.log.start, "unit") or "character"


def load(named: str | None) -> ReportedRun:
    """Read the run of a name, or the newest one, without its texts.

    A run without a model is one with a log only.  Raises ModelFileError, UsageError.
    """
    try:
        path = model_path(named)
    except ModelFileError as error:
        try:
            path = logged_run(named) / MODEL
        except UsageError:
            raise error from None
    is_run = path.name == MODEL
    folder = path.parent if is_run else path
    log = read_log(folder) if is_run else RunLog({}, (), {})
    is_training = is_run and lock_holder(folder) is not None
    seconds = max((time.seconds for time in times(folder)), default=None) if is_run else None
    if is_run and not path.is_file():
        return ReportedRun(folder, log, None, is_training=is_training, seconds=seconds)
    return ReportedRun(folder, log, read(path), path.stat().st_size, is_training, seconds)


def load_trained(named: str | None) -> tuple[ReportedRun, Model]:
    """Read the run of a name, or the newest one, and its model.  Raises ModelFileError, UsageError."""
    run = load(named)
    return run, run.model or read(model_path(str(run.folder)))


def texts_of(run: ReportedRun, given: Sequence[str] = ()) -> tuple[list[ReadText], bool]:
    """Return the texts to look into, and whether they were shortened.

    They are the `given` ones, or the memorized ones, or the held-out text in the log and the last sample, or
    the beginning of the training text if the model file has it.  Raises UnknownCharacter.
    """
    if run.model is None:
        return [], False
    found = [*_given(run.model, given)] or _known(run, run.model)
    kept: list[ReadText] = []
    left = MAX_SYMBOLS
    for each in found[:MAX_TEXTS]:
        ids = each.ids[:left]
        left -= len(ids)
        if len(ids) > 1:
            kept.append(ReadText(each.origin, ids))
    return kept, sum(len(each.ids) for each in found) > MAX_SYMBOLS - left or len(found) > MAX_TEXTS


def _given(model: Model, texts: Sequence[str]) -> list[ReadText]:
    vocabulary = model.vocabulary
    label = vocabulary.label_names[int(np.argmax(model.label_counts))] if vocabulary.labels else None
    origin = "the given text" if label is None else f"the given text, read with the label {label}"
    found = []
    for string in texts:
        with INSPECTION.explaining():
            ids = vocabulary.encode_text(string, begin=True, end=True, label=label).ids
        found.append(ReadText(origin, ids))
    return found


def memorized_texts(model: Model) -> list[ReadText]:
    """Return the texts that a model memorized."""
    encoded = [model.vocabulary.encode_text(text, begin=True, end=True).ids for text in model.memorized]
    return [ReadText("the memorized text", ids) for ids in encoded]


def held_out_texts(run: ReportedRun, model: Model) -> list[ReadText]:
    """Return the held-out text whose predictions the log shows, in a list; an empty one if there is none."""
    vocabulary, held_out = model.vocabulary, _logged_ids(run)
    if not held_out or (vocabulary.labels and held_out[0] not in vocabulary.labels):  # the label is unknown
        return []
    begin = [0] if vocabulary.boundary and not vocabulary.labels else []
    return [ReadText("held-out text (not trained on)", np.array([*begin, *held_out], vocabulary.dtype))]


def _known(run: ReportedRun, model: Model) -> list[ReadText]:
    """Return the texts that the model file and the log have."""
    vocabulary = model.vocabulary
    if model.memorized:
        return memorized_texts(model)
    found = held_out_texts(run, model)
    samples = [event for event in run.log.evaluations if text(event, "sample")]
    for event in samples[-1:]:
        origin = f"text generated after {_after(event)}"
        found += [ReadText(origin, ids) for ids in _sampled(model, text(event, "sample"))]
    if found or run.folder.is_file():
        return found
    source, _ = saved_text(run.folder / MODEL)
    return [
        ReadText("the training text", vocabulary.encode_text(string, unknown="skip", begin=True).ids)
        for string in (source.texts if not vocabulary.labels else ())
    ]


def _after(event: Mapping[str, Any]) -> str:
    """Return when an event was logged: epoch 22, or 22.4 epochs."""
    passes = number(event, "passes") or number(event, "epoch") or 0.0
    if passes.is_integer():
        return f"epoch {passes:,.0f}"
    return f"{passes:,.1f} epochs" if passes >= 10 else f"{passes:.2g} epochs"


def _logged_ids(run: ReportedRun) -> list[int]:
    """Return the ids of the held-out text whose predictions the log shows; empty if there is none."""
    targets = next((event.get("target_ids") for event in reversed(run.log.epochs)), None)
    first = targets[0] if isinstance(targets, list) and targets else []
    is_valid = isinstance(first, list) and all(type(i) is int and 0 <= i < len(run.symbols) for i in first)
    return list(first) if is_valid else []


def _sampled(model: Model, sample: str) -> list[Ids]:
    """Return the ids of a generated sample: one text, or lines; unknown characters are skipped."""
    vocabulary = model.vocabulary
    if not vocabulary.boundary:
        return [vocabulary.encode_text(sample, unknown="skip").ids] if sample else []
    encoded = []
    for line in sample.split("\n") if sample else []:
        label, tab, rest = line.partition("\t")
        if vocabulary.labels and not (tab and label in vocabulary.label_ids):
            continue
        name, string = (label, rest) if vocabulary.labels else (None, line)
        ids = vocabulary.encode_text(string, unknown="skip", begin=True, end=True, label=name).ids
        encoded.append(ids)
    return encoded
