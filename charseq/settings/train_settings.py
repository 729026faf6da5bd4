"""What a training run is told to do."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from charseq.errors import UsageError
from charseq.text.validation_split import ValidationSplit
from charseq.text.windows import Window

Head = Literal["linear", "none"]
InitialState = Literal["zero", "learned"]
Schedule = Literal["constant", "cosine", "one-cycle"]
Precision = Literal["auto", "float32", "bfloat16"]
KernelChoice = Literal["auto", "native", "torch"]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop"]


LARGEST_WHOLE_NUMBER = 2**63 - 1
LARGEST, SMALLEST = 1e38, sys.float_info.min
"""The largest number, which is one of float32, too, and the smallest above zero."""
WHOLE_NUMBERS = {
    "hidden_size": 1,
    "layers": 1,
    "epochs": 1,
    "batch_size": 1,
    "sequence_length": 1,
    "embedding_size": 0,
    "stride": 0,
    "patience": 0,
    "seed": 0,
    "recoveries": 0,
}
"""The settings that are whole numbers, and the least of each."""
NUMBERS = {
    "dropout": (0.0, 0.95),
    "time_limit": (SMALLEST, LARGEST),
    "learning_rate": (SMALLEST, LARGEST),
    "warm_up": (0.0, 0.9),
    "weight_decay": (0.0, LARGEST),
    "average": (0.0, 0.999999),
    "clip": (0.0, LARGEST),
    "validation": (0.0, 0.9),
}
"""The settings that are numbers, and the range of each."""
OPTIONAL = ("time_limit", "weight_decay")
"""The settings that may be None."""
CHOICES = {
    "head": Head,
    "initial_state": InitialState,
    "schedule": Schedule,
    "optimizer": OptimizerName,
    "precision": Precision,
    "kernel": KernelChoice,
    "validation_split": ValidationSplit,
}
"""The settings that are one of several names."""
FLAGS = ("residual", "layer_norm", "tie_weights", "whole", "until_learned")
"""The settings that are true or false."""


@dataclass(frozen=True)
class TrainSettings:
    """Every choice of a run, none left open."""

    cell: str = "gru"
    hidden_size: int = 128
    layers: int = 1
    dropout: float = 0.0
    embedding_size: int = 0
    head: Head = "linear"
    residual: bool = False
    layer_norm: bool = False
    tie_weights: bool = False
    initial_state: InitialState = "zero"
    epochs: int = 1
    time_limit: float | None = None
    """Seconds; the schedule ends with it."""
    learning_rate: float = 0.003
    schedule: Schedule = "cosine"
    optimizer: OptimizerName = "adam"
    warm_up: float = 0.0
    """The part of the run in which the learning rate rises to its full height."""
    weight_decay: float | None = None
    """What an update takes off every weight, times the learning rate; None leaves it to the optimizer."""
    average: float = 0.0
    """The decay of the moving average of the weights, which is measured and kept; 0 keeps the weights."""
    precision: Precision = "auto"
    kernel: KernelChoice = "auto"
    """What runs cells on a CPU: charseq's own C where it was built, or torch."""
    clip: float = 1.0
    """The largest norm of a gradient; 0 leaves gradients as they are."""
    batch_size: int = 1
    sequence_length: int = 1
    """Steps that the gradient reaches back."""
    stride: int = 0
    """Not 0, text is learned as overlapping windows of `sequence_length`, each this much further on."""
    validation: float = 0.0
    """The fraction of the text held out."""
    validation_split: ValidationSplit = "spread"
    """Where it is held out: spread over the text, or its tail."""
    patience: int = 0
    """Epochs without a better validation loss before the run ends early; 0 never does."""
    seed: int = 0
    device: str = "auto"
    whole: bool = True
    """Whether every string is learned as one unbroken sequence."""
    recoveries: int = 0
    """How often a loss that runs away is met by half the learning rate, before the run ends as diverged."""
    until_learned: bool = False
    """End once every place has been right for some epochs."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why defaults are what they are, by setting, in words."""

    def __post_init__(self) -> None:
        """Raise UsageError for a value that is not of its type, or out of range."""
        for name, least in WHOLE_NUMBERS.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= LARGEST_WHOLE_NUMBER:
                raise UsageError(f"{name} is {value!r}", hint=f"it must be a whole number of {least} or more")
        for name, (low, high) in NUMBERS.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise UsageError(f"{name} is {value!r}", hint=f"it must be a number from {low:g} to {high:g}")
        for name, kind in CHOICES.items():
            value = getattr(self, name)
            if value not in get_args(kind):
                raise UsageError(f"{name} is {value!r}", hint=f"it is one of {', '.join(get_args(kind))}")
        for name in ("cell", "device"):
            if not isinstance(value := getattr(self, name), str):
                raise UsageError(f"{name} is {value!r}", hint="it is a name")
        for name in FLAGS:
            if not isinstance(value := getattr(self, name), bool):
                raise UsageError(f"{name} is {value!r}", hint="it is True or False")

    @property
    def window(self) -> Window | None:
        """The overlapping windows that a text is read in; None where it is read with the state carried."""
        return Window(self.sequence_length, self.stride) if self.stride else None
