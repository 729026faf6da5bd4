"""The events that training reports, and their JSON records."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, NamedTuple

from charseq.settings.train_settings import ChosenPrecision, Precision, TrainSettings

Path = Literal["fused", "stepped"]
Kernel = Literal["native", "torch", "scan", "attention", "product", "step"]
"""What computes the cell: native C, torch's kernels, a parallel scan, chunked attention, one matrix product,
or the cell's step in a loop.
"""
EndStatus = Literal["completed", "interrupted", "diverged", "imported"]
"""How a run ended.  An imported model was not trained in its run, which has no epochs."""
Fit = Literal["underfits", "fits", "overfits"]
"""How a network fits its text, by its training and validation losses."""
EndReason = Literal["epochs", "patience", "memorized", "time_limit"]


class Limit(NamedTuple):
    """What completes a run."""

    reached: str
    """A sentence that says so."""
    option: str
    """The option that lets the run train further."""


LIMITS: dict[EndReason, Limit] = {
    "epochs": Limit("the number of epochs is reached", "--epochs"),
    "patience": Limit("the validation loss has stopped improving", "--patience"),
    "memorized": Limit("the text is memorized", "--epochs"),
    "time_limit": Limit("the time limit is reached", "--time-limit"),
}
"""The limit that each reason of a complete run stands for."""

SCHEMA = 1
"""The version of the records below: fields may be added, never renamed or removed."""


@dataclass(frozen=True)
class Start:
    """A run begins.  Its record has the settings as fields, too."""

    event: ClassVar[str] = "start"
    settings: TrainSettings
    vocabulary_size: int
    parameters: int
    device: str
    path: Path
    kernel: Kernel
    run: str
    characters: int
    sequences: int
    unit: str
    normalization: str
    symbols: tuple[str, ...]
    """The vocabulary; the index of a symbol is its id."""
    lines: bool = False
    """Whether every line is a sequence."""
    labels: tuple[str, ...] = ()
    """The labels of the lines; empty if they have none."""
    precision: Precision = "auto"
    """The precision of matrix products: float32 or bfloat16; auto in logs of earlier versions."""
    earlier_precision: ChosenPrecision | None = None
    """The precision before the run was resumed, where it was another; None otherwise."""
    training_characters: int = 0
    """Number of training positions, in symbols of the model's unit."""
    validation_characters: int = 0
    """Number of held-out positions; validation uses at most 131,072 of them."""
    ngrams: int = 0
    """Number of n-grams of the n-gram model whose order is the setting `ngram`; 0 without one."""
    ngram_bytes: int = 0
    """Size of the n-gram model in the model file."""
    validation_sequences: int = 0
    """Number of held-out lines, or of pieces of running text."""
    validation_chooses: bool = True
    """Whether the held-out text is large enough to choose the best epoch by the validation loss."""
    repeated_lines: int = 0
    """Number of lines that repeat an earlier one; all copies are on the same side of the split."""
    shift: dict[str, float] | None = None
    """The held-out text whose symbol frequencies differ clearly from the training text, if any: its `first`
    and `last` symbol, its number of `pieces`, and the relative entropy in `nats` per symbol.
    """
    highest_accuracy: float | None = None
    """The highest accuracy that any network with this cell can reach on a memorized text; None otherwise."""
    conflict: dict[str, Any] | None = None
    """The shortest `context` that several symbols follow, those symbols (`following`), and the `count` of
    such contexts; None if the whole text can be memorized.
    """
    lineage: tuple[dict[str, str], ...] = ()
    """The models that training started from, nearest first: the `model` file and its `sha256`."""
    new_characters: float | None = None
    """The fraction of the training text in characters that the model of `lineage` does not know; None without
    one.
    """
    parent_overlap: float | None = None
    """The fraction of the validation text that the text of the model of `lineage` contains, held-out parts
    included; None if that text is not found.
    """
    resumed: float | None = None
    """Passes over the text before the run was resumed; None for a new run."""
    empty_lines: int = 0
    """Number of empty lines that are left out."""
    dropped_lines: int = 0
    """Number of lines that are left out because they repeat an earlier one."""
    text: str | None = None
    """The names of the files, or the beginning of the strings, that the run learns; None if unknown."""
    validation_files: tuple[str, ...] = ()
    """The files of the validation text; empty if it is held out of the text."""
    validation_overlap: float | None = None
    """The fraction of the validation text that the training text contains, too: of all lines, or of pieces of
    running text; None without validation text.
    """
    validation_only: tuple[str, ...] = ()
    """The symbols that only the text of these files has."""
    imported: dict[str, str] = field(default_factory=dict)
    """Where an imported model comes from: the `file` or folder, and the `sha256` of its tensors' file."""
    processes: int = 1
    """The number of processes that train."""


@dataclass(frozen=True)
class Progress:
    """The progress within an epoch, several times per second at most."""

    event: ClassVar[str] = "progress"
    epoch: int
    done: float
    """The finished share of the whole run, 0 to 1."""
    loss: float
    characters_per_second: float
    seconds: float
    sample: str | None = None
    """Text generated by the current network; None between samples."""
    passes: float = 0.0
    """Passes over the text so far."""


@dataclass(frozen=True)
class Epoch:
    """The measures after an epoch.  Losses are in nats per character.

    For a memorized text, loss and accuracy are those of the network after the epoch's last update, over the
    whole text; `prediction`, `target` and their ids are lists if there are several strings.  For longer text,
    loss and accuracy are means since the last event, `prediction` is that of the first held-out positions,
    and `sample` is text generated by the current network.
    """

    event: ClassVar[str] = "epoch"
    epoch: int
    loss: float
    accuracy: float
    prediction: str | list[str]
    target: str | list[str]
    predicted_ids: list[list[int]]
    target_ids: list[list[int]]
    validation_accuracy: float | None
    characters_per_second: float
    learning_rate: float
    seconds: float
    done: float
    passes: float
    """Passes over the text so far; less than `epoch` if a time limit ended the epoch."""
    validation_loss: float | None = None
    sample: str | None = None
    recoveries: int = 0
    """Number of times that training diverged and continued with half the learning rate."""
    selection_loss: float | None = None
    """The robust validation loss that chooses the best epoch: no single held-out sequence dominates it."""
    cross_validation_loss: float | None = None
    """The validation loss with gates that were fitted to the other half of the held-out text."""
    network_validation_loss: float | None = None
    """The validation loss of the network alone."""
    ngram_validation_loss: float | None = None
    """The validation loss of the n-gram model alone; None without one."""


@dataclass(frozen=True)
class Report(Epoch):
    """The measures of a long epoch before its end."""

    event: ClassVar[str] = "report"


@dataclass(frozen=True)
class End:
    """The run has ended.  The measures are those of the saved model."""

    event: ClassVar[str] = "end"
    status: EndStatus
    model: str | None
    """The path of the model file; None if the run saved no model."""
    epoch: int
    """The epoch of the saved weights, complete or not; 0 for the initial weights."""
    epochs: int
    """The number of complete epochs."""
    loss: float | None
    accuracy: float | None
    validation_loss: float | None
    seconds: float
    recoveries: int = 0
    passes: float = 0.0
    """Passes over the text when the saved weights were measured."""
    last_passes: float = 0.0
    """Passes over the text at the last measurement."""
    total_passes: float = 0.0
    """Passes over the text in the whole run."""
    highest_accuracy: float | None = None
    """That of the start event."""
    outliers: list[dict[str, Any]] = field(default_factory=list)
    """Held-out sequences that dominate the validation loss: their `text`, `characters`, `loss` in nats per
    character, and `share` of the total loss.
    """
    reason: EndReason | None = None
    """What completed the run; None if it was interrupted or diverged."""
    cross_validation_loss: float | None = None
    """The validation loss with gates that were fitted to the other half of the held-out text."""
    network_validation_loss: float | None = None
    """The validation loss of the network alone."""
    ngram_validation_loss: float | None = None
    """The validation loss of the n-gram model alone; None without one."""
    fit: Fit | None = None
    """How the network fits its text; None where that cannot be told, and for memorized text."""
    parent_validation_loss: float | None = None
    """The validation loss before the first update of a model that training started from."""


Event = Start | Progress | Epoch | Report | End


_UNLOGGED_FIELDS = {
    "seconds", "characters_per_second", "resumed", "earlier_precision", "new_characters", "parent_overlap",
    "reason",
}  # fmt: skip
"""Fields that logs omit: measured times, what a resumed run does not know, and the reason of the end.

The former differ between equal runs; the last would differ from the logs of earlier versions.
"""


def record(event: Event, *, timed: bool = True) -> dict[str, Any]:
    """Return an event as a JSON object; NaN and infinite numbers become null.

    Without `timed`, it is the record of the log, which equal runs have in common: without times and resuming.
    """
    values: dict[str, Any] = {"event": event.event}
    if isinstance(event, Start):
        values |= {"schema": SCHEMA, **asdict(event.settings)}
        values["reasons"] = dict(sorted(event.settings.reasons.items()))  # as a model file has them
    for each in fields(event):
        value = getattr(event, each.name)
        if each.name == "settings" or (each.name in _UNLOGGED_FIELDS and not timed):
            continue
        if each.name == "imported" and not value:  # as logs of trained runs are
            continue
        values[each.name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return values
