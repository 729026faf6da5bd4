"""What a training run is told to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from charseq.errors import UsageError
from charseq.network import Head, InitialState, Network
from charseq.split import ValidationSplit
from charseq.windows import Window

Schedule = Literal["constant", "cosine", "one-cycle"]
Precision = Literal["auto", "float32", "bfloat16"]
KernelChoice = Literal["auto", "native", "torch"]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop"]


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
        """Raise UsageError for a count of nothing."""
        for name in ("hidden_size", "layers", "epochs", "batch_size", "sequence_length"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise UsageError(f"{name} is {value!r}", hint="it must be a whole number of 1 or more")

    @property
    def window(self) -> Window | None:
        """The overlapping windows that a text is read in; None where it is read with the state carried."""
        return Window(self.sequence_length, self.stride) if self.stride else None

    def network(self, vocabulary_size: int) -> Network:
        """The network to train.  Raises UsageError where sizes cannot fit."""
        return Network(
            self.cell,
            vocabulary_size,
            self.hidden_size,
            self.layers,
            self.embedding_size,
            self.head,
            self.residual,
            self.layer_norm,
            self.tie_weights,
            self.initial_state,
        )
