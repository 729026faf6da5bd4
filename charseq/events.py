"""Everything that training can say."""

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal

from charseq.settings.train_settings import TrainSettings

Path = Literal["fused", "stepped"]
Kernel = Literal["native", "torch", "scan", "attention", "product", "step"]
"""What runs the cell: charseq's C, torch's kernels, a scan, attention by stretches, one product, its step."""
EndStatus = Literal["completed", "interrupted", "diverged"]

SCHEMA = 1
"""The version of the records below: fields may be added, never renamed or removed."""


@dataclass(frozen=True)
class Start:
    """A run begins; every setting is known, and stands in the record beside the rest."""

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
    """The vocabulary; a symbol's place is its id."""
    lines: bool = False
    """Whether every line is a sequence."""
    training_characters: int = 0
    """Positions that are trained on, in symbols of the model's unit."""
    validation_characters: int = 0
    """Held-out positions; validation measures at most 131,072 of them."""
    validation_sequences: int = 0
    """The held-out lines, or pieces of running text."""
    validation_chooses: bool = True
    """Whether there are enough of them for the validation loss to choose the best epoch."""
    repeated_lines: int = 0
    """Lines that equal an earlier one; their copies are all on the same side of the split."""
    shift: dict[str, float] | None = None
    """The held-out part whose symbol frequencies differ clearly from the training text: `first` and `last`
    symbol, and the relative entropy in `nats` per symbol.
    """
    highest_accuracy: float | None = None
    """The highest accuracy that any network with this cell can reach on a memorized text; None otherwise."""
    conflict: dict[str, Any] | None = None
    """Of a text that cannot all be memorized, the shortest `context` that is followed by several symbols,
    those symbols (`following`), and the `count` of such contexts.
    """
    resumed: float | None = None
    """How often the text had been read when the run was stopped that now goes on; None of a new run."""


@dataclass(frozen=True)
class Progress:
    """Part of an epoch is done; said several times a second at most."""

    event: ClassVar[str] = "progress"
    epoch: int
    done: float
    """The part of the whole run that is done, 0 to 1."""
    loss: float
    characters_per_second: float
    seconds: float
    sample: str | None = None
    """What the network now writes, where it was asked."""


@dataclass(frozen=True)
class Epoch:
    """An epoch is done.  Losses are in nats per character; `prediction` is what the network now predicts.

    For text learned whole, loss and accuracy are those of the network after the epoch's last update, over
    the whole text; `prediction`, `target` and their ids are lists where several strings are learned.  For
    longer text they are the means since the event before, the prediction is that of the first held-out
    places, and `sample` what the network now writes by itself.
    """

    event: ClassVar[str] = "epoch"
    epoch: int
    loss: float
    accuracy: float
    prediction: str | list[str]
    target: str | list[str]
    predicted_ids: list[list[int]]
    target_ids: list[list[int]]
    validation_loss: float | None
    validation_accuracy: float | None
    characters_per_second: float
    learning_rate: float
    seconds: float
    done: float
    passes: float
    """How often the text has been read so far; of an epoch that was cut short, less than its number."""
    sample: str | None = None
    recoveries: int = 0
    """How often training has diverged so far, and continued at half the learning rate."""
    selection_loss: float | None = None
    """The robust validation loss, which chooses the best epoch: no single held-out sequence dominates it."""


@dataclass(frozen=True)
class Report(Epoch):
    """A part of a long epoch is done: all that an epoch tells, of the epoch that is under way."""

    event: ClassVar[str] = "report"


@dataclass(frozen=True)
class End:
    """The run is over, its best model saved, if it has one; the measures are those of that model."""

    event: ClassVar[str] = "end"
    status: EndStatus
    model: str | None
    """The model file; None where this run saved none."""
    epoch: int
    """The epoch, done or under way, whose weights were kept; 0 are the first weights."""
    epochs: int
    """The number of whole epochs."""
    loss: float | None
    accuracy: float | None
    validation_loss: float | None
    seconds: float
    recoveries: int = 0
    passes: float = 0.0
    """How often the text had been read when what was kept was measured ..."""
    last_passes: float = 0.0
    """... and when the last measure was taken."""
    total_passes: float = 0.0
    """How often the text was read in all."""
    highest_accuracy: float | None = None
    """As in the start event."""
    outliers: list[dict[str, Any]] = field(default_factory=list)
    """Held-out sequences that dominate the validation loss: `text`, `characters`, `loss` (nats per character)
    and `share` (of the whole loss).
    """


Event = Start | Progress | Epoch | Report | End


_TIMES = {"seconds", "characters_per_second", "resumed"}


def record(event: Event, *, timed: bool = True) -> dict[str, Any]:
    """The event as a JSON object; numbers that JSON cannot hold become null.

    Not `timed`, what the clock says is left out, and whether the run was ever stopped: the same training
    then gives the same record.
    """
    values: dict[str, Any] = {"event": event.event}
    if isinstance(event, Start):
        values |= {"schema": SCHEMA, **asdict(event.settings)}
    for each in fields(event):
        if each.name == "settings" or (each.name in _TIMES and not timed):
            continue
        value = getattr(event, each.name)
        values[each.name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return values
